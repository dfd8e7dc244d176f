//! How clients prove who they are: oauth.md §3, RFC 6749 §2.3, RFC 7523, RFC 8705 §2.

use std::num::NonZeroU32;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};
use tests::client::{Answer, Call, Client};
use tests::files::Way;
use tests::forge::{Forger, claims_of, hs256, unsigned, with};
use tests::issuer::{Issuer, SigningKey};
use tests::material::Material;
use tests::process::run;
use tests::programs::programs;
use tests::prover::Prover;
use tests::secrets;
use tests::server::{CLIENT, Setup, Sidecar};
use tests::wait::until;

const TOKEN: &str = "/connect/token";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// As the reference implementation of Argon2 hashed it, cheaply.
const ARGON2_SECRET: &str = "s3cret-argon2id-of-the-tests";
const ARGON2: &str = "$argon2id$v=19$m=64,t=2,p=1$ZmVkY2JhOTg3NjU0MzIxMA$hTSS3DuZ2WwbtwDMsPf+E+ytnPajNlR9jC8hg/7xHBE";

/// The PHC string of a secret.
fn pbkdf2_of(secret: &str) -> String {
    let mut hash = [0; 32];
    let (salt, rounds) = (b"0123456789abcdef", NonZeroU32::new(1_000).expect("not 0"));
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        salt,
        secret.as_bytes(),
        &mut hash,
    );
    let encode = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
    format!("$pbkdf2-sha256$i=1000${}${}", encode(salt), encode(&hash))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

fn granted(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().map(str::to_owned);
    let token = token.expect("an access token");
    secrets::register_token(&token);
    token
}

/// `invalid_client` with a challenge, and that fine code.
#[track_caller]
fn refused(name: &str, answer: &Answer, code: &str) {
    assert_eq!(answer.status, 401, "{name}: {}", answer.text());
    let body = answer.json();
    assert_eq!(body["error"], "invalid_client", "{name}");
    assert_eq!(body["error_description"], code, "{name}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Basic realm="), "{name}: {challenge}");
}

async fn by_secret(sidecar: &Sidecar, id: &str, secret: &str) -> Answer {
    let pairs = [GRANT, ("client_id", id), ("client_secret", secret)];
    sidecar.ask_token(&pairs).await
}

#[tokio::test]
async fn hashed_secrets_authenticate_as_plain_ones_do() {
    secrets::register(ARGON2_SECRET);
    let (plain, hashed) = (secrets::new_secret(), secrets::new_secret());
    let mut sidecar = Setup::new()
        .with_client(json!({ "ClientId": "argon2", "ClientSecrets": [{ "Hash": ARGON2 }] }))
        .with_client(json!({ "ClientId": "both", "ClientSecrets": [
            { "Value": plain, "NotAfter": "2999-01-01T00:00:00Z" },
            { "Hash": pbkdf2_of(&hashed) },
            { "Hash": pbkdf2_of("one that is over"), "NotAfter": "2001-01-01T00:00:00Z" },
        ] }))
        .with(&json!({ "Limits": { "SecretFailures": "1/s burst 3" } }))
        .sidecar()
        .await;
    // More often than the budget has room for: only the first time counts.
    for _ in 0..8 {
        for (id, secret) in [
            ("argon2", ARGON2_SECRET),
            ("both", &plain),
            ("both", &hashed),
        ] {
            let token = granted(&by_secret(&sidecar, id, secret).await);
            assert_eq!(claims_of(&token)["client_id"], id);
        }
    }
    for (id, secret) in [
        ("both", "one that is over"),
        ("argon2", &hashed),
        ("nobody", ARGON2_SECRET),
    ] {
        let answer = by_secret(&sidecar, id, secret).await;
        refused(id, &answer, "client authentication failed");
    }
    // Guesses until the budget is spent, then a reload: what was right still passes.
    until("the budget is spent", || async {
        let answer = by_secret(&sidecar, "argon2", "a guess").await;
        (answer.status == 429).then_some(())
    })
    .await;
    sidecar.rewrite(Way::RenameOver, &json!({ "DetailedRefusals": true }));
    until("the reload", || async {
        let applied = sidecar.metric("sidecar_config_generation", &[]).await;
        (applied >= 2.0).then_some(())
    })
    .await;
    granted(&by_secret(&sidecar, "argon2", ARGON2_SECRET).await);
}

