//! For whom a client speaks: no spelling of an identity or tenant that the engine would read gets
//! past its binding. With the engine's stand-in, which keeps what it was sent, and with our engine,
//! which says whom it took for the caller.

use serde_json::{Value, json};
use tests::client::{Answer, Call, form_encoded};
use tests::issuer::{Issuer, SigningKey};
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{Setup, Sidecar};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";
const SECRET: &str = "alice-secret-of-the-test";

/// A sidecar with the client `alice`, bound as said.
async fn bound(setup: Setup, binding: &Value) -> Sidecar {
    let mut client = json!({ "ClientId": "alice", "ClientSecret": SECRET,
        "Operations": ["*", "manage"] });
    tests::server::merge(&mut client, binding);
    setup
        .with(&json!({ "DetailedRefusals": true }))
        .with_client(client)
        .sidecar()
        .await
}

async fn token(sidecar: &Sidecar) -> String {
    sidecar.token_of("alice", SECRET).await
}

fn code(answer: &Answer) -> String {
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

fn fields(pairs: &[(&str, &str)]) -> String {
    let fields = pairs.iter().map(|(name, value)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    });
    fields.collect::<String>() + "--b--\r\n"
}

/// One way to name an identity: what stands in the query, the media type, the body.
struct Attack {
    query: String,
    media_type: &'static str,
    body: String,
}

/// Every way that is known to say `name=value` so that one server sees it and another does not,
/// with an innocent `alice` beside it or not.
fn attacks(name: &str, value: &str) -> Vec<Attack> {
    let upper = name.to_uppercase();
    let lower = name.to_lowercase();
    let (first, rest) = name.split_at(1);
    let hex = |text: &str| {
        let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        bytes.concat()
    };
    let spellings = [
        format!("{name}={value}"),
        format!("{upper}={value}"),
        format!("{lower}={value}"),
        format!("{}{rest}={value}", hex(first)),
        format!("{}={value}", hex(name)),
        format!("{name}={}", hex(value)),
        format!("{name}[]={value}"),
        format!("{name}[0]={value}"),
        format!("%20{name}={value}"),
        format!("{name}%00={value}"),
        format!("{}={value}", hex(name).replace('%', "%25")),
        format!("x=1;{name}={value}"),
    ];
    let json_spellings = [
        json!({ name: value }).to_string(),
        json!({ &upper: value }).to_string(),
        format!(
            "{{\"\\u{:04x}{rest}\":\"{value}\"}}",
            u32::from(first.as_bytes()[0])
        ),
        json!({ name: [value] }).to_string(),
        json!({ name: { "value": value } }).to_string(),
        json!({ "instances": [{ "processId": "1", name: value }] }).to_string(),
        json!({ "instances": json!([{ name: value }]).to_string() }).to_string(),
        json!({ "nested": { "deep": [{ &lower: value }] } }).to_string(),
        format!("{{\"{name}\":\"alice\",\"{name}\":\"{value}\"}}"),
        format!("{{\"{name}\":\"{value}\",\"{name}\":\"alice\"}}"),
        format!("{{\"{name}\":\"alice\",\"{upper}\":\"{value}\"}}"),
        format!("\u{feff}{{\"{name}\":\"{value}\"}}"),
        format!("{{/**/\"{name}\":\"{value}\"}}"),
        format!("{{'{name}':'{value}'}}"),
    ];
    let mut attacks = Vec::new();
    let mut add = |query: &str, media_type, body: &str| {
        attacks.push(Attack {
            query: query.to_owned(),
            media_type,
            body: body.to_owned(),
        });
    };
    let innocent = format!("{name}=alice");
    for spelling in &spellings {
        add(spelling, "", "");
        add(&format!("{innocent}&{spelling}"), "", "");
        add(&format!("{spelling}&{innocent}"), "", "");
        add("", FORM, spelling);
        add("", FORM, &format!("{innocent}&{spelling}"));
        add(&innocent, FORM, spelling);
    }
    for body in &json_spellings {
        add("", JSON, body);
        add(&innocent, JSON, body);
        for media_type in [
            "text/plain",
            "application/json; charset=utf-16",
            "text/json",
            "application/vnd.x+json",
        ] {
            add(&innocent, media_type, body);
        }
    }
    for (field, value) in [
        (name, value),
        (&upper, value),
        (&lower, value),
        (&*hex(name), value),
        (&*format!("{name}\"; filename=\"x"), value),
        (&*format!("x\"; name=\"{name}"), value),
        ("instances", &*json!([{ name: value }]).to_string()),
        (&*format!("instances[0].{name}"), value),
    ] {
        add("", MULTIPART, &fields(&[(field, value)]));
        add(&innocent, MULTIPART, &fields(&[(field, value)]));
        add("", MULTIPART, &fields(&[(name, "alice"), (field, value)]));
        add("", MULTIPART, &fields(&[(field, value), (name, "alice")]));
    }
    let preamble = fields(&[(name, value)]).replace("--b", "--c") + &fields(&[(name, "alice")]);
    add("", "multipart/form-data; boundary=b; boundary=c", &preamble);
    add("", MULTIPART, &preamble);
    add("", "application/xml", &format!("<{name}>{value}</{name}>"));
    add("", FORM, &format!("_charset_=utf-7&{name}={value}"));
    attacks
}

