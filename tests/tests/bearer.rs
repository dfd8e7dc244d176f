//! Which tokens are let in: RFC 6750, RFC 9068 §4 and RFC 8725 against forged and honest tokens.
//!
//! The test holds the signing key, so a signature proves nothing by itself: each token differs from
//! a good one in one thing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tests::client::{Answer, Call};
use tests::forge::{Forger, claims_of, encode, header_of, hs256, unsigned, with};
use tests::material::Material;
use tests::recorder::Recorder;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};

const PATH: &str = "/workflowapi/getschemelist";
const HOUR: i64 = 3600;

/// A sidecar that signs with a key of ours, in front of a recorder.
struct Scene {
    sidecar: Sidecar,
    recorder: Recorder,
    forger: Forger,
    header: Value,
    claims: Value,
}

impl Scene {
    async fn new() -> Self {
        let recorder = Recorder::start().await;
        let setup = Setup::new()
            .upstream(&recorder.url)
            .with(&json!({ "OpenIddictServerSettings": { "CertificateFile": "signing.pem" } }))
            .with_client(json!({
                "ClientId": "narrow", "ClientSecret": secrets::new_secret(), "Scopes": ["reports"]
            }));
        Material::shared_signing().write_pem(&setup.path("signing.pem"));
        let sidecar = setup.sidecar().await;
        let token = sidecar.token().await;
        Self {
            sidecar,
            recorder,
            forger: Forger::new(Material::shared_signing()),
            header: header_of(&token),
            claims: claims_of(&token),
        }
    }

    fn call(&self) -> Call {
        self.sidecar.client.get(PATH)
    }

    async fn present(&self, token: &str) -> Answer {
        self.call().bearer(token).send().await
    }

    /// A token that differs from a good one in these members.
    fn differing(&self, header: &Value, claims: &Value) -> String {
        let header = with(&self.header, header);
        self.forger.token(&header, &with(&self.claims, claims))
    }

    fn now(&self) -> i64 {
        self.claims["iat"].as_i64().expect("seconds")
    }
}

/// A refusal in the API's form, with a challenge that names `error` (or none), and no echo.
#[track_caller]
fn refused(name: &str, answer: &Answer, status: u16, error: Option<&str>) {
    assert_eq!(answer.status, status, "{name}: {}", answer.text());
    let body = answer.json();
    assert_eq!(body["success"], false, "{name}: {body}");
    assert!(body["message"].is_string(), "{name}: {body}");
    assert!(body["requestId"].is_string(), "{name}: {body}");
    assert!(body.get("data").is_none(), "{name}: {body}");
    let short = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        429 => "RateLimited",
        _ => "BadRequest",
    };
    assert_eq!(body["error"], short, "{name}: {body}");
    let challenge = answer.header("www-authenticate");
    if status == 401 || status == 403 {
        assert!(
            challenge.starts_with("Bearer realm="),
            "{name}: {challenge}"
        );
    }
    match error {
        Some(error) if status != 431 => {
            let parameter = format!("error=\"{error}\"");
            assert!(challenge.contains(&parameter), "{name}: {challenge}");
        }
        Some(_) => {}
        // RFC 6750 §3.1: without authentication no error code either.
        None => assert!(!challenge.contains("error"), "{name}: {challenge}"),
    }
}