#[tokio::test]
async fn sidecar_hash_secret_prints_what_the_configuration_takes() {
    let secret = secrets::new_secret();
    let setup = Setup::new();
    setup.write("secret", &format!("{secret}\n"));
    let mut clients = Vec::new();
    for algorithm in ["argon2id", "pbkdf2-sha256", "pbkdf2-sha512"] {
        let mut command = Command::new("sh");
        let script = "exec \"$0\" hash-secret --algorithm \"$1\" < secret";
        command.args(["-c", script]).arg(&programs().sidecar);
        command.arg(algorithm).current_dir(setup.path(""));
        let ran = run(command).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let hash = ran.stdout.trim_end();
        assert!(hash.starts_with(&format!("${algorithm}$")), "{hash}");
        clients.push(json!({ "ClientId": algorithm, "ClientSecrets": [{ "Hash": hash }] }));
    }
    let setup = clients.into_iter().fold(setup, Setup::with_client);
    let sidecar = setup.sidecar().await;
    for id in ["argon2id", "pbkdf2-sha256", "pbkdf2-sha512"] {
        granted(&by_secret(&sidecar, id, &secret).await);
    }
    let mut command = Command::new(&programs().sidecar);
    command.arg("hash-secret");
    let ran = run(command).await;
    assert_eq!(ran.code, Some(1), "an empty secret is none");
}

#[tokio::test]
async fn a_hash_that_could_eat_the_machine_is_a_fault() {
    let hash = "$argon2id$v=19$m=4194304,t=3,p=1$ZmVkY2JhOTg3NjU0MzIxMA$hTSS3DuZ2WwbtwDMsPf+E+ytnPajNlR9jC8hg/7xHBE";
    let setup = Setup::new();
    let client = json!({ "ClientId": "a", "ClientSecrets": [{ "Hash": hash }] });
    let setup = setup.with_client(client);
    setup.write_config();
    let ran = run(setup.command(&programs().sidecar, &["check"])).await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("cannot eat the machine"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("ZmVkY2JhOTg3"), "{}", ran.stdout);
}

#[tokio::test]
async fn basic_is_form_decoded_first_and_taken_raw_as_a_counted_fallback() {
    let raw = secrets::new_secret() + "+%41/100%";
    let decoded = secrets::new_secret() + " A";
    let sidecar = Setup::new()
        .with_client(json!({ "ClientId": "raw", "ClientSecret": raw }))
        .with_client(json!({ "ClientId": "decoded", "ClientSecret": decoded }))
        .with(&json!({ "Limits": { "SecretFailures": "1/s burst 4" } }))
        .sidecar()
        .await;
    let ask = |pair: &str| {
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let call = sidecar.client.post(TOKEN).header("authorization", &basic);
        call.form(&[GRANT]).send()
    };
    let counted = || sidecar.metric("sidecar_basic_credentials_raw_total", &[]);
    granted(&ask(&format!("decoded:{}", decoded.replace(' ', "+"))).await);
    assert!(counted().await.abs() < 0.5);
    granted(&ask(&format!("raw:{raw}")).await);
    assert!((counted().await - 1.0).abs() < 0.5);
    // Two readings are one failure: the budget has room for three beside the first success (and what a second gives back).
    for _ in 0..3 {
        let answer = ask("decoded:a+guess").await;
        refused("a guess", &answer, "client authentication failed");
    }
}

/// A client that signs assertions, and a sidecar that knows its key.
struct Signer {
    sidecar: Sidecar,
    key: Prover,
}

impl Signer {
    async fn new() -> Self {
        let key = Prover::new();
        let keys = json!({ "keys": [with(&key.jwk(), &json!({ "kid": "k", "use": "sig" }))] });
        let setup = Setup::new()
            .with_client(json!({ "ClientId": "signer", "Jwks": keys }))
            .with(&json!({ "DetailedRefusals": true }));
        Self {
            sidecar: setup.sidecar().await,
            key,
        }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": "signer", "sub": "signer", "aud": format!("{}{TOKEN}", self.sidecar.url),
            "jti": uuid::Uuid::new_v4().to_string(), "iat": now(), "exp": now() + 60,
        })
    }

    fn assertion(&self, change: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": "k" });
        self.key.sign(&header, &with(&self.claims(), change))
    }

    fn call(&self, assertion: &str) -> Call {
        ask_by(&self.sidecar.client, TOKEN, assertion, &[GRANT])
    }
}

