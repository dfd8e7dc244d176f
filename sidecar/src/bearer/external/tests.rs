use serde_json::{Value, json};

use super::*;
use crate::bearer::fixture::{ISSUER, NOW, judging, public_key, signed, snapshot, token, with};
use crate::bearer::{IssuerKeys, validate};
use crate::config::{ClaimMappings, Issuers};
use crate::policy::Operations;

const ID: &str = "https://id.example/realms/a";

fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).unwrap()
}

fn paths(texts: &[&str]) -> Vec<ClaimPath> {
    texts.iter().map(|text| path(text)).collect()
}

fn settings() -> IssuerSettings {
    IssuerSettings {
        access_tokens: true,
        issuer: ID.into(),
        audiences: vec!["WorkflowApi".into(), "other".into()],
        algorithms: vec![Algorithm::RS256, Algorithm::ES256],
        token_types: vec!["at+jwt".into()],
        required_scopes: Vec::new(),
        required_claims: Vec::new(),
        granted_scopes: Vec::new(),
        mandate: None,
        operations: Operations::parse(&["*"]).unwrap(),
        mappings: ClaimMappings {
            client_id: paths(&["client_id", "azp", "appid", "cid"]),
            subject: paths(&["sub"]),
            scope: paths(&["scope", "scp"]),
        },
        clock_skew: 30,
    }
}

fn keys(kid: &str) -> IssuerKeys {
    let (n, e) = public_key();
    let document = json!({"keys": [{"kty": "RSA", "kid": kid, "n": n, "e": e}]});
    let algorithms = [Algorithm::RS256, Algorithm::PS256];
    let keys = PublicKeys::parse(document.to_string().as_bytes(), &algorithms);
    IssuerKeys::File(Arc::new(keys.unwrap()))
}

fn trusting(settings: IssuerSettings, kid: &str) -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.issuers = Issuers::of([TrustedIssuer {
        settings: Arc::new(settings),
        keys: keys(kid),
    }]);
    snapshot
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "at+jwt", "kid": "ext"})
}

fn claims() -> Value {
    json!({
        "iss": ID, "sub": "user", "azp": "app", "aud": ["account", "WorkflowApi"],
        "iat": NOW, "exp": NOW + 300, "scope": "WorkflowApi  read",
    })
}

fn judge(settings: IssuerSettings, header: &Value, claims: &Value) -> Result<Validated, Reason> {
    let snapshot = trusting(settings, "ext");
    let token = signed(&header.to_string(), &claims.to_string());
    validate(token.as_bytes(), &judging(&snapshot, NOW))
}

fn said(validated: &Validated) -> String {
    let principal = &validated.principal;
    format!(
        "{} {} [{}]",
        principal.client_id,
        principal.subject,
        principal.scopes.join(" ")
    )
}

#[test]
fn a_good_token_is_somebody() {
    let validated = judge(settings(), &header(), &claims()).unwrap();
    assert_eq!(said(&validated), "app user [WorkflowApi read]");
    assert_eq!(validated.ends, NOW + 330, "until its end and the skew");
    let principal = &validated.principal;
    assert_eq!(*principal.token.issuer, *ID);
    assert_eq!(*principal.token.kid, *"ext");
    assert!(matches!(principal.origin, Origin::External(_)));
    assert_eq!(principal.identity[2], "WorkflowApi read");
}

#[test]
fn the_issuer_is_chosen_by_iss_and_by_nothing_else() {
    let own = token();
    let snapshot = trusting(settings(), "ext");
    let judging = judging(&snapshot, NOW);
    let validated = validate(own.as_bytes(), &judging).unwrap();
    assert_eq!(*validated.principal.token.issuer, *ISSUER);
    // The signature is good under the issuer's key, and under ours; the name is whose counts.
    for (iss, want) in [
        (json!(format!("{ID}/")), Reason::IssuerWrong),
        (json!("https://ID.example/realms/a"), Reason::IssuerWrong),
        (json!("https://elsewhere.example"), Reason::IssuerWrong),
        (json!(null), Reason::ClaimsMalformed),
        (json!([ID]), Reason::ClaimsMalformed),
        // Ours: its key is not one of ours.
        (json!(ISSUER), Reason::KeyUnknown),
    ] {
        let claims = with(claims(), json!({"iss": iss}));
        let token = signed(&header().to_string(), &claims.to_string());
        assert_eq!(
            validate(token.as_bytes(), &judging).err(),
            Some(want),
            "{iss}"
        );
    }
}

