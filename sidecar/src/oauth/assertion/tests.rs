use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::bearer::fixture::{self, BASE, ISSUER, NOW, with};
use crate::config::Means;

struct Holder {
    key: EcdsaKeyPair,
}

impl Holder {
    fn new() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        Self { key }
    }

    fn jwk(&self, more: Value) -> Value {
        let point = &self.key.public_key().as_ref()[1..];
        let (x, y) = point.split_at(32);
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        with(
            json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) }),
            more,
        )
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.unwrap()))
    }
}

/// The client `a` with those keys, and `b` without any.
fn clients(keys: &Value) -> Clients {
    let mut client = fixture::client("a", &["*"]);
    client.means = Means::of_jwks(&json!({ "keys": keys }).to_string());
    fixture::clients([client, fixture::client("b", &["*"])])
}

fn judge(clients: &Clients, assertion: &str, named: Option<&str>) -> Result<(), Reason> {
    judge_with(clients, &UsedAssertions::default(), assertion, named)
}

fn judge_with(
    clients: &Clients,
    used: &UsedAssertions,
    assertion: &str,
    named: Option<&str>,
) -> Result<(), Reason> {
    let authority = Authority {
        issuer: ISSUER.into(),
        base: BASE.into(),
    };
    let judge = Judge {
        clients,
        authority: &authority,
        used,
        lifetime: Duration::from_secs(300),
        now: NOW,
    };
    let assertion = Assertion::split(assertion)?;
    judge
        .client(&assertion, named)
        .map(|client| assert_eq!(&*client.id, "a"))
}

fn good() -> Value {
    json!({ "iss": "a", "sub": "a", "aud": ISSUER, "jti": "1", "iat": NOW, "exp": NOW + 60 })
}

#[test]
fn the_claims_of_an_assertion_are_those_of_rfc_7523_section_3() {
    let holder = Holder::new();
    let clients = clients(&json!([holder.jwk(json!({}))]));
    let (wrong, ok) = (Err(Reason::AssertionClaimsWrong), Ok(()));
    let long = "x".repeat(513);
    for (change, want) in [
        (json!({}), ok),
        (json!({ "aud": "https://sidecar.example" }), ok),
        (json!({ "aud": format!("{BASE}/connect/token") }), ok),
        (json!({ "aud": format!("{BASE}/connect/introspect") }), ok),
        (json!({ "aud": ["https://else.example", ISSUER] }), ok),
        (
            json!({ "aud": "https://else.example/connect/token" }),
            wrong,
        ),
        (json!({ "aud": format!("{BASE}/workflowapi") }), wrong),
        (json!({ "aud": [1, ISSUER] }), wrong),
        (json!({ "aud": [] }), wrong),
        (json!({ "aud": null }), wrong),
        (json!({ "iss": "b" }), wrong),
        (json!({ "iss": null }), wrong),
        (json!({ "sub": null }), wrong),
        (json!({ "jti": null }), wrong),
        (json!({ "jti": "" }), wrong),
        (json!({ "jti": 7 }), wrong),
        (json!({ "jti": long }), wrong),
        (json!({ "exp": null }), wrong),
        (json!({ "exp": "soon" }), wrong),
        (json!({ "exp": NOW - 29 }), ok),
        (json!({ "exp": NOW - 30 }), Err(Reason::AssertionExpired)),
        (json!({ "exp": NOW + 330 }), ok),
        (json!({ "exp": NOW + 331 }), Err(Reason::AssertionTooLong)),
        (
            json!({ "exp": 253_402_300_799_u64 }),
            Err(Reason::AssertionTooLong),
        ),
        (json!({ "iat": NOW - 331 }), Err(Reason::AssertionTooLong)),
        (json!({ "iat": null }), ok),
        (
            json!({ "iat": NOW + 31 }),
            Err(Reason::AssertionNotYetValid),
        ),
        (
            json!({ "nbf": NOW + 31 }),
            Err(Reason::AssertionNotYetValid),
        ),
        (json!({ "nbf": NOW + 30 }), ok),
    ] {
        let assertion = holder.sign(&json!({ "alg": "ES256" }), &with(good(), change.clone()));
        assert_eq!(judge(&clients, &assertion, None), want, "{change}");
    }
}