fn ask_by(client: &Client, path: &str, assertion: &str, more: &[(&str, &str)]) -> Call {
    let own = [
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    client.post(path).form(&[more, &own].concat())
}

#[tokio::test]
async fn private_key_jwt_is_for_the_issuer_or_an_endpoint_and_good_once() {
    let signer = Signer::new().await;
    let url = &signer.sidecar.url;
    for audience in [
        json!(url),
        json!(format!("{url}/")),
        json!(format!("{url}{TOKEN}")),
        json!(["https://else.example", format!("{url}/")]),
    ] {
        let assertion = signer.assertion(&json!({ "aud": audience }));
        let token = granted(&signer.call(&assertion).send().await);
        assert_eq!(claims_of(&token)["client_id"], "signer");
        let again = signer.call(&assertion).send().await;
        refused("again", &again, "the client assertion was used before");
    }
    // With the client's id in the form too (RFC 7521 §4.2), and at the other endpoints.
    let assertion = signer.assertion(&json!({}));
    let pairs = [GRANT, ("client_id", "signer")];
    let client = &signer.sidecar.client;
    let token = granted(&ask_by(client, TOKEN, &assertion, &pairs).send().await);
    let about = [("token", token.as_str())];
    for path in ["/connect/introspect", "/connect/revoke"] {
        for audience in [TOKEN, path] {
            let aud = format!("{url}{audience}");
            let assertion = signer.assertion(&json!({ "aud": aud }));
            let call = ask_by(client, path, &assertion, &about);
            call.send().await.expect(200);
        }
    }
    let methods = signer
        .sidecar
        .client
        .get("/.well-known/openid-configuration");
    let methods = methods.send().await.expect(200).json();
    assert_eq!(
        methods["token_endpoint_auth_methods_supported"],
        json!([
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt"
        ])
    );
    let algorithms = &methods["token_endpoint_auth_signing_alg_values_supported"];
    assert!(
        algorithms
            .as_array()
            .is_some_and(|list| list.contains(&json!("ES256")))
    );
    let metric = "sidecar_client_authentications_total";
    let counted = signer.sidecar.metric(metric, &["private_key_jwt"]).await;
    assert!((counted - 9.0).abs() < 0.5, "{counted}");
}

#[tokio::test]
async fn a_bad_assertion_is_401_invalid_client() {
    let signer = Signer::new().await;
    let wrong = "a claim of the client assertion is missing or wrong";
    let unknown = "the client assertion is of an unknown client, or signed with an unknown key";
    let malformed = "the client assertion is not a JWT of the expected form";
    let voucher = "the client assertion is from an issuer that no client relies on";
    let too_long = "the client assertion is good for longer than is allowed";
    let header = json!({ "alg": "ES256", "kid": "k" });
    let by_its_key = |header: &Value| signer.key.sign(header, &signer.claims());
    let stranger = Prover::new();
    let rsa = Forger::new(Material::shared_signing());
    let public = signer.key.jwk().to_string();
    let mut cut = signer.assertion(&json!({}));
    cut.truncate(cut.len() - 2);
    for (name, assertion, code) in [
        (
            "another issuer",
            signer.assertion(&json!({ "iss": CLIENT })),
            voucher,
        ),
        (
            "no subject",
            signer.assertion(&json!({ "sub": null })),
            voucher,
        ),
        (
            "no issuer",
            signer.assertion(&json!({ "iss": null })),
            wrong,
        ),
        (
            "another audience",
            signer.assertion(&json!({ "aud": "https://else.example" })),
            wrong,
        ),
        (
            "no audience",
            signer.assertion(&json!({ "aud": null })),
            wrong,
        ),
        (
            "an audience that is no text",
            signer.assertion(&json!({ "aud": [1] })),
            wrong,
        ),
        ("no jti", signer.assertion(&json!({ "jti": null })), wrong),
        ("no exp", signer.assertion(&json!({ "exp": null })), wrong),
        (
            "a day",
            signer.assertion(&json!({ "exp": now() + 86_400 })),
            too_long,
        ),
        (
            "of yesterday",
            signer.assertion(&json!({ "iat": now() - 86_400 })),
            too_long,
        ),
        (
            "over",
            signer.assertion(&json!({ "exp": now() - 60 })),
            "the client assertion has expired",
        ),
        (
            "not yet",
            signer.assertion(&json!({ "nbf": now() + 600 })),
            "the client assertion is not valid yet",
        ),
        (
            "a client without keys",
            signer.assertion(&json!({ "iss": CLIENT, "sub": CLIENT })),
            unknown,
        ),
        (
            "no client",
            signer.assertion(&json!({ "iss": "x", "sub": "x" })),
            unknown,
        ),
        (
            "another kid",
            by_its_key(&json!({ "alg": "ES256", "kid": "x" })),
            unknown,
        ),
        (
            "an access token's type",
            by_its_key(&json!({ "alg": "ES256", "kid": "k", "typ": "at+jwt" })),
            malformed,
        ),
        (
            "a proof's type",
            by_its_key(&json!({ "alg": "ES256", "kid": "k", "typ": "dpop+jwt" })),
            malformed,
        ),
        (
            "crit",
            by_its_key(&json!({ "alg": "ES256", "kid": "k", "crit": ["exp"] })),
            malformed,
        ),
        (
            "none",
            unsigned(&json!({ "alg": "none", "kid": "k" }), &signer.claims()),
            malformed,
        ),
        (
            "HS256 with the public key",
            hs256(
                &json!({ "alg": "HS256", "kid": "k" }),
                &signer.claims(),
                public.as_bytes(),
            ),
            malformed,
        ),
        (
            "client_secret_jwt",
            hs256(&json!({ "alg": "HS256" }), &signer.claims(), b"a secret"),
            malformed,
        ),
        (
            "another's key",
            stranger.sign(&header, &signer.claims()),
            "the client assertion's signature is wrong",
        ),
        (
            "a key that comes along",
            stranger.sign(
                &with(&header, &json!({ "jwk": stranger.jwk() })),
                &signer.claims(),
            ),
            "the client assertion's signature is wrong",
        ),
        (
            "another algorithm",
            rsa.token(&json!({ "alg": "RS256", "kid": "k" }), &signer.claims()),
            unknown,
        ),
        (
            "cut short",
            cut,
            "the client assertion's signature is wrong",
        ),
        ("no JWT", "x.y".to_owned(), malformed),
        ("far too long", "x".repeat(20_000), malformed),
    ] {
        refused(name, &signer.call(&assertion).send().await, code);
    }
    let assertion = signer.assertion(&json!({}));
    let call = ask_by(
        &signer.sidecar.client,
        TOKEN,
        &assertion,
        &[GRANT, ("client_id", CLIENT)],
    );
    refused("another client_id", &call.send().await, wrong);
    for (name, pairs) in [
        (
            "without its type",
            vec![GRANT, ("client_assertion", &*assertion)],
        ),
        (
            "a type alone",
            vec![GRANT, ("client_assertion_type", JWT_BEARER)],
        ),
    ] {
        let answer = signer.sidecar.client.post(TOKEN).form(&pairs).send().await;
        refused(name, &answer, "the client credentials are malformed");
    }
    // None of all that used it up.
    granted(&signer.call(&assertion).send().await);
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_told_to_nobody_but_the_log() {
    let key = Prover::new();
    let keys = json!({ "keys": [key.jwk()] });
    let client = json!({ "ClientId": "signer", "Jwks": keys });
    let sidecar = Setup::new().with_client(client).sidecar().await;
    let claims = json!({ "iss": "signer", "sub": "signer", "aud": "x", "jti": "1", "exp": 1 });
    for assertion in [
        key.sign(&json!({ "alg": "ES256" }), &claims),
        Prover::new().sign(&json!({ "alg": "ES256" }), &claims),
        "nonsense".to_owned(),
    ] {
        let call = ask_by(&sidecar.client, TOKEN, &assertion, &[GRANT]);
        refused(
            &assertion,
            &call.send().await,
            "client authentication failed",
        );
    }
    let metric = "sidecar_refusals_total";
    for code in [
        "assertion_claims_wrong",
        "assertion_signature_wrong",
        "assertion_malformed",
    ] {
        assert!(sidecar.metric(metric, &[code]).await > 0.5, "{code}");
    }
}

#[tokio::test]
async fn bad_assertions_spend_the_budget_and_lock_no_good_one_out() {
    let signer = Signer::new().await;
    let bad = signer.assertion(&json!({ "aud": "https://else.example" }));
    let connection = signer.sidecar.client.connect().await;
    let mut connection = connection.expect("a connection");
    let mut limited = false;
    for _ in 0..1_000 {
        let answer = connection.send(signer.call(&bad)).await.expect("an answer");
        limited = answer.status == 429;
        if limited {
            assert!(!answer.header("retry-after").is_empty());
            break;
        }
        assert_eq!(answer.status, 401);
    }
    assert!(limited, "the bad ones are limited at last");
    granted(&signer.call(&signer.assertion(&json!({}))).send().await);
}

#[tokio::test]
async fn a_tls_certificate_authenticates_a_client_by_name_or_by_key() {
    let (issued, authority) = Material::issued("robot");
    let own = Material::tls("own");
    let stranger = Material::tls("robot");
    let thumbprint = tests::prover::hash(&own.trust());
    let x5c = STANDARD.encode(own.trust());
    let setup = Setup::new()
        .with_client(json!({ "ClientId": "named", "TlsSubject": "CN=robot" }))
        .with_client(json!({ "ClientId": "thumbprint", "TlsThumbprints": [thumbprint] }))
        .with_client(json!({
            "ClientId": "x5c",
            "Jwks": { "keys": [with(&Prover::new().jwk(), &json!({ "x5c": [x5c] }))] },
        }))
        .with_client(json!({ "ClientId": "dns", "TlsSubject": { "Dns": "localhost" } }))
        .with(&json!({
            "ClientCertificates": { "Authorities": "authority.pem" }, "DetailedRefusals": true,
        }));
    setup.write("authority.pem", &authority);
    let sidecar = setup.sidecar().await;
    let base = &sidecar.client;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let by = |material: &Material| base.with_identity(material, version);
        let cases = [
            (by(&issued), ["named"].as_slice()),
            (by(&own), &["thumbprint", "x5c"]),
            // It has the names, and nobody vouches for it.
            (by(&stranger), &[]),
        ];
        for (client, good) in cases {
            for id in ["named", "thumbprint", "x5c", "dns", CLIENT, "nobody"] {
                let call = client.post(TOKEN).form(&[GRANT, ("client_id", id)]);
                let answer = call.send().await;
                if good.contains(&id) {
                    let claims = claims_of(&granted(&answer));
                    assert_eq!(claims["client_id"], id);
                    // RFC 8705 §3: and the token is bound to it.
                    assert!(claims["cnf"]["x5t#S256"].is_string(), "{claims}");
                } else {
                    refused(id, &answer, "the TLS certificate is not one of the client");
                }
            }
        }
    }
    let without = base.post(TOKEN).form(&[GRANT, ("client_id", "named")]);
    refused(
        "no certificate",
        &without.send().await,
        "client authentication is needed",
    );
    let metadata = base.get("/.well-known/oauth-authorization-server");
    let methods = metadata.send().await.expect(200).json();
    assert_eq!(
        methods["token_endpoint_auth_methods_supported"],
        json!([
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth"
        ])
    );
}

#[tokio::test]
async fn a_client_may_have_to_use_one_method_and_discovery_tells_what_is_on() {
    let secret = secrets::new_secret();
    let key = Prover::new();
    let mut setup = Setup::new().with(&json!({ "DetailedRefusals": true }));
    setup.clients().clear();
    let sidecar = setup
        .with_client(json!({
            "ClientId": "basic", "ClientSecret": secret,
            "TokenEndpointAuthMethod": "client_secret_basic",
        }))
        .with_client(json!({
            "ClientId": "key", "ClientSecret": secret, "Jwks": { "keys": [key.jwk()] },
            "TokenEndpointAuthMethod": "private_key_jwt",
        }))
        .sidecar()
        .await;
    let other = "the client must authenticate by another method";
    refused("post", &by_secret(&sidecar, "basic", &secret).await, other);
    refused(
        "a secret",
        &by_secret(&sidecar, "key", &secret).await,
        other,
    );
    // Who cannot prove himself does not learn which method it is.
    let failed = "client authentication failed";
    refused("wrong", &by_secret(&sidecar, "key", "wrong").await, failed);
    let basic = sidecar.client.post(TOKEN).basic("basic", &secret);
    granted(&basic.form(&[GRANT]).send().await);
    let claims = json!({
        "iss": "key", "sub": "key", "aud": sidecar.url, "jti": "1", "exp": now() + 60,
    });
    let assertion = key.sign(&json!({ "alg": "ES256" }), &claims);
    granted(
        &ask_by(&sidecar.client, TOKEN, &assertion, &[GRANT])
            .send()
            .await,
    );
    let metadata = sidecar.client.get("/.well-known/openid-configuration");
    let metadata = metadata.send().await.expect(200).json();
    for endpoint in ["token", "introspection", "revocation"] {
        assert_eq!(
            metadata[format!("{endpoint}_endpoint_auth_methods_supported")],
            json!(["client_secret_basic", "private_key_jwt"]),
            "{endpoint}"
        );
    }
}

#[tokio::test]
async fn exactly_one_method_in_each_request() {
    let signer = Signer::new().await;
    let secret = signer.sidecar.setup.secret.clone();
    let assertion = signer.assertion(&json!({}));
    let both = [
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &assertion),
    ];
    let post = || signer.sidecar.client.post(TOKEN);
    for (name, call) in [
        (
            "Basic and an assertion",
            post()
                .basic(CLIENT, &secret)
                .form(&[GRANT, both[0], both[1]]),
        ),
        (
            "a secret and an assertion",
            post().form(&[
                GRANT,
                ("client_id", CLIENT),
                ("client_secret", &secret),
                both[0],
                both[1],
            ]),
        ),
        (
            "Basic and a secret",
            post()
                .basic(CLIENT, &secret)
                .form(&[GRANT, ("client_secret", &secret)]),
        ),
    ] {
        let answer = call.send().await.expect(400);
        assert_eq!(answer.json()["error"], "invalid_request", "{name}");
    }
    granted(&signer.call(&assertion).send().await);
}

