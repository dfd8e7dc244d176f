//! `Issuers`, from the file and from code.

use super::*;
use crate::bearer::IssuerKeys;
use crate::keys::PublicKeys;

const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn alone(issuer: &str) -> Folder {
    let folder = Folder::new(&format!("{BASE}\"Issuers\": [{{ {issuer} }}]"));
    fs::write(folder.path().join("jwks.json"), SET).unwrap();
    folder
}

#[test]
fn an_issuer_needs_no_token_side() {
    let snapshot = alone(r#""Issuer": "https://id", "Audience": "a", "JwksFile": "jwks.json""#);
    let snapshot = snapshot.snapshot();
    assert!(snapshot.token_server.is_none());
    let issuer = snapshot.issuers.find("https://id").unwrap();
    assert_eq!(issuer.keys.look(PublicKeys::len), Some(1));
    assert!(snapshot.issuers.find("https://id/").is_none(), "exactly");
    let settings = &issuer.settings;
    assert_eq!(settings.clock_skew, 30);
    assert_eq!(settings.algorithms.len(), 3);
    assert!(settings.takes_type(Some("application/AT+JWT")));
    assert!(!settings.takes_type(Some("JWT")) && !settings.takes_type(None));
}

#[test]
#[expect(clippy::too_many_lines, reason = "as many as there are faults")]
fn faults_of_an_issuer_have_their_places() {
    const GOOD: &str = r#""Issuer": "https://id", "Audience": "a""#;
    for (issuer, wants) in [
        (r#""Audience": "a""#, "there is no `Issuer`"),
        (r#""Issuer": "https://id""#, "there is no `Audience`"),
        (
            r#""Issuer": "https://id", "Audience": []"#,
            "there is no `Audience`",
        ),
        (
            r#""Issuer": "", "Audience": "a""#,
            "`Issuers[0].Issuer` is empty",
        ),
        (
            r#""Issuer": "id", "Audience": "a""#,
            "its keys cannot be discovered: no `scheme://host`",
        ),
        (
            r#""Issuer": "http://id.example", "Audience": "a""#,
            "its keys cannot be discovered: plain `http://` is for loopback only",
        ),
        (
            &format!(r#"{GOOD}, "JwksUri": "http://id.example/keys""#),
            "`JwksUri` cannot be fetched: plain `http://`",
        ),
        (
            &format!(r#"{GOOD}, "FetchFrom": "http://10.0.0.1""#),
            "`FetchFrom` is not a place to connect to: plain `http://`",
        ),
        (
            &format!(r#"{GOOD}, "JwksFile": "jwks.json", "JwksUri": "https://id/keys""#),
            "`JwksFile` and `JwksUri` contradict each other",
        ),
        (
            &format!(r#"{GOOD}, "JwksFile": "none.json""#),
            "cannot read `JwksFile`",
        ),
        (
            &format!(r#"{GOOD}, "JwksFile": "config.json""#),
            "the key set is not a JSON object",
        ),
        (
            &format!(r#"{GOOD}, "Authorities": "jwks.json""#),
            "no certificate in",
        ),
        (
            &format!(r#"{GOOD}, "Algorithms": ["HS256"]"#),
            "not an algorithm of public keys",
        ),
        (
            &format!(r#"{GOOD}, "Algorithms": []"#),
            "`Algorithms` is empty",
        ),
        (
            &format!(r#"{GOOD}, "TokenTypes": []"#),
            "`TokenTypes` is empty",
        ),
        (
            &format!(r#"{GOOD}, "RequiredScopes": ["a b"]"#),
            "is not a scope",
        ),
        (
            &format!(r#"{GOOD}, "Operations": ["reed"]"#),
            "did you mean `read`?",
        ),
        (
            &format!(r#"{GOOD}, "ClockSkew": "6m""#),
            "a duration from 0s to 300s",
        ),
        (
            &format!(r#"{GOOD}, "ClaimMappings": {{ "ClientId": "a..b" }}"#),
            "`a..b` is not a path to a claim: a name in it is empty",
        ),
        (
            &format!(r#"{GOOD}, "ClaimMappings": {{ "ClientId": [] }}"#),
            "`ClaimMappings.ClientId` is empty",
        ),
        (
            &format!(r#"{GOOD}, "RequiredClaims": {{ "a": 1.5 }}"#),
            "`Issuers[0].RequiredClaims.a` must be",
        ),
        (
            &format!(r#"{GOOD}, "Jwks": 1"#),
            "unknown key `Jwks` in `Issuers[0]`",
        ),
        (
            &format!("{GOOD} }}, {{ {GOOD}"),
            "two issuers have the name `https://id`",
        ),
    ] {
        let folder = alone(issuer);
        let drawn = folder.faults();
        assert!(
            drawn.contains(wants),
            "{issuer}\nwants {wants}\ngot {drawn}"
        );
        assert_eq!(drawn.matches('×').count(), 1, "{issuer}\n{drawn}");
        let report = check(&folder.source(), false, false);
        assert_eq!(report.exit_code, 1, "{issuer}\n{}", report.text);
        assert!(!folder.path().join("data").exists(), "nothing is made");
    }
    let own = format!(
        r#"{BASE}{CLIENT} "AuthorityUrl": "https://us", "Issuers": [
            {{ "Issuer": "https://us", "Audience": "a" }}]"#
    );
    assert!(
        Folder::new(&own)
            .faults()
            .contains("is this sidecar itself")
    );
}

#[test]
fn a_leaked_private_key_in_a_file_is_a_warning_and_not_taken() {
    let folder = alone(r#""Issuer": "https://id", "Audience": "a", "JwksFile": "jwks.json""#);
    let leaked = SET.replace(
        "]}",
        r#", {"kty":"oct","kid":"b","k":"c2VjcmV0c2VjcmV0"}]}"#,
    );
    fs::write(folder.path().join("jwks.json"), leaked).unwrap();
    let loaded = folder.load();
    let warned = loaded.warnings.render(false);
    assert!(
        warned.contains("key `b` is passed over: it is a shared secret"),
        "{warned}"
    );
    assert!(!warned.contains("c2Vj"), "{warned}");
    assert!(loaded.outcome.is_ok());
}

#[test]
fn code_wins_over_the_file_for_the_same_issuer() {
    let folder = alone(r#""Issuer": "https://id", "Audience": "a", "JwksFile": "jwks.json""#);
    let mut source = folder.source();
    let file = folder.path().join("jwks.json");
    source.issuers = vec![
        Issuer::new("https://id", "b").jwks_file(&file),
        Issuer::new("https://other", "b").jwks_uri("https://other/keys"),
    ];
    let snapshot = source.load(None).outcome.unwrap();
    let issuer = snapshot.issuers.find("https://id").unwrap();
    assert_eq!(*issuer.settings.audiences[0], *"b");
    assert_eq!(snapshot.issuers.iter().count(), 2);

    source.issuers = vec![
        Issuer::new("https://id", "").jwks_file(&file),
        Issuer::new("https://two", "b"),
        Issuer::new("https://two", "b").operations(["reed"]),
        Issuer::new("https://three", "b").clock_skew(Duration::from_secs(301)),
    ];
    let drawn = source
        .load(None)
        .outcome
        .map(drop)
        .unwrap_err()
        .render(false);
    for wants in [
        "issuer `https://id`, registered in code: its audience is empty",
        "two issuers registered in code have the name `https://two`",
        "issuer `https://three`, registered in code: its clock skew is over 300 s",
    ] {
        assert!(drawn.contains(wants), "{wants}: {drawn}");
    }
}

#[test]
fn a_reload_goes_on_with_the_keys_that_are_held() {
    let at = |more: &str| {
        format!(r#""Issuer": "https://id", "Audience": "a", "JwksUri": "https://id/keys"{more}"#)
    };
    let folder = alone(&at(""));
    let first = folder.snapshot();
    let store = |snapshot: &Snapshot| match &snapshot.issuers.find("https://id").unwrap().keys {
        IssuerKeys::Fetched(store) => Arc::clone(store),
        IssuerKeys::File(_) => panic!("fetched"),
    };
    for (more, same) in [
        (r#", "ClockSkew": 1"#, true),
        (r#", "FetchFrom": "10.0.0.1""#, false),
        (r#", "Algorithms": ["ES256"]"#, false),
    ] {
        folder.write(&format!("{BASE}\"Issuers\": [{{ {} }}]", at(more)));
        let next = folder.source().load(Some(&first)).outcome.unwrap();
        assert_eq!(Arc::ptr_eq(&store(&first), &store(&next)), same, "{more}");
    }
}