#[tokio::test]
async fn a_token_that_differs_in_what_does_not_matter_is_let_in() {
    let scene = Scene::new().await;
    let none = json!({});
    let issuer = scene.claims["iss"].as_str().expect("a URL");
    let cases = [
        ("the same", scene.differing(&none, &none)),
        (
            "the long type",
            scene.differing(&json!({ "typ": "application/at+jwt" }), &none),
        ),
        (
            "an issuer without its slash",
            scene.differing(&none, &json!({ "iss": issuer.trim_end_matches('/') })),
        ),
        (
            "a list of audiences",
            scene.differing(&none, &json!({ "aud": ["other", "WorkflowApi"] })),
        ),
        (
            "a list of scopes",
            scene.differing(&none, &json!({ "scope": ["WorkflowApi"] })),
        ),
        (
            "a claim that nobody knows",
            scene.differing(&none, &json!({ "colour": "red" })),
        ),
        // Keys in a token are ignored, so they do no harm beside a good signature.
        (
            "a jku",
            scene.differing(&json!({ "jku": "https://evil.example/jwks" }), &none),
        ),
        (
            "an x5u",
            scene.differing(&json!({ "x5u": "https://evil.example/cert" }), &none),
        ),
        (
            "an x5c",
            scene.differing(&json!({ "x5c": ["AAAA"] }), &none),
        ),
    ];
    for (name, token) in &cases {
        let answer = scene.present(token).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
    assert_eq!(scene.recorder.seen().len(), cases.len());
}

#[tokio::test]
async fn forged_headers_are_refused() {
    let scene = Scene::new().await;
    let none = json!({});
    let header = |change: Value| with(&scene.header, &change);
    let (stranger, material) = (Material::signing("stranger"), Material::shared_signing());
    let strangers = Forger::new(&stranger);
    let modulus = jwk(&scene.sidecar).await;
    let hs = |key: &[u8]| hs256(&header(json!({ "alg": "HS256" })), &scene.claims, key);
    let alg_none = |alg: &str| unsigned(&header(json!({ "alg": alg })), &scene.claims);
    let kid = |kid: Value| scene.differing(&json!({ "kid": kid }), &none);

    let cases = [
        ("alg none", alg_none("none")),
        ("alg None", alg_none("None")),
        ("alg NONE", alg_none("NONE")),
        ("alg nOnE", alg_none("nOnE")),
        ("an empty alg", alg_none("")),
        ("no signature", unsigned(&scene.header, &scene.claims)),
        ("no alg", scene.differing(&json!({ "alg": null }), &none)),
        ("alg none under a good signature", scene.differing(&json!({ "alg": "none" }), &none)),
        ("alg in another case", scene.differing(&json!({ "alg": "rs256" }), &none)),
        ("another RSA alg", scene.differing(&json!({ "alg": "PS256" }), &none)),
        ("a longer hash", scene.differing(&json!({ "alg": "RS512" }), &none)),
        ("HS256 with the certificate", hs(material.certificate.as_bytes())),
        ("HS256 with the DER", hs(&material.trust())),
        ("HS256 with the modulus", hs(modulus["n"].as_str().expect("n").as_bytes())),
        ("HS256 with the JWK", hs(modulus.to_string().as_bytes())),
        ("HS256 with nothing", hs(b"")),
        ("an unknown kid", kid(json!("0000"))),
        ("no kid", kid(Value::Null)),
        ("an empty kid", kid(json!(""))),
        ("a path as kid", kid(json!("../../../../dev/null"))),
        ("a query as kid", kid(json!("x' UNION SELECT 'y"))),
        ("a kid that is no string", kid(json!(1))),
        ("a kid in another case", kid(json!(scene.header["kid"].as_str().expect("a kid").to_lowercase()))),
        ("a stranger's key", strangers.token(&scene.header, &scene.claims)),
        ("a stranger's key, embedded", strangers.token(&header(json!({ "jwk": { "kty": "RSA", "n": "AQAB", "e": "AQAB" } })), &scene.claims)),
        ("a stranger's key, linked", strangers.token(&header(json!({ "jku": "https://evil.example/jwks" })), &scene.claims)),
        ("a stranger's certificate", strangers.token(&header(json!({ "x5c": [base64::engine::general_purpose::STANDARD.encode(stranger.trust())] })), &scene.claims)),
        ("a critical extension", scene.differing(&json!({ "crit": ["exp"] }), &none)),
        ("an empty crit", scene.differing(&json!({ "crit": [] }), &none)),
        ("an unencoded payload", scene.differing(&json!({ "b64": false, "crit": ["b64"] }), &none)),
        ("b64 without crit", scene.differing(&json!({ "b64": false }), &none)),
        ("an ID token", scene.differing(&json!({ "typ": "JWT" }), &none)),
        ("no type", scene.differing(&json!({ "typ": null }), &none)),
        ("a logout token", scene.differing(&json!({ "typ": "logout+jwt" }), &none)),
        ("a DPoP proof", scene.differing(&json!({ "typ": "dpop+jwt" }), &none)),
        ("an encrypted one", scene.differing(&json!({ "enc": "A128GCM", "zip": "DEF", "alg": "RSA-OAEP" }), &none)),
    ];
    for (name, token) in cases {
        let answer = scene.present(&token).await;
        refused(name, &answer, 401, Some("invalid_token"));
    }
    assert!(scene.recorder.seen().is_empty(), "nothing was forwarded");
}

async fn jwk(sidecar: &Sidecar) -> Value {
    let keys = sidecar.client.get("/.well-known/jwks").send().await;
    keys.expect(200).json()["keys"][0].clone()
}

#[tokio::test]
async fn wrong_claims_are_refused() {
    let scene = Scene::new().await;
    let now = scene.now();
    let text = |claims: &str| {
        scene
            .forger
            .token_of_text(&scene.header.to_string(), claims)
    };
    let claims = |change: Value| scene.differing(&json!({}), &change);
    let good = scene.claims.to_string();
    let raw = |member: &str| text(&format!("{},{member}}}", good.trim_end_matches('}')));
    let without_exp = with(&scene.claims, &json!({ "exp": null })).to_string();
    let raw_exp = |exp: &str| {
        text(&format!(
            "{},\"exp\":{exp}}}",
            without_exp.trim_end_matches('}')
        ))
    };

    let cases = [
        (
            "a foreign issuer",
            claims(json!({ "iss": "https://evil.example/" })),
        ),
        (
            "an issuer that begins like ours",
            claims(json!({ "iss": format!("{}.evil.example/", scene.sidecar.url) })),
        ),
        (
            "an issuer with two slashes",
            claims(json!({ "iss": format!("{}//", scene.sidecar.url) })),
        ),
        ("no issuer", claims(json!({ "iss": null }))),
        (
            "an issuer that is no string",
            claims(json!({ "iss": [scene.claims["iss"]] })),
        ),
        ("another audience", claims(json!({ "aud": "OtherApi" }))),
        (
            "an audience in another case",
            claims(json!({ "aud": "workflowapi" })),
        ),
        ("no audience", claims(json!({ "aud": null }))),
        ("no audience in the list", claims(json!({ "aud": [] }))),
        ("other audiences", claims(json!({ "aud": ["a", "b"] }))),
        (
            "an audience that is no string",
            claims(json!({ "aud": ["WorkflowApi", 1] })),
        ),
        (
            "an audience that is an object",
            claims(json!({ "aud": { "WorkflowApi": true } })),
        ),
        (
            "expired",
            claims(json!({ "exp": now - 1, "nbf": now - HOUR, "iat": now - HOUR })),
        ),
        ("long expired", claims(json!({ "exp": 1 }))),
        ("expired before 1970", claims(json!({ "exp": -1 }))),
        ("no end", claims(json!({ "exp": null }))),
        (
            "an end that is text",
            claims(json!({ "exp": (now + HOUR).to_string() })),
        ),
        ("an end out of range", raw_exp("1e400")),
        ("an end that wraps", raw_exp("18446744073709551617")),
        ("an end that is not a number", raw_exp("NaN")),
        (
            "not yet",
            claims(json!({ "nbf": now + HOUR, "exp": now + 2 * HOUR })),
        ),
        (
            "issued in the future",
            claims(json!({ "iat": now + HOUR, "exp": now + 2 * HOUR })),
        ),
        ("a start that is text", claims(json!({ "nbf": "0" }))),
        ("no subject", claims(json!({ "sub": null }))),
        ("no client", claims(json!({ "client_id": null }))),
        (
            "a client that nobody registered",
            claims(json!({ "client_id": "nobody", "sub": "nobody" })),
        ),
        (
            "a client in another case",
            claims(json!({ "client_id": CLIENT.to_uppercase() })),
        ),
        ("two clients", raw("\"client_id\":\"narrow\"")),
        ("two ends", raw(&format!("\"exp\":{}", now + 10 * HOUR))),
        (
            "two ends, one escaped",
            raw(&format!("\"\\u0065xp\":{}", now + 10 * HOUR)),
        ),
        ("something after the claims", text(&format!("{good} {{}}"))),
        ("claims that are a list", text(&format!("[{good}]"))),
        ("claims that are no JSON", text("claims")),
        (
            "claims with a comment",
            text(&good.replacen('{', "{/**/", 1)),
        ),
        (
            "claims with a trailing comma",
            text(&good.replace('}', ",}")),
        ),
        ("no claims", text("{}")),
        ("no bytes", text("")),
    ];
    for (name, token) in cases {
        let answer = scene.present(&token).await;
        refused(name, &answer, 401, Some("invalid_token"));
    }
    let header = scene.header.to_string();
    for (name, header) in [
        (
            "two algs",
            format!("{},\"alg\":\"none\"}}", header.trim_end_matches('}')),
        ),
        (
            "two kids",
            format!("{},\"kid\":\"0\"}}", header.trim_end_matches('}')),
        ),
        ("something after the header", format!("{header}{{}}")),
        ("a header that is a list", format!("[{header}]")),
    ] {
        let token = scene.forger.token_of_text(&header, &good);
        let answer = scene.present(&token).await;
        refused(name, &answer, 401, Some("invalid_token"));
    }
    assert!(scene.recorder.seen().is_empty(), "nothing was forwarded");
}

#[tokio::test]
async fn a_token_written_in_any_other_way_is_refused() {
    let scene = Scene::new().await;
    let good = scene.sidecar.token().await;
    let parts = good.split('.').collect::<Vec<_>>();
    let [header, claims, signature] = parts[..] else {
        panic!("a JWT has three parts");
    };
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    bytes[100] ^= 1;
    let flipped = URL_SAFE_NO_PAD.encode(&bytes);
    let short = URL_SAFE_NO_PAD.encode(&bytes[..bytes.len() - 1]);
    let long = URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat());
    // 256 bytes leave four unused bits in the last character.
    let last = signature.chars().next_back().expect("a signature");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).expect("base64url");
    let sloppy = format!(
        "{}{}",
        &signature[..signature.len() - 1],
        &alphabet[index + 1..index + 2]
    );
    let standard = base64::engine::general_purpose::STANDARD_NO_PAD
        .encode(URL_SAFE_NO_PAD.decode(signature).expect("base64url"));

    let mut cases = vec![
        ("one part", header.to_owned(), 401),
        ("two parts", format!("{header}.{claims}"), 401),
        ("four parts", format!("{good}.{signature}"), 401),
        ("five parts", format!("{good}.{signature}.{signature}"), 401),
        ("empty parts", "..".to_owned(), 401),
        ("no header", format!(".{claims}.{signature}"), 401),
        ("no claims", format!("{header}..{signature}"), 401),
        ("no signature", format!("{header}.{claims}."), 401),
        ("a flipped bit", format!("{header}.{claims}.{flipped}"), 401),
        (
            "a signature too short",
            format!("{header}.{claims}.{short}"),
            401,
        ),
        (
            "a signature too long",
            format!("{header}.{claims}.{long}"),
            401,
        ),
        (
            "unused bits set",
            format!("{header}.{claims}.{sloppy}"),
            401,
        ),
        ("padding after the signature", format!("{good}=="), 401),
        (
            "other claims under it",
            format!("{header}.{}.{signature}", encode("{}")),
            401,
        ),
        (
            "another header over it",
            format!("{}.{claims}.{signature}", encode("{}")),
            401,
        ),
        ("an opaque token", "abcdef".to_owned(), 401),
        (
            "padding inside",
            format!("{header}=.{claims}.{signature}"),
            400,
        ),
        (
            "a blank inside",
            format!("{header}. {claims}.{signature}"),
            400,
        ),
        ("a comma", format!("{good},"), 400),
        ("quotes", format!("\"{good}\""), 400),
        ("another token after it", format!("{good} {good}"), 400),
    ];
    if standard != signature {
        cases.push((
            "the other alphabet",
            format!("{header}.{claims}.{standard}"),
            401,
        ));
    }
    for (name, token, status) in cases {
        let answer = scene.present(&token).await;
        let error = if status == 401 {
            "invalid_token"
        } else {
            "invalid_request"
        };
        refused(name, &answer, status, Some(error));
    }
    let huge = format!("{header}.{}.{signature}", "A".repeat(9 * 1024));
    let answer = scene.present(&huge).await;
    assert_eq!(answer.status, 431, "{}", answer.text());
    assert!(scene.recorder.seen().is_empty(), "nothing was forwarded");
    assert_eq!(scene.present(&good).await.status, 200);
}