fn send(sidecar: &Sidecar, token: &str, path: &str, attack: &Attack) -> Call {
    let path = match &*attack.query {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    let call = sidecar.client.post(&path).bearer(token);
    match attack.media_type {
        "" => call,
        media_type => call.body(media_type, attack.body.clone()),
    }
}

#[tokio::test]
async fn no_spelling_of_another_identity_reaches_the_engine() {
    let recorder = Recorder::start().await;
    let setup = Setup::new().upstream(&recorder.url);
    let sidecar = bound(
        setup,
        &json!({ "BindIdentity": ["alice"], "BindTenant": ["alice"] }),
    )
    .await;
    let token = token(&sidecar).await;
    let mut sent = 0;
    for (path, name, other) in [
        ("/workflowapi/executecommand/7", "identityId", "tenantId"),
        ("/workflowapi/bulkcreateinstance", "identityId", "tenantId"),
        ("/workflowapi/unheardof", "identityId", "tenantId"),
        ("/workflowapi/setstate/7", "tenantId", "identityId"),
        (
            "/workflowapi/executecommand/7",
            "impersonatedIdentityId",
            "tenantId",
        ),
    ] {
        for mut attack in attacks(name, "mallory") {
            // Everything else is in order, so that nothing but the attack is the reason.
            let mut rest = format!("{other}=alice");
            if name == "impersonatedIdentityId" {
                rest.push_str("&identityId=alice");
            }
            attack.query = match &*attack.query {
                "" => rest,
                query => format!("{query}&{rest}"),
            };
            let answer = send(&sidecar, &token, path, &attack).send().await;
            let status = answer.status.as_u16();
            let what = (path, name, &attack.query, attack.media_type, &attack.body);
            assert!([400, 403].contains(&status), "{status} {what:?}");
            sent += 1;
        }
    }
    assert!(sent > 500, "{sent}");
    assert_eq!(recorder.seen().len(), 0, "{:#?}", recorder.seen());
}

#[tokio::test]
async fn each_refusal_has_its_code_and_what_is_allowed_arrives_as_sent() {
    let recorder = Recorder::start().await;
    let setup = Setup::new()
        .upstream(&recorder.url)
        .with(&json!({ "Limits": { "RuleBody": "1KiB" } }));
    let binding = json!({ "BindIdentity": ["alice", "team-*"],
        "BindTenant": { "Values": ["t1"], "Absent": "allow" } });
    let sidecar = bound(setup, &binding).await;
    let token = token(&sidecar).await;
    let path = "/workflowapi/executecommand/7";
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(2_000));
    let other = "/workflowapi/executecommand/7?identityId=alice";
    let user = "/workflowapi/getuser/bob";
    for (path, media_type, body, status, want) in [
        (
            path,
            JSON,
            r#"{"identityId":"bob"}"#,
            403,
            "identity_not_allowed",
        ),
        (path, JSON, r#"{"command":"x"}"#, 403, "identity_missing"),
        (
            path,
            JSON,
            r#"{"identityId":"alice","tenantId":"t2"}"#,
            403,
            "tenant_not_allowed",
        ),
        (
            path,
            FORM,
            "identityId%5B%5D=alice",
            403,
            "bound_parameter_ambiguous",
        ),
        (
            path,
            JSON,
            r#"{"identityId":["alice"]}"#,
            403,
            "bound_value_not_text",
        ),
        (
            path,
            "text/plain",
            "identityId=alice",
            403,
            "bound_body_unsupported",
        ),
        (
            path,
            JSON,
            r#"{"identityId":"alice","a":1,"a":1}"#,
            403,
            "bound_body_ambiguous",
        ),
        (path, JSON, &long, 413, "body_too_large"),
        (
            other,
            JSON,
            r#"{"identityId":"team-a"}"#,
            400,
            "parameter_contradiction",
        ),
        (
            other,
            FORM,
            "operation=setstate",
            400,
            "parameter_contradiction",
        ),
        (user, FORM, "x=1", 403, "identity_not_allowed"),
    ] {
        let call = sidecar.client.post(path).bearer(&token);
        let answer = call.body(media_type, body.to_owned()).send().await;
        assert_eq!(
            (answer.status.as_u16(), &*code(&answer)),
            (status, want),
            "{path} {body}"
        );
        let counted = [&*format!("reason=\"{want}\"")].map(str::to_owned);
        let labels: Vec<&str> = counted.iter().map(String::as_str).collect();
        assert!(
            sidecar.metric("sidecar_refusals_total", &labels).await > 0.0,
            "{want}"
        );
    }
    assert_eq!(recorder.seen().len(), 0);
    let good = [
        (
            JSON,
            r#" {"identityId" : "alice", "Sum": 100.0100, "x": {"y": [1, 2]}} "#.to_owned(),
        ),
        (FORM, "identity%49d=al%69ce&command=go&x=%2B+a".to_owned()),
        (MULTIPART, fields(&[("identityId", "team-a"), ("x", "1")])),
    ];
    for (media_type, body) in &good {
        for client in [&sidecar.client, &sidecar.client.http2()] {
            let call = client.post(path).bearer(&token);
            let answer = call.body(media_type, body.clone()).send().await;
            assert_eq!(answer.status, 200, "{} {body}", answer.text());
        }
    }
    let seen = recorder.seen();
    let bodies: Vec<_> = seen.iter().map(|one| one.body.as_str()).collect();
    let want: Vec<_> = good
        .iter()
        .flat_map(|(_, body)| [body.as_str(); 2])
        .collect();
    assert_eq!(bodies, want, "byte for byte");
    assert!(seen.iter().all(|one| one.line() == format!("POST {path}")));
}

#[tokio::test]
async fn an_absent_identity_is_filled_in_from_the_token() {
    let recorder = Recorder::start().await;
    let setup = Setup::new().upstream(&recorder.url);
    let binding = json!({ "BindIdentity": { "Claim": "sub", "Absent": "fill" } });
    let sidecar = bound(setup, &binding).await;
    let token = token(&sidecar).await;
    let body = r#"{"schemeCode":"x"}"#;
    let call = sidecar
        .client
        .post("/workflowapi/createinstance")
        .bearer(&token);
    call.body(JSON, body).send().await.expect(200);
    let call = sidecar
        .client
        .get("/workflowapi/inbox?page=1")
        .bearer(&token);
    call.send().await.expect(200);
    let call = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    call.send().await.expect(200);
    let seen = recorder.seen();
    assert_eq!(
        seen[0].line(),
        "POST /workflowapi/createinstance?identityId=alice"
    );
    assert_eq!(seen[0].body, body);
    assert_eq!(
        seen[1].line(),
        "GET /workflowapi/inbox?page=1&identityId=alice"
    );
    assert_eq!(seen[2].line(), "GET /workflowapi/getschemelist");
    let call = sidecar
        .client
        .get("/workflowapi/inbox?identityId=bob")
        .bearer(&token);
    assert_eq!(code(&call.send().await), "identity_not_allowed");
    let call = sidecar
        .client
        .get("/workflowapi/inbox?identityId=")
        .bearer(&token);
    assert_eq!(code(&call.send().await), "identity_missing");
}

/// Whatever our engine was made to do, it did for alice.
#[tokio::test]
async fn our_engine_acts_for_nobody_else() {
    let sidecar = bound(Setup::new(), &json!({ "BindIdentity": ["alice"] })).await;
    let free = sidecar.api().await;
    let token = token(&sidecar).await;
    let id = free
        .create("TestScheme", &json!({ "identityId": "alice" }))
        .await;
    let mut commands = ["submit", "return"].into_iter().cycle();
    let mut next = commands.next().expect("endless");
    let mut acted = 0;
    let mut all = attacks("identityId", "mallory");
    all.extend(attacks("impersonatedIdentityId", "mallory"));
    // Some that are in order.
    for media_type in [JSON, FORM, MULTIPART] {
        let body = match media_type {
            JSON => json!({ "IdentityId": "alice" }).to_string(),
            FORM => format!("{}=alice", form_encoded("identityid")),
            _ => fields(&[("identityId", "alice"), ("impersonatedIdentityId", "alice")]),
        };
        all.push(Attack {
            query: String::new(),
            media_type,
            body,
        });
    }
    for mut attack in all {
        let command = format!("command={next}");
        attack.query = match &*attack.query {
            "" => command,
            query => format!("{query}&{command}"),
        };
        let path = format!("/workflowapi/executecommand/{id}");
        let answer = send(&sidecar, &token, &path, &attack).send().await;
        if answer.status == 200 && answer.json()["success"] == true {
            acted += 1;
            next = commands.next().expect("endless");
        }
    }
    assert_eq!(acted, 3, "only what is in order");
    let info = free.info(&id).await;
    let transitions = info["Transitions"].as_array().expect("a list");
    assert_eq!(transitions.len(), 3);
    for transition in transitions {
        assert_eq!(transition["ExecutorIdentityId"], "alice", "{transition}");
        assert_eq!(transition["ActorIdentityId"], "alice", "{transition}");
    }
}

#[tokio::test]
async fn our_engine_shows_one_tenant_only_its_own_instances() {
    let sidecar = bound(Setup::new(), &json!({ "BindTenant": ["t1"] })).await;
    let free = sidecar.api().await;
    let token = token(&sidecar).await;
    let mine = free
        .create("TestScheme", &json!({ "tenantId": "t1" }))
        .await;
    let theirs = free
        .create("TestScheme", &json!({ "tenantId": "t2" }))
        .await;
    let bound = tests::api::Api::new(sidecar.client.clone(), Some(token));
    let envelope = async |rest: &str| bound.get(rest).send().await.json();
    let good = envelope(&format!("/getinstanceinfo/{mine}?tenantId=t1")).await;
    assert_eq!(good["success"], true, "{good}");
    let wrong = envelope(&format!("/getinstanceinfo/{theirs}?tenantId=t1")).await;
    assert_eq!(wrong["error"], "TenantMismatch");
    let other = envelope(&format!("/getinstanceinfo/{theirs}?tenantId=t2")).await;
    assert_eq!(other["code"], "tenant_not_allowed");
    let none = envelope(&format!("/getinstanceinfo/{theirs}")).await;
    assert_eq!(none["code"], "tenant_missing");
}

#[tokio::test]
async fn an_issuers_tokens_speak_by_claim_and_a_subject_by_what_is_said_of_it() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("one");
    issuer.publish(&[&key]);
    let recorder = Recorder::start().await;
    let mut trusted = issuer.trusted();
    trusted["BindIdentity"] = json!({ "Claim": "org.members", "Absent": "allow" });
    let setup = Setup::new().upstream(&recorder.url).with(&json!({
        "Issuers": [trusted],
        "DetailedRefusals": true,
        "Policy": { "Subjects": [
            { "Issuer": issuer.name, "Subject": "robot", "BindIdentity": ["machine"] }
        ] }
    }));
    setup.write("issuer.pem", &issuer.certificate);
    let sidecar = setup.sidecar().await;
    let claims = |change: &Value| tests::forge::with(&issuer.claims(), change);
    let token = |change: &Value| {
        let token = key.token(&json!({}), &claims(change));
        secrets::register_token(&token);
        token
    };
    let members = json!({ "org": { "members": ["ann", "ben"] } });
    let robot = json!({ "sub": "robot", "org": { "members": ["ann"] } });
    let nobody = json!({ "sub": "other" });
    let ask = async |change: &Value, identity: &str| {
        let path = format!("/workflowapi/inbox?identityId={identity}");
        let answer = sidecar
            .client
            .get(&path)
            .bearer(&token(change))
            .send()
            .await;
        (answer.status.as_u16(), code(&answer))
    };
    tests::wait::until("the keys are here", || async {
        (ask(&members, "ann").await.0 == 200).then_some(())
    })
    .await;
    let allowed = (200, String::new());
    let refused = |code: &str| (403, code.to_owned());
    assert_eq!(ask(&members, "ben").await, allowed);
    assert_eq!(ask(&members, "carl").await, refused("identity_not_allowed"));
    assert_eq!(ask(&nobody, "ann").await, refused("bound_claim_missing"));
    assert_eq!(ask(&nobody, "").await, allowed);
    assert_eq!(ask(&robot, "machine").await, allowed);
    assert_eq!(ask(&robot, "ann").await, refused("identity_not_allowed"));
}

#[tokio::test]
async fn a_changed_binding_counts_from_the_next_request_on() {
    let recorder = Recorder::start().await;
    let setup = Setup::new().upstream(&recorder.url);
    let mut sidecar = bound(setup, &json!({ "BindIdentity": ["alice"] })).await;
    let token = token(&sidecar).await;
    let path = "/workflowapi/inbox?identityId=bob";
    let ask = async |sidecar: &Sidecar| {
        let answer = sidecar.client.get(path).bearer(&token).send().await;
        (answer.status.as_u16(), code(&answer))
    };
    assert_eq!(
        ask(&sidecar).await,
        (403, "identity_not_allowed".to_owned())
    );
    sidecar.setup.clients()[1]["BindIdentity"] = json!(["bob"]);
    sidecar.rewrite(tests::files::Way::RenameOver, &json!({}));
    tests::wait::until("the new binding is in force", || async {
        (ask(&sidecar).await.0 == 200).then_some(())
    })
    .await;
}