#[test]
fn type_kid_and_algorithm_are_held_to_the_issuers() {
    for (change, want) in [
        (json!({"typ": "JWT"}), Reason::TokenTypeRefused),
        (json!({"typ": null}), Reason::TokenTypeRefused),
        (json!({"typ": 1}), Reason::TokenTypeRefused),
        (json!({"kid": null}), Reason::KeyUnknown),
        (json!({"kid": "other"}), Reason::KeyUnknown),
        (json!({"kid": "../ext"}), Reason::KeyUnknown),
        (json!({"alg": "none"}), Reason::AlgorithmRefused),
        (json!({"alg": "HS256"}), Reason::AlgorithmRefused),
        // The key could; the operator does not let it.
        (json!({"alg": "PS256"}), Reason::AlgorithmRefused),
        // The operator lets it; the key cannot.
        (json!({"alg": "ES256"}), Reason::AlgorithmRefused),
        (json!({"crit": ["exp"]}), Reason::CriticalRefused),
    ] {
        let header = with(header(), change.clone());
        assert_eq!(
            judge(settings(), &header, &claims()).err(),
            Some(want),
            "{change}"
        );
    }
    let jwt = || IssuerSettings {
        token_types: vec!["jwt".into()],
        ..settings()
    };
    for (typ, good) in [
        (json!("JWT"), true),
        (json!("application/jwt"), true),
        (json!(null), true),
        (json!("at+jwt"), false),
        (json!("dpop+jwt"), false),
    ] {
        let header = with(header(), json!({"typ": typ}));
        assert_eq!(judge(jwt(), &header, &claims()).is_ok(), good, "{typ}");
    }
    let token = signed(&header().to_string(), &claims().to_string());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let token = format!("{signed}.{flipped}{}", &signature[1..]);
    let snapshot = trusting(settings(), "ext");
    let refused = validate(token.as_bytes(), &judging(&snapshot, NOW)).err();
    assert_eq!(refused, Some(Reason::SignatureWrong));
}

#[test]
fn claims_are_those_of_oauth_reference_5_4() {
    for (change, want) in [
        (json!({"aud": "other"}), None),
        (json!({"aud": ["x", "y"]}), Some(Reason::AudienceWrong)),
        (
            json!({"aud": ["WorkflowApi", 1]}),
            Some(Reason::ClaimsMalformed),
        ),
        (json!({"aud": null}), Some(Reason::ClaimsMalformed)),
        (json!({"exp": null}), Some(Reason::ClaimsMalformed)),
        (json!({"exp": "1"}), Some(Reason::ClaimsMalformed)),
        (json!({"exp": NOW - 29}), None),
        (json!({"exp": NOW - 30}), Some(Reason::TokenExpired)),
        (json!({"nbf": NOW + 30}), None),
        (json!({"nbf": NOW + 31}), Some(Reason::TokenNotYetValid)),
        (json!({"iat": NOW + 31}), Some(Reason::TokenNotYetValid)),
        (
            json!({"cnf": {"kid": "x"}}),
            Some(Reason::BindingUnsupported),
        ),
        (json!({"jti": 1}), Some(Reason::ClaimsMalformed)),
        (json!({"azp": null}), Some(Reason::ClaimsMalformed)),
        (json!({"azp": ""}), Some(Reason::ClaimsMalformed)),
        (json!({"azp": 7}), Some(Reason::ClaimsMalformed)),
        (json!({"sub": 7}), Some(Reason::ClaimsMalformed)),
        (json!({"scope": 7}), Some(Reason::ClaimsMalformed)),
        (json!({"scope": ["a", 7]}), Some(Reason::ClaimsMalformed)),
    ] {
        let claims = with(claims(), change.clone());
        assert_eq!(
            judge(settings(), &header(), &claims).err(),
            want,
            "{change}"
        );
    }
}

