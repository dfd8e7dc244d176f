use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::fixture::{
    BASE, NOW, client, clients, good_claims, good_header, judging, kid, signature, signed,
    snapshot, token, token_of, with,
};
use super::*;
use crate::keys::{Algorithm, VerifyingKey};

/// The one place that touches the API.
fn judged(token: &str, snapshot: &Snapshot, now: u64) -> Result<Validated, Reason> {
    validate(token.as_bytes(), &judging(snapshot, now))
}

fn judge(token: &str) -> Result<Validated, Reason> {
    judged(token, &snapshot(), NOW)
}

fn fault(token: &str) -> Option<Reason> {
    judge(token).err()
}

#[test]
fn good_token_gives_its_principal() {
    let claims = with(good_claims(), json!({"scope": "WorkflowApi Foreign Other"}));
    let found = judge(&token_of(&claims)).unwrap();
    let principal = &found.principal;
    assert_eq!(&*principal.client_id, "all");
    assert_eq!(&*principal.subject, "all");
    // `Foreign` is not the client's.
    assert_eq!(
        principal.identity.each_ref().map(|v| v.to_str().unwrap()),
        ["all", "all", "WorkflowApi Other"]
    );
    assert_eq!(found.ends, NOW + 3600);
}

#[test]
fn identity_values_are_encoded_outside_visible_ascii() {
    for (id, want) in [
        ("a b", "a%20b"),
        ("a%20b", "a%2520b"),
        ("клиент", "%D0%BA%D0%BB%D0%B8%D0%B5%D0%BD%D1%82"),
        ("a,b;c\"~", "a,b;c\"~"),
    ] {
        let mut snapshot = snapshot();
        snapshot.token_server.as_mut().unwrap().clients = clients([client(id, &["*"])]);
        let claims = with(good_claims(), json!({"client_id": id, "sub": id}));
        let found = judged(&token_of(&claims), &snapshot, NOW).unwrap();
        assert_eq!(found.principal.identity[0], want);
        assert_eq!(found.principal.identity[1], want);
    }
}

#[test]
fn header_rules() {
    for (changes, want) in [
        (json!({}), None),
        (json!({"typ": "application/at+jwt"}), None),
        (json!({"typ": "AT+JWT"}), None),
        // What a token says of keys is not looked at.
        (
            json!({"jku": "https://evil.example", "x5u": "x", "x5c": ["x"], "jwk": {}}),
            None,
        ),
        (json!({"typ": "JWT"}), Some(Reason::TokenTypeRefused)),
        (
            json!({"typ": "id_token+jwt"}),
            Some(Reason::TokenTypeRefused),
        ),
        (json!({"typ": null}), Some(Reason::TokenTypeRefused)),
        (json!({"typ": 1}), Some(Reason::TokenTypeRefused)),
        (json!({"alg": "none"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "None"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "NONE"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "HS256"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "PS256"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "RS384"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": "rs256"}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": null}), Some(Reason::AlgorithmRefused)),
        (json!({"alg": ["RS256"]}), Some(Reason::AlgorithmRefused)),
        (json!({"kid": "unknown"}), Some(Reason::KeyUnknown)),
        (json!({"kid": "../../etc/passwd"}), Some(Reason::KeyUnknown)),
        (json!({"kid": ""}), Some(Reason::KeyUnknown)),
        (json!({"kid": null}), Some(Reason::KeyUnknown)),
        (json!({"kid": 7}), Some(Reason::TokenHeaderMalformed)),
        (
            json!({"crit": ["exp"], "exp": 1}),
            Some(Reason::CriticalRefused),
        ),
        (json!({"crit": []}), Some(Reason::CriticalRefused)),
        (json!({"b64": false}), Some(Reason::CriticalRefused)),
        (
            json!({"b64": false, "crit": ["b64"]}),
            Some(Reason::CriticalRefused),
        ),
    ] {
        let header = with(good_header(), changes.clone());
        let token = signed(&header.to_string(), &good_claims().to_string());
        assert_eq!(fault(&token), want, "{changes}");
    }
}

