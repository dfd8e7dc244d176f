use super::*;

const P256: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
const ED25519: &str =
    r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
const ALLOWED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

fn parse(keys: &[&str]) -> Result<PublicKeys, DocumentFault> {
    let document = format!(r#"{{"keys":[{}],"extra":1}}"#, keys.join(","));
    PublicKeys::parse(document.as_bytes(), &ALLOWED)
}

#[test]
fn one_bad_key_does_not_spoil_the_others() {
    let good = format!(r#"{{{ED25519},"kid":"good"}}"#);
    for (key, why) in [
        (
            format!(r#"{{{P256},"kid":"a","d":"x"}}"#),
            Some(Why::Private),
        ),
        (
            r#"{"kty":"oct","k":"AAAA","kid":"a"}"#.to_owned(),
            Some(Why::Symmetric),
        ),
        (
            format!(r#"{{{P256},"kid":"a","k":"AAAA"}}"#),
            Some(Why::Symmetric),
        ),
        (
            r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"x"}"#.to_owned(),
            Some(Why::Kind),
        ),
        (format!(r#"{{{P256},"alg":"ES512"}}"#), Some(Why::Kind)),
        (format!(r#"{{{P256},"alg":"HS256"}}"#), Some(Why::Kind)),
        // Known, and not among those allowed.
        (format!(r#"{{{P256},"alg":"ES384"}}"#), Some(Why::Kind)),
        (format!(r#"{{{P256},"use":"enc"}}"#), Some(Why::Use)),
        (format!(r#"{{{P256},"key_ops":["sign"]}}"#), Some(Why::Use)),
        (
            format!(r#"{{{P256},"key_ops":"verify"}}"#),
            Some(Why::Malformed),
        ),
        (format!(r#"{{{P256},"kid":1}}"#), Some(Why::Malformed)),
        (
            P256.replace("f83", "e83").replacen('"', "{\"", 1) + "}",
            Some(Why::Malformed),
        ),
        (
            r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(),
            Some(Why::Malformed),
        ),
        (
            r#"{"kty":"RSA","n":"sXch","e":"AQAB"}"#.to_owned(),
            Some(Why::Malformed),
        ),
        (r#"{"kid":"a"}"#.to_owned(), Some(Why::Malformed)),
        (
            format!(r#"{{{P256},"use":"sig","key_ops":["verify"],"alg":"ES256"}}"#),
            None,
        ),
        // What is said about a key beside itself is not looked at.
        (format!(r#"{{{P256},"x5c":17,"x5t":false}}"#), None),
    ] {
        let keys = parse(&[&key, &good]).unwrap();
        let got = keys.passed_over().first().map(|passed| passed.why);
        assert_eq!(got, why, "{key}");
        assert_eq!(keys.find("good", Algorithm::EdDSA).count(), 1, "{key}");
        assert_eq!(keys.len(), if why.is_none() { 2 } else { 1 }, "{key}");
    }
}

#[test]
fn a_document_that_is_of_no_use_is_a_fault() {
    let many = vec![r#"{"kty":"AKP"}"#; KEYS_MAX + 1].join(",");
    let many = format!(r#"{{"keys":[{many}]}}"#);
    let huge = format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(DOCUMENT_BYTES_MAX));
    for (document, want) in [
        ("", DocumentFault::Malformed),
        ("<html>", DocumentFault::Malformed),
        ("[]", DocumentFault::Malformed),
        (r#"{"keys":{}}"#, DocumentFault::Malformed),
        (r#"{"keys":[1]}"#, DocumentFault::Malformed),
        (r#"{"keys":[],"keys":[]}"#, DocumentFault::Malformed),
        (
            r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#,
            DocumentFault::Malformed,
        ),
        (r#"{"keys":[]}"#, DocumentFault::NoneFit),
        (&many, DocumentFault::TooMany),
        (&huge, DocumentFault::TooLarge),
    ] {
        let got = PublicKeys::parse(document.as_bytes(), &ALLOWED).map(drop);
        assert_eq!(got, Err(want));
    }
}

#[test]
fn a_kid_may_name_several_keys_each_of_which_counts() {
    let first = format!(r#"{{{ED25519},"kid":"a"}}"#);
    let other = first.replace("11qYAY", "21qYAY");
    let curve = format!(r#"{{{P256},"kid":"a"}}"#);
    let keys = parse(&[&first, &first, &curve]).unwrap();
    assert_eq!(
        (keys.len(), keys.find("a", Algorithm::EdDSA).count()),
        (2, 1)
    );
    assert!(keys.find("b", Algorithm::EdDSA).next().is_none());
    assert!(keys.knows("a") && !keys.knows("b"));
    // Not every 32 bytes are a point, but aws-lc decides that when it verifies.
    let keys = parse(&[&first, &other]).unwrap();
    assert_eq!(keys.find("a", Algorithm::EdDSA).count(), 2);
    let twins: Vec<_> = (0..=SAME_NAME_MAX)
        .map(|n| first.replace("11qYAY", &format!("{n}1qYAY")))
        .collect();
    let twins: Vec<_> = twins.iter().map(String::as_str).collect();
    let keys = parse(&twins).unwrap();
    assert_eq!(keys.find("a", Algorithm::EdDSA).count(), SAME_NAME_MAX);
    assert_eq!(keys.passed_over()[0].why, Why::SameName);
    assert!(keys.same_as(&parse(&twins[..SAME_NAME_MAX]).unwrap()));
    assert!(!keys.same_as(&parse(&twins[1..]).unwrap()));
}

#[test]
fn a_message_shows_no_more_of_a_kid_than_is_harmless() {
    let kid = "\u{1b}[31m".to_owned() + &"x".repeat(200);
    let key = format!(
        r#"{{"kty":"oct","k":"c2VjcmV0","kid":{}}}"#,
        serde_json::to_string(&kid).unwrap()
    );
    let good = format!("{{{ED25519}}}");
    let told = parse(&[&key, &good]).unwrap().passed_over()[0].to_string();
    assert!(!told.contains('\u{1b}') && !told.contains("c2Vj"), "{told}");
    assert!(told.len() < 160, "{told}");
}