#[test]
fn who_calls_and_what_for_stands_where_the_mapping_says() {
    let mapped = |client_id: &[&str], subject: &[&str], scope: &[&str]| IssuerSettings {
        mappings: ClaimMappings {
            client_id: paths(client_id),
            subject: paths(subject),
            scope: paths(scope),
        },
        ..settings()
    };
    let usual = || settings();
    let keycloak = || mapped(&["azp"], &["sub"], &["scope", "realm_access.roles"]);
    let spaced = || mapped(&["azp"], &["sub"], &["https://example.com/scopes"]);
    let pod = || {
        let name = r"kubernetes\.io.serviceaccount.name";
        mapped(&["sub"], &[name], &[])
    };
    let granting = || IssuerSettings {
        granted_scopes: vec!["WorkflowApi".into()],
        ..settings()
    };
    let wanted: &[(&dyn Fn() -> IssuerSettings, Value, &str)] = &[
        (&usual, json!({}), "app user [WorkflowApi read]"),
        (
            &usual,
            json!({"client_id": "c"}),
            "c user [WorkflowApi read]",
        ),
        (
            &usual,
            json!({"azp": null, "appid": "x", "cid": "y"}),
            "x user [WorkflowApi read]",
        ),
        (
            &usual,
            json!({"azp": null, "cid": "y"}),
            "y user [WorkflowApi read]",
        ),
        (&usual, json!({"sub": null}), "app app [WorkflowApi read]"),
        (&usual, json!({"scope": null}), "app user []"),
        (
            &usual,
            json!({"scope": ["a", "b"], "scp": "b c"}),
            "app user [a b c]",
        ),
        (
            &keycloak,
            json!({"scope": "email", "realm_access": {"roles": ["WorkflowApi"]}}),
            "app user [email WorkflowApi]",
        ),
        (
            &keycloak,
            json!({"scope": "email", "realm_access": "x"}),
            "app user [email]",
        ),
        (
            &spaced,
            json!({"https://example.com/scopes": ["a"]}),
            "app user [a]",
        ),
        (
            &pod,
            json!({"kubernetes.io": {"serviceaccount": {"name": "n"}}}),
            "user n []",
        ),
        (
            &granting,
            json!({"scope": "x WorkflowApi"}),
            "app user [WorkflowApi x]",
        ),
    ];
    for (settings, change, want) in wanted {
        let claims = with(claims(), change.clone());
        let validated = judge(settings(), &header(), &claims);
        assert_eq!(said(&validated.unwrap()), *want, "{change}");
    }
}

#[test]
fn a_required_claim_has_its_value_or_has_it_among_its_members() {
    let texts =
        |texts: &[&str]| RequiredValue::Texts(texts.iter().map(|text| (*text).into()).collect());
    for (name, value, found, good) in [
        ("tid", texts(&["t"]), json!({"tid": "t"}), true),
        ("tid", texts(&["s", "t"]), json!({"tid": "t"}), true),
        ("tid", texts(&["t"]), json!({"tid": "T"}), false),
        ("tid", texts(&["t"]), json!({}), false),
        ("tid", texts(&["t"]), json!({"tid": ["s", "t"]}), true),
        ("tid", texts(&["1"]), json!({"tid": 1}), false),
        ("a.b", texts(&["t"]), json!({"a": {"b": "t"}}), true),
        ("a.b", texts(&["t"]), json!({"a.b": "t"}), false),
        ("ok", RequiredValue::Bool(true), json!({"ok": true}), true),
        (
            "ok",
            RequiredValue::Bool(true),
            json!({"ok": "true"}),
            false,
        ),
        ("n", RequiredValue::Integer(1), json!({"n": 1}), true),
        ("n", RequiredValue::Integer(1), json!({"n": 2}), false),
        // Nothing to choose from is nothing that is good.
        ("tid", texts(&[]), json!({"tid": "t"}), false),
    ] {
        let settings = IssuerSettings {
            required_claims: vec![RequiredClaim {
                path: path(name),
                value,
            }],
            ..settings()
        };
        let claims = with(claims(), found.clone());
        let refused = judge(settings, &header(), &claims).err();
        assert_eq!(
            refused,
            (!good).then_some(Reason::ClaimRequired),
            "{name} {found}"
        );
    }
}

#[test]
fn a_token_stands_while_its_issuer_and_its_key_do() {
    let validated = judge(settings(), &header(), &claims()).unwrap();
    let stands = |snapshot: &Snapshot| validated.principal.stands(&judging(snapshot, NOW));
    assert!(stands(&trusting(settings(), "ext")), "equal is the same");
    assert!(!stands(&trusting(settings(), "next")), "its key is gone");
    assert!(!stands(&snapshot()), "its issuer is gone");
    let stricter = IssuerSettings {
        clock_skew: 0,
        ..settings()
    };
    assert!(!stands(&trusting(stricter, "ext")), "its rules are others");
    let mut ours = trusting(settings(), "ext");
    ours.authority.issuer = ID.into();
    assert!(!stands(&ours), "its issuer's name is ours now");
    ours.token_server = None;
    assert!(stands(&ours));
}