#[tokio::test]
async fn a_token_is_read_from_one_authorization_header_and_nowhere_else() {
    let scene = Scene::new().await;
    let token = scene.sidecar.token().await;
    let get = |path: &str| scene.sidecar.client.get(path);
    let bearer = format!("Bearer {token}");
    let cases = [
        ("none", scene.call(), 401, None),
        ("Basic", scene.call().basic(CLIENT, "x"), 401, None),
        (
            "another scheme",
            scene
                .call()
                .header("authorization", &format!("Token {token}")),
            401,
            None,
        ),
        (
            "in the query",
            get(&format!("{PATH}?access_token={token}")),
            401,
            None,
        ),
        (
            "in a cookie",
            scene
                .call()
                .header("cookie", &format!("access_token={token}")),
            401,
            None,
        ),
        (
            "in another header",
            scene.call().header("x-authorization", &bearer),
            401,
            None,
        ),
        (
            "for a proxy",
            scene.call().header("proxy-authorization", &bearer),
            401,
            None,
        ),
        (
            "in the body",
            scene
                .sidecar
                .client
                .post(PATH)
                .form(&[("access_token", &token)]),
            401,
            None,
        ),
        (
            "twice",
            scene.call().bearer(&token).bearer(&token),
            400,
            Some("invalid_request"),
        ),
        (
            "beside Basic",
            scene.call().bearer(&token).basic(CLIENT, "x"),
            400,
            Some("invalid_request"),
        ),
        (
            "without a token",
            scene.call().header("authorization", "Bearer"),
            400,
            Some("invalid_request"),
        ),
        (
            "with a blank for one",
            scene.call().header("authorization", "Bearer "),
            400,
            Some("invalid_request"),
        ),
        (
            "in other letters",
            scene.call().header("authorization", "Bearer tökén"),
            400,
            Some("invalid_request"),
        ),
        (
            "after a tab",
            scene
                .call()
                .header("authorization", &format!("Bearer\t{token}")),
            400,
            Some("invalid_request"),
        ),
    ];
    for (name, call, status, error) in cases {
        let answer = call.send().await;
        refused(name, &answer, status, error);
        assert!(
            !answer.text().contains(&token),
            "{name}: the token comes back"
        );
    }
    assert!(scene.recorder.seen().is_empty(), "nothing was forwarded");

    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let value = format!("{scheme} {token}");
        let call = scene.call().header("authorization", &value);
        assert_eq!(call.send().await.status, 200, "{scheme:?}");
    }
}