#[tokio::test]
async fn a_client_not_allowed_this_grant_is_400_unauthorized_client() {
    let secret = secrets::new_secret();
    let client = json!({ "ClientId": "asks-only", "ClientSecret": secret, "GrantTypes": [] });
    let sidecar = Setup::new().with_client(client).sidecar().await;
    let answer = by_secret(&sidecar, "asks-only", &secret).await.expect(400);
    assert_eq!(answer.json()["error"], "unauthorized_client");
    // It is a client all the same.
    let about = [
        ("client_id", "asks-only"),
        ("client_secret", &*secret),
        ("token", "x"),
    ];
    let answer = sidecar.client.post("/connect/introspect").form(&about);
    assert_eq!(
        answer.send().await.expect(200).json(),
        json!({ "active": false })
    );
}

#[tokio::test]
async fn each_client_has_its_own_scopes_audience_lifetime_and_operations() {
    let secret = secrets::new_secret();
    let sidecar = Setup::new()
        .with_client(json!({
            "ClientId": "narrow", "ClientSecret": secret, "Scopes": ["WorkflowApi", "reports"],
            "Audience": "Elsewhere", "TokenLifetime": "2m", "Operations": ["read"],
        }))
        .sidecar()
        .await;
    let token = granted(&by_secret(&sidecar, "narrow", &secret).await);
    let claims = claims_of(&token);
    assert_eq!(claims["aud"], "Elsewhere");
    assert_eq!(claims["scope"], "WorkflowApi reports");
    let lifetime = claims["exp"].as_u64().zip(claims["iat"].as_u64());
    assert_eq!(lifetime.map(|(exp, iat)| exp - iat), Some(120));
    for (scope, status) in [("reports", 200), ("WorkflowAdmin", 400)] {
        let pairs = [
            GRANT,
            ("client_id", "narrow"),
            ("client_secret", &*secret),
            ("scope", scope),
        ];
        sidecar.ask_token(&pairs).await.expect(status);
    }
    for (path, status) in [
        ("/workflowapi/getschemelist", 200),
        ("/workflowapi/createinstance?schemeCode=TestScheme", 403),
    ] {
        let answer = sidecar.client.get(path).bearer(&token).send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

/// Claims as Kubernetes has them in a projected service-account token.
fn workload(issuer: &Issuer, change: &Value) -> Value {
    let claims = json!({
        "iss": issuer.name, "sub": "system:serviceaccount:shop:orders",
        "aud": ["https://sidecar.shop"], "iat": now(), "nbf": now(), "exp": now() + 3600,
        "jti": "the same for an hour",
        "kubernetes.io": { "namespace": "shop", "serviceaccount": { "name": "orders" } },
    });
    with(&claims, change)
}

#[tokio::test]
async fn a_trusted_issuers_token_is_a_client_assertion_so_that_a_pod_needs_no_secret() {
    let issuer = Issuer::start().await;
    let key = SigningKey::new("cluster");
    issuer.publish(&[&key]);
    let credential = |subject: &str| {
        json!([{
            "Issuer": issuer.name, "Subject": subject, "Audience": "https://sidecar.shop",
        }])
    };
    let setup = Setup::new()
        .with_client(json!({
            "ClientId": "orders",
            "FederatedCredentials": credential("system:serviceaccount:shop:orders"),
        }))
        .with_client(json!({
            "ClientId": "billing",
            "FederatedCredentials": credential("system:serviceaccount:shop:billing"),
        }))
        .with(&json!({
            "Issuers": [{
                "Issuer": issuer.name, "Authorities": "issuer.pem", "AccessTokens": false,
            }],
            "DetailedRefusals": true,
        }));
    setup.write("issuer.pem", &issuer.certificate);
    let sidecar = setup.sidecar().await;
    let pod = |change: &Value| key.token(&json!({ "typ": null }), &workload(&issuer, change));
    let ask = |assertion: &str, more: &[(&str, &str)]| {
        ask_by(
            &sidecar.client,
            TOKEN,
            assertion,
            &[&[GRANT], more].concat(),
        )
        .send()
    };
    let good = pod(&json!({}));
    until("the issuer's keys are there", || async {
        (ask(&good, &[]).await.status == 200).then_some(())
    })
    .await;
    // As often as it is good; the client may be named or not.
    for more in [vec![], vec![("client_id", "orders")]] {
        let token = granted(&ask(&good, &more).await);
        assert_eq!(claims_of(&token)["client_id"], "orders");
        let call = sidecar
            .client
            .get("/workflowapi/getschemelist")
            .bearer(&token);
        call.send().await.expect(200);
    }
    let billing =
        pod(&json!({ "sub": "system:serviceaccount:shop:billing", "aud": "https://sidecar.shop" }));
    let token = granted(&ask(&billing, &[]).await);
    assert_eq!(claims_of(&token)["client_id"], "billing");

    let wrong = "a claim of the client assertion is missing or wrong";
    let other = SigningKey::new("cluster");
    for (name, assertion, code) in [
        (
            "another subject",
            pod(&json!({ "sub": "system:serviceaccount:shop:other" })),
            wrong,
        ),
        (
            "a longer subject",
            pod(&json!({ "sub": "system:serviceaccount:shop:orders2" })),
            wrong,
        ),
        (
            "another audience",
            pod(&json!({ "aud": "https://kubernetes.default.svc" })),
            wrong,
        ),
        ("no audience", pod(&json!({ "aud": null })), wrong),
        ("no exp", pod(&json!({ "exp": null })), wrong),
        (
            "a bound token",
            pod(&json!({ "cnf": { "jkt": "x" } })),
            wrong,
        ),
        (
            "over",
            pod(&json!({ "exp": now() - 60 })),
            "the client assertion has expired",
        ),
        (
            "another issuer",
            pod(&json!({ "iss": "https://else.example" })),
            "the client assertion is from an issuer that no client relies on",
        ),
        (
            "another's key",
            other.token(&json!({ "typ": null }), &workload(&issuer, &json!({}))),
            "the client assertion's signature is wrong",
        ),
        (
            "an access token",
            key.token(&json!({}), &workload(&issuer, &json!({}))),
            "the client assertion is not a JWT of the expected form",
        ),
    ] {
        refused(name, &ask(&assertion, &[]).await, code);
    }
    refused(
        "the other client",
        &ask(&good, &[("client_id", "billing")]).await,
        wrong,
    );
    // It only vouches: nothing of it is let in by itself.
    let access = key.token(&json!({}), &with(&issuer.claims(), &json!({ "sub": "x" })));
    let answer = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&access);
    assert_eq!(
        answer.send().await.expect(401).json()["code"],
        "issuer_wrong"
    );
}

#[tokio::test]
async fn a_client_publishes_its_keys_and_changes_them() {
    let place = Issuer::start().await;
    let (one, two) = (SigningKey::new("one"), SigningKey::new("two"));
    place.publish(&[&one]);
    let uri = format!("{}/keys", place.name.trim_end_matches("/realm"));
    let setup = Setup::new()
        .with_client(json!({ "ClientId": "signer", "JwksUri": uri }))
        .with(&json!({ "DetailedRefusals": true }))
        .variable("SSL_CERT_FILE", "place.pem");
    setup.write("place.pem", &place.certificate);
    let sidecar = setup.sidecar().await;
    let ask = |key: &SigningKey| {
        let claims = json!({
            "iss": "signer", "sub": "signer", "aud": sidecar.url,
            "jti": uuid::Uuid::new_v4().to_string(), "exp": now() + 60,
        });
        let assertion = key.token(&json!({ "typ": "JWT" }), &claims);
        ask_by(&sidecar.client, TOKEN, &assertion, &[GRANT]).send()
    };
    until("the client's keys are there", || async {
        let answer = ask(&one).await;
        // Not the client's fault as long as they were never had.
        assert!(
            answer.status == 503 || answer.status == 200,
            "{}",
            answer.text()
        );
        (answer.status == 200).then_some(())
    })
    .await;
    let unknown = "the client assertion is of an unknown client, or signed with an unknown key";
    refused("an unknown key", &ask(&two).await, unknown);
    // The unknown key has the set fetched again, at most once in ten seconds.
    place.publish(&[&one, &two]);
    until("the new key is there", || async {
        (ask(&two).await.status == 200).then_some(())
    })
    .await;
    granted(&ask(&one).await);
    // Keys that are held go on while the place is down.
    place.state().up = false;
    granted(&ask(&one).await);
}

#[tokio::test]
async fn what_nobody_could_authenticate_by_is_a_fault() {
    let key = Prover::new().jwk();
    let private = with(&key, &json!({ "d": "AAAA" }));
    let credential = json!([{ "Issuer": "https://id.example", "Subject": "s", "Audience": "a" }]);
    for (client, want) in [
        (json!({}), "nobody can authenticate as it"),
        (
            json!({ "Jwks": { "keys": [] } }),
            "no key for an allowed algorithm",
        ),
        (
            json!({ "Jwks": { "keys": [private] } }),
            "a private or a symmetric key",
        ),
        (
            json!({ "Jwks": { "keys": [{ "kty": "oct", "k": "AAAA" }] } }),
            "a private or a symmetric key",
        ),
        (json!({ "Jwks": { "File": "missing.json" } }), "cannot read"),
        (
            json!({ "JwksUri": "http://id.example/keys" }),
            "`JwksUri` cannot be fetched",
        ),
        (
            json!({ "JwksUri": "https://id.example/keys", "Jwks": { "keys": [key] } }),
            "both `Jwks` and `JwksUri`",
        ),
        (json!({ "TlsSubject": "robot" }), "distinguished name"),
        (
            json!({ "TlsSubject": { "Dns": "a", "Uri": "b" } }),
            "exactly one name",
        ),
        (json!({ "TlsThumbprints": ["abc"] }), "not the SHA-256"),
        (
            json!({ "FederatedCredentials": [{ "Subject": "s" }] }),
            "no `Issuer`",
        ),
        (
            json!({ "FederatedCredentials": credential }),
            "not one of `Issuers`",
        ),
        (
            json!({ "ClientSecret": "s", "TokenEndpointAuthMethod": "tls_client_auth" }),
            "has nothing for it",
        ),
    ] {
        let client = with(&json!({ "ClientId": "a" }), &client);
        let setup = Setup::new().with_client(client.clone());
        setup.write_config();
        let ran = run(setup.command(&programs().sidecar, &["check"])).await;
        assert_eq!(ran.code, Some(1), "{client}: {}", ran.stdout);
        assert!(ran.stdout.contains(want), "{client}: {}", ran.stdout);
    }
}

#[tokio::test]
async fn an_administrator_sees_when_each_client_and_secret_was_last_used() {
    let (old, new) = (secrets::new_secret(), secrets::new_secret());
    let sidecar = Setup::new()
        .with_client(json!({ "ClientId": "rotating", "ClientSecrets": [
            { "Value": old, "NotAfter": "2999-01-01T00:00:00Z" }, { "Hash": pbkdf2_of(&new) },
        ] }))
        .with_client(json!({
            "ClientId": "admin", "ClientSecret": old, "Scopes": ["WorkflowAdmin"],
        }))
        .sidecar()
        .await;
    granted(&by_secret(&sidecar, "rotating", &new).await);
    let admin = granted(&by_secret(&sidecar, "admin", &old).await);
    let token = sidecar.token().await;
    // To others it is not there.
    sidecar.admin.get("/clients").send().await.expect(404);
    let answer = sidecar.admin.get("/clients").bearer(&token);
    answer.send().await.expect(404);
    let answer = sidecar.admin.get("/clients").bearer(&admin).send().await;
    let told = answer.expect(200).json();
    let clients = told["clients"].as_array().expect("a list");
    let rotating = clients.iter().find(|one| one["clientId"] == "rotating");
    let rotating = rotating.expect("the client");
    assert!(rotating["lastUsed"].is_string(), "{told}");
    assert_eq!(rotating["methods"][0]["method"], "client_secret_post");
    let secrets = rotating["secrets"].as_array().expect("a list");
    assert_eq!(secrets[0]["notAfter"], "2999-01-01T00:00:00Z");
    assert_eq!(secrets[0]["lastUsed"], Value::Null);
    assert_eq!(secrets[1]["kind"], "pbkdf2-sha256");
    assert!(secrets[1]["lastUsed"].is_string(), "{told}");
}