#[test]
fn an_assertion_is_signed_by_a_key_of_its_client() {
    let (holder, other) = (Holder::new(), Holder::new());
    let es256 = json!({ "alg": "ES256" });
    let named = clients(&json!([
        holder.jwk(json!({ "kid": "k" })),
        other.jwk(json!({ "kid": "o" }))
    ]));
    let unnamed = clients(&json!([holder.jwk(json!({}))]));
    let unknown = Err(Reason::AssertionKeyUnknown);
    let wrong = Err(Reason::AssertionSignatureWrong);
    for (clients, header, want) in [
        (&named, json!({ "alg": "ES256", "kid": "k" }), Ok(())),
        (
            &named,
            json!({ "alg": "ES256", "kid": "k", "typ": "JWT" }),
            Ok(()),
        ),
        (
            &named,
            json!({ "alg": "ES256", "typ": "client-authentication+jwt" }),
            Ok(()),
        ),
        (&named, json!({ "alg": "ES256", "kid": "o" }), wrong),
        (&named, json!({ "alg": "ES256", "kid": "x" }), unknown),
        (&unnamed, json!({ "alg": "ES256", "kid": "x" }), Ok(())),
        (&unnamed, json!({ "alg": "RS256" }), unknown),
        (
            &unnamed,
            json!({ "alg": "none" }),
            Err(Reason::AssertionMalformed),
        ),
        (
            &unnamed,
            json!({ "alg": "HS256" }),
            Err(Reason::AssertionMalformed),
        ),
        (
            &unnamed,
            json!({ "alg": "ES256", "typ": "at+jwt" }),
            Err(Reason::AssertionMalformed),
        ),
        (
            &unnamed,
            json!({ "alg": "ES256", "typ": "dpop+jwt" }),
            Err(Reason::AssertionMalformed),
        ),
        (
            &unnamed,
            json!({ "alg": "ES256", "crit": ["x"] }),
            Err(Reason::AssertionMalformed),
        ),
    ] {
        let assertion = holder.sign(&header, &good());
        assert_eq!(judge(clients, &assertion, None), want, "{header}");
    }
    // A key that comes along is not looked at.
    let header = json!({ "alg": "ES256", "jwk": other.jwk(json!({})) });
    assert_eq!(judge(&unnamed, &other.sign(&header, &good()), None), wrong);
    // Another client, or none.
    for id in ["b", "nobody"] {
        let claims = with(good(), json!({ "iss": id, "sub": id }));
        assert_eq!(
            judge(&unnamed, &holder.sign(&es256, &claims), None),
            unknown,
            "{id}"
        );
    }
    let assertion = holder.sign(&es256, &good());
    assert_eq!(judge(&unnamed, &assertion, Some("a")), Ok(()));
    let mismatch = judge(&unnamed, &assertion, Some("b"));
    assert_eq!(mismatch, Err(Reason::AssertionClaimsWrong));
    for text in ["", "x", "a.b", "a.b.c", &"x".repeat(20_000)] {
        assert_eq!(judge(&unnamed, text, None), Err(Reason::AssertionMalformed));
    }
}

#[test]
fn an_assertion_is_good_once_and_a_refused_one_uses_nothing_up() {
    let holder = Holder::new();
    let clients = clients(&json!([holder.jwk(json!({}))]));
    let used = UsedAssertions::default();
    let es256 = json!({ "alg": "ES256" });
    let late = holder.sign(&es256, &with(good(), json!({ "exp": NOW - 60 })));
    let expired = Err(Reason::AssertionExpired);
    assert_eq!(judge_with(&clients, &used, &late, None), expired);
    let assertion = holder.sign(&es256, &good());
    assert_eq!(judge_with(&clients, &used, &assertion, None), Ok(()));
    // Signed anew it is the same one.
    for assertion in [assertion, holder.sign(&es256, &good())] {
        let again = judge_with(&clients, &used, &assertion, None);
        assert_eq!(again, Err(Reason::AssertionReplayed));
    }
    let next = holder.sign(&es256, &with(good(), json!({ "jti": "2" })));
    assert_eq!(judge_with(&clients, &used, &next, None), Ok(()));
}