#[tokio::test]
async fn too_little_scope_is_forbidden_and_named() {
    let scene = Scene::new().await;
    let cases = [
        ("another scope", json!({ "scope": "reports" })),
        ("no scope", json!({ "scope": null })),
        ("an empty scope", json!({ "scope": "" })),
        (
            "the scope in another case",
            json!({ "scope": "workflowapi" }),
        ),
        (
            "a scope that the client does not have",
            json!({ "client_id": "narrow", "sub": "narrow" }),
        ),
    ];
    for (name, claims) in cases {
        let answer = scene.present(&scene.differing(&json!({}), &claims)).await;
        refused(name, &answer, 403, Some("insufficient_scope"));
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("scope=\"WorkflowApi\""),
            "{name}: {challenge}"
        );
    }
    assert!(scene.recorder.seen().is_empty(), "nothing was forwarded");
}

#[tokio::test]
async fn a_client_may_call_only_its_operations() {
    let recorder = Recorder::start().await;
    let secret = secrets::new_secret();
    let client = |id: &str, operations: Value| json!({ "ClientId": id, "ClientSecret": secret, "Operations": operations });
    let sidecar = Setup::new()
        .upstream(&recorder.url)
        .with_client(client("reader", json!(["read"])))
        .with_client(client("runner", json!(["run"])))
        .with_client(client("all", json!(["*"])))
        .with_client(client("admin", json!(["manage"])))
        .with_client(client("one", json!(["getinstanceinfo", "isexistprocess"])))
        .sidecar()
        .await;
    let table = [
        // operation, reader, runner, all, admin, one
        ("GET getinstanceinfo", [true, false, true, false, true]),
        ("GET getschemelist", [true, false, true, false, false]),
        ("GET inbox", [true, false, true, false, false]),
        ("GET isprocessexists", [true, false, true, false, true]),
        ("POST createinstance", [false, true, true, false, false]),
        ("POST executecommand", [false, true, true, false, false]),
        ("POST deleteinstance", [false, true, true, false, false]),
        ("POST createuser", [false, false, false, true, false]),
        ("POST deletescheme", [false, false, false, true, false]),
        ("POST stoptimers", [false, false, false, true, false]),
        ("GET nosuchoperation", [false, false, true, false, false]),
    ];
    for (column, id) in ["reader", "runner", "all", "admin", "one"]
        .iter()
        .enumerate()
    {
        let token = sidecar.token_of(id, &secret).await;
        for (operation, may) in &table {
            let (method, operation) = operation.split_once(' ').expect("two words");
            let path = format!("/workflowapi/{operation}");
            let method = method.parse().expect("a method");
            let call = sidecar.client.call(method, &path).bearer(&token);
            let answer = call.send().await;
            let want = if may[column] { 200 } else { 403 };
            assert_eq!(answer.status, want, "{id} {operation}: {}", answer.text());
        }
    }
    // The operation in the query is judged as the one in the path.
    let token = sidecar.token_of("reader", &secret).await;
    for path in [
        "/workflowapi?operation=deleteinstance",
        "/workflowapi?OPERATION=DeleteInstance",
        "/workflowapi/?operation=deleteinstance",
    ] {
        let call = sidecar.client.post(path).bearer(&token);
        assert_eq!(call.send().await.status, 403, "{path}");
    }
    let seen = recorder.seen();
    assert!(
        seen.iter().all(|seen| !seen.head.contains("operation=")),
        "{seen:?}"
    );
}