#[test]
fn claim_rules() {
    let malformed = Some(Reason::ClaimsMalformed);
    for (changes, want) in [
        (json!({"iss": BASE}), None),
        (
            json!({"iss": "https://sidecar.example//"}),
            Some(Reason::IssuerWrong),
        ),
        (
            json!({"iss": "https://SIDECAR.example/"}),
            Some(Reason::IssuerWrong),
        ),
        (
            json!({"iss": "https://evil.example/"}),
            Some(Reason::IssuerWrong),
        ),
        (json!({"iss": null}), malformed),
        (json!({"iss": [BASE]}), malformed),
        (json!({"aud": ["x", "WorkflowApi"]}), None),
        (json!({"aud": "workflowapi"}), Some(Reason::AudienceWrong)),
        (json!({"aud": []}), Some(Reason::AudienceWrong)),
        (json!({"aud": ["WorkflowApi", 1]}), malformed),
        (json!({"aud": {"WorkflowApi": true}}), malformed),
        (json!({"aud": null}), malformed),
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW}), Some(Reason::TokenExpired)),
        (json!({"exp": 0}), Some(Reason::TokenExpired)),
        (json!({"exp": -1}), malformed),
        (json!({"exp": 1e300}), malformed),
        (json!({"exp": u64::MAX}), malformed),
        (json!({"exp": i64::MAX}), malformed),
        (json!({"exp": format!("{}", NOW + 9)}), malformed),
        (json!({"exp": true}), malformed),
        (json!({"exp": null}), malformed),
        (json!({"exp": 1_800_000_009.5}), None),
        (json!({"nbf": NOW + 5}), None),
        (json!({"nbf": NOW + 6}), Some(Reason::TokenNotYetValid)),
        (json!({"iat": NOW + 6}), Some(Reason::TokenNotYetValid)),
        (json!({"nbf": "soon"}), malformed),
        (json!({"iat": -5}), malformed),
        (json!({"nbf": null, "iat": null, "jti": null}), None),
        (json!({"jti": 1}), malformed),
        (json!({"sub": null}), malformed),
        (json!({"sub": ""}), malformed),
        (json!({"sub": 1}), malformed),
        (json!({"sub": "somebody"}), None),
        (json!({"client_id": null}), malformed),
        (json!({"client_id": "nobody"}), Some(Reason::ClientRemoved)),
        (json!({"scope": ["WorkflowApi"]}), None),
        (json!({"scope": null}), None),
        (json!({"scope": 1}), malformed),
        (json!({"scope": ["WorkflowApi", null]}), malformed),
        (
            json!({"cnf": {"kid": "x"}}),
            Some(Reason::BindingUnsupported),
        ),
    ] {
        let claims = with(good_claims(), changes.clone());
        assert_eq!(fault(&token_of(&claims)), want, "{changes}");
    }
}

#[test]
fn no_name_stands_twice_and_nothing_follows() {
    let header = good_header().to_string();
    let claims = good_claims().to_string();
    let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    for (header, claims, want) in [
        (
            twice(&header, r#""alg":"none""#),
            claims.clone(),
            Reason::TokenHeaderMalformed,
        ),
        (
            twice(&header, r#""\u0061lg":"RS256""#),
            claims.clone(),
            Reason::TokenHeaderMalformed,
        ),
        (
            format!("{header} x"),
            claims.clone(),
            Reason::TokenHeaderMalformed,
        ),
        (
            header.clone(),
            twice(&claims, r#""sub":"root""#),
            Reason::ClaimsMalformed,
        ),
        (
            header.clone(),
            twice(&claims, r#""a":{"b":1,"b":2}"#),
            Reason::ClaimsMalformed,
        ),
        (
            header.clone(),
            format!("{claims}{claims}"),
            Reason::ClaimsMalformed,
        ),
        (header.clone(), "[]".to_owned(), Reason::ClaimsMalformed),
        (
            "[]".to_owned(),
            claims.clone(),
            Reason::TokenHeaderMalformed,
        ),
    ] {
        assert_eq!(
            fault(&signed(&header, &claims)),
            Some(want),
            "{header} {claims}"
        );
    }
}

#[test]
fn a_token_has_one_spelling() {
    let good = token();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    // The last character of a 256-byte signature carries two unused bits.
    let mut loose = signature.to_owned();
    let last = loose.pop().unwrap();
    let place = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = place.chars().nth(place.find(last).unwrap() + 1).unwrap();
    loose.push(next);
    for token in [
        format!("{good}="),
        format!("{good}=="),
        format!("{header}.{claims}.{loose}"),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        good.replace('.', "_"),
        "x".to_owned(),
        "a.b.c".to_owned(),
    ] {
        let reason = fault(&token).unwrap();
        assert!(
            matches!(
                reason,
                Reason::TokenMalformed | Reason::TokenHeaderMalformed
            ),
            "{reason:?} for {token}"
        );
    }
    for token in [
        format!("{header}=.{claims}.{signature}"),
        format!("{good} "),
        format!("{good}\n"),
        "tök.en.x".to_owned(),
        String::new(),
    ] {
        assert_eq!(
            fault(&token),
            Some(Reason::CredentialsMalformed),
            "{token:?}"
        );
    }
}

#[test]
fn signature_is_of_this_key_over_this_token() {
    let good = token();
    let (signed_part, signature_part) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature_part).unwrap();
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let longer = [bytes.clone(), vec![0]].concat();
    let other = signature(b"another message");
    for bytes in [
        flipped,
        bytes[..255].to_vec(),
        bytes[1..].to_vec(),
        longer,
        other,
        vec![0; 256],
    ] {
        let token = format!("{signed_part}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(fault(&token), Some(Reason::SignatureWrong));
    }
    // The classic confusion: a MAC under the public key.
    let header = with(good_header(), json!({"alg": "HS256"}));
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(&good_claims()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, kid().as_bytes());
    let mac = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
    assert_eq!(
        fault(&format!("{message}.{mac}")),
        Some(Reason::AlgorithmRefused)
    );
    // A key of somebody else, with our kid.
    let folder = tempfile::tempdir().unwrap();
    let theirs = fixture::ring(folder.path());
    let forged = theirs
        .sign(good_claims().to_string().as_bytes(), NOW)
        .unwrap();
    assert_eq!(fault(&forged), Some(Reason::KeyUnknown));
}

#[test]
fn rules_of_the_header_come_before_the_signature_and_claims_after() {
    let claims = with(good_claims(), json!({"exp": 1})).to_string();
    let good = signed(&good_header().to_string(), &claims);
    let (message, _) = good.rsplit_once('.').unwrap();
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 256]));
    assert_eq!(
        fault(&token),
        Some(Reason::SignatureWrong),
        "not that it has expired"
    );
}

#[test]
fn without_a_token_side_nobody_is_trusted() {
    let mut snapshot = snapshot();
    snapshot.token_server = None;
    assert_eq!(
        judged(&token(), &snapshot, NOW).unwrap_err(),
        Reason::NoIssuerTrusted
    );
}

#[test]
fn our_own_tokens_are_good() {
    let snapshot = snapshot();
    let keys = &snapshot.token_server.as_ref().unwrap().keys;
    let token = keys
        .sign(good_claims().to_string().as_bytes(), NOW)
        .unwrap();
    judged(&token, &snapshot, NOW).unwrap();
}

#[test]
fn wycheproof_signatures_are_judged_as_they_should_be() {
    let Some(vectors) = crate::keys::tests::wycheproof("json_web_signature_test.json") else {
        return;
    };
    let mut seen = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let public = &group["public"];
        let ours = public["kty"] == "RSA" && public["alg"] == "RS256";
        let key = serde_json::from_value(public.clone()).ok();
        let key = key
            .and_then(|jwk| VerifyingKey::parse(&jwk, Algorithm::RS256).ok())
            .filter(|_| ours);
        for test in group["tests"].as_array().unwrap() {
            let jws = test["jws"].as_str().unwrap_or_default();
            // None of them is signed with a key of ours, so none may pass whole.
            assert!(judge(jws).is_err(), "{test}");
            let Some(key) = &key else {
                continue;
            };
            let good = Compact::split(jws).is_ok_and(|parts| {
                let signature = parts.signature().unwrap_or_default();
                parts.algorithm() == Ok(key.algorithm())
                    && key.verify(parts.signed.as_bytes(), &signature)
            });
            // Claims are never empty, so a token without a payload may be refused.
            let empty = test["comment"] == "emptyPayload";
            let want = test["result"] == "valid" && !empty;
            assert_eq!(good, want, "{test}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(token in proptest::collection::vec(any::<u8>(), 0..300)) {
        let snapshot = snapshot();
        prop_assert!(validate(&token, &judging(&snapshot, NOW)).is_err());
    }

    #[test]
    fn arbitrary_json_never_panics(header in "\\PC{0,60}", claims in "\\PC{0,60}") {
        prop_assert!(judge(&signed(&header, &claims)).is_err());
    }

    #[test]
    fn every_changed_character_is_noticed(place in 0_usize..700, change in 1_u8..64) {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut token = token().into_bytes();
        let place = place % token.len();
        if let Some(at) = ALPHABET.iter().position(|byte| *byte == token[place]) {
            token[place] = ALPHABET[(at + usize::from(change)) % 64];
            let snapshot = snapshot();
            prop_assert!(validate(&token, &judging(&snapshot, NOW)).is_err());
        }
    }
}
