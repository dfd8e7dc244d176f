use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use http::HeaderValue;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::bearer::fixture::{self, NOW, with};
use crate::config::Dpop;

/// A client with a key of its own.
pub(crate) struct Holder {
    key: EcdsaKeyPair,
}

impl Holder {
    pub(crate) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { key }
    }

    pub(crate) fn jwk(&self) -> Json {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    pub(crate) fn thumbprint(&self) -> [u8; 32] {
        let header = json!({"jwk": self.jwk()}).to_string();
        let header = Object::parse(header.as_bytes()).unwrap();
        crate::keys::thumbprint(&key::of(&header).unwrap()).unwrap()
    }

    fn header(&self) -> Json {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    /// The good header, with changes.
    fn proof(&self, header: Json, claims: &Json) -> String {
        self.signed(
            &with(self.header(), header).to_string(),
            &claims.to_string(),
        )
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        let signed = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

const PATH: &str = "/workflowapi/getschemelist";
const TOKEN: &[u8] = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

/// Claims for the token endpoint.
fn claims(jti: &str) -> Json {
    json!({
        "jti": jti, "htm": "POST", "iat": NOW,
        "htu": "https://sidecar.example/connect/token",
    })
}

/// Claims for the resource.
fn resource_claims(jti: &str) -> Json {
    json!({
        "jti": jti, "htm": "GET", "iat": NOW, "ath": hash(TOKEN),
        "htu": "https://sidecar.example/workflowapi/getschemelist",
    })
}

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(&DPOP, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// A server with these settings.
struct Scene {
    snapshot: Snapshot,
    proofs: Proofs,
}

impl Scene {
    fn new(dpop: Dpop) -> Self {
        let mut snapshot = fixture::snapshot();
        snapshot.dpop = dpop;
        Self {
            snapshot,
            proofs: Proofs::new(),
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            snapshot: &self.snapshot,
            method: &Method::POST,
            path: "/connect/token",
            token: None,
            client: "all",
            nonce: false,
            now: NOW,
        }
    }

    fn judged(&self, proofs: &[&str], wanted: &Wanted<'_>) -> Result<[u8; 32], Reason> {
        let judged = self.proofs.verify(&headers(proofs), wanted);
        judged
            .map(|proven| proven.key)
            .map_err(|refusal| refusal.reason)
    }

    fn at_token(&self, proof: &str) -> Result<[u8; 32], Reason> {
        self.judged(&[proof], &self.wanted())
    }
}

#[test]
fn the_rfc_s_own_examples_are_good() {
    // RFC 9449 figures 2, 6 and 12: one key, whose thumbprint is in figure 9.
    const KEY: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik\
        VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR\
        nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
        QSIsImNydiI6IlAtMjU2In19";
    const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let token_request = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj\
        oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia\
        WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg\
        4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    let refresh_request = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj\
        oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia\
        WF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5Qs\
        GSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA";
    let resource_request = "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj\
        oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z\
        WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF\
        c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E\
        OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let key: [u8; 32] = URL_SAFE_NO_PAD
        .decode(THUMBPRINT)
        .unwrap()
        .try_into()
        .unwrap();
    let mut scene = Scene::new(Dpop::default());
    for (rest, method, base, path, token, now) in [
        (
            token_request,
            Method::POST,
            "https://server.example.com",
            "/token",
            None,
            1_562_262_616,
        ),
        (
            refresh_request,
            Method::POST,
            "https://server.example.com",
            "/token",
            None,
            1_562_265_296,
        ),
        (
            resource_request,
            Method::GET,
            "https://resource.example.org",
            "/protectedresource",
            Some((TOKEN, &key)),
            1_562_262_618,
        ),
    ] {
        scene.snapshot.authority.base = base.into();
        let proof = format!("{KEY}.{rest}");
        // Figures 2 and 6 share their `jti`.
        scene.proofs = Proofs::new();
        let wanted = Wanted {
            method: &method,
            path,
            token,
            now,
            ..scene.wanted()
        };
        assert_eq!(scene.judged(&[&proof], &wanted), Ok(key), "{path}");
        assert_eq!(scene.judged(&[&proof], &wanted), Err(Reason::ProofReplayed));
    }
}

#[test]
fn check_1_one_header() {
    let (scene, holder) = (Scene::new(Dpop::default()), Holder::new());
    let wanted = scene.wanted();
    assert_eq!(scene.judged(&[], &wanted), Err(Reason::ProofMissing));
    let proofs = ["1", "2"].map(|jti| holder.proof(json!({}), &claims(jti)));
    let two = [&*proofs[0], &*proofs[1]];
    assert_eq!(scene.judged(&two, &wanted), Err(Reason::ProofSeveral));
    let listed = format!("{}, {}", proofs[0], proofs[1]);
    assert_eq!(scene.at_token(&listed), Err(Reason::ProofMalformed));
    assert_eq!(scene.at_token(&proofs[0]), Ok(holder.thumbprint()));
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn checks_2_to_7_a_well_formed_jwt_of_its_type_with_its_own_public_key() {
    let (scene, holder) = (Scene::new(Dpop::default()), Holder::new());
    let other = Holder::new();
    let malformed = Reason::ProofMalformed;
    let member = |name: &str, value: Json| {
        let mut jwk = holder.jwk();
        jwk[name] = value;
        json!({ "jwk": jwk })
    };
    for (what, header, change, want) in [
        // 3. Every claim that is needed, of its type.
        ("no jti", json!({}), json!({"jti": null}), malformed),
        ("empty jti", json!({}), json!({"jti": ""}), malformed),
        (
            "long jti",
            json!({}),
            json!({"jti": "x".repeat(257)}),
            malformed,
        ),
        ("number as jti", json!({}), json!({"jti": 1}), malformed),
        ("no htm", json!({}), json!({"htm": null}), malformed),
        ("no htu", json!({}), json!({"htu": null}), malformed),
        (
            "list as htu",
            json!({}),
            json!({"htu": ["https://sidecar.example/connect/token"]}),
            malformed,
        ),
        ("no iat", json!({}), json!({"iat": null}), malformed),
        ("text as iat", json!({}), json!({"iat": "1"}), malformed),
        ("negative iat", json!({}), json!({"iat": -1}), malformed),
        // 4. The type.
        ("no typ", json!({"typ": null}), json!({}), malformed),
        ("typ JWT", json!({"typ": "JWT"}), json!({}), malformed),
        (
            "an access token's",
            json!({"typ": "at+jwt"}),
            json!({}),
            malformed,
        ),
        // RFC 7515 §4.1.11: nothing may be demanded that is not understood.
        ("crit", json!({"crit": ["exp"]}), json!({}), malformed),
        // 5. The algorithm.
        (
            "none",
            json!({"alg": "none"}),
            json!({}),
            Reason::ProofAlgorithmRefused,
        ),
        (
            "HS256",
            json!({"alg": "HS256"}),
            json!({}),
            Reason::ProofAlgorithmRefused,
        ),
        (
            "no alg",
            json!({"alg": null}),
            json!({}),
            Reason::ProofAlgorithmRefused,
        ),
        (
            "case",
            json!({"alg": "es256"}),
            json!({}),
            Reason::ProofAlgorithmRefused,
        ),
        (
            "not served",
            json!({"alg": "PS512"}),
            json!({}),
            Reason::ProofAlgorithmRefused,
        ),
        (
            "another key's",
            json!({"alg": "EdDSA"}),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        // 6. The signature.
        (
            "another key",
            json!({"jwk": other.jwk()}),
            json!({}),
            Reason::ProofSignatureWrong,
        ),
        // 7. No private key, and a whole public one.
        (
            "no jwk",
            json!({"jwk": null}),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "text as jwk",
            json!({"jwk": "x"}),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "private",
            member("d", json!("AAAA")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "private of RSA",
            member("dp", json!("AAAA")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "symmetric",
            json!({"jwk": {"kty": "oct", "k": "AAAA"}}),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "a secret beside",
            member("k", json!("AAAA")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "another curve",
            member("crv", json!("P-384")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "unknown curve",
            member("crv", json!("secp256k1")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "not on the curve",
            member("x", json!(URL_SAFE_NO_PAD.encode([1; 32]))),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "short",
            member("x", json!("AAAA")),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "padded",
            member(
                "x",
                json!(format!("{}=", holder.jwk()["x"].as_str().unwrap())),
            ),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
        (
            "kid alone",
            json!({"jwk": null, "kid": "1"}),
            json!({}),
            Reason::ProofKeyUnfit,
        ),
    ] {
        let proof = holder.proof(header, &with(claims("1"), change));
        assert_eq!(scene.at_token(&proof), Err(want), "{what}");
    }
    // Nothing of that used the `jti` up.
    let good = holder.proof(json!({"typ": "application/DPoP+JWT"}), &claims("1"));
    assert_eq!(scene.at_token(&good), Ok(holder.thumbprint()));
}

#[test]
fn check_2_nothing_but_a_jwt() {
    let (scene, holder) = (Scene::new(Dpop::default()), Holder::new());
    let good = holder.proof(json!({}), &claims("1"));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = holder.header().to_string();
    let twice = claims("1").to_string().replacen('{', r#"{"jti":"0","#, 1);
    let bent = match signature.strip_prefix('A') {
        Some(rest) => format!("{signed}.B{rest}"),
        None => format!("{signed}.A{}", &signature[1..]),
    };
    for (proof, want) in [
        ("", Reason::ProofMalformed),
        ("x", Reason::ProofMalformed),
        ("a.b.c", Reason::ProofMalformed),
        (signed, Reason::ProofMalformed),
        (&format!("{signed}."), Reason::ProofMalformed),
        (&format!("{good}="), Reason::ProofMalformed),
        (&format!("{good}.x"), Reason::ProofMalformed),
        (&format!("{good} "), Reason::ProofMalformed),
        (&bent, Reason::ProofSignatureWrong),
        (&good[..good.len() - 6], Reason::ProofSignatureWrong),
        (&holder.signed(&header, &twice), Reason::ProofMalformed),
        (&holder.signed(&header, "[]"), Reason::ProofMalformed),
        (
            &holder.signed(&format!("{header} "), &claims("2").to_string()),
            Reason::ProofReplayed,
        ),
        (&"a".repeat(BYTES_MAX + 1), Reason::ProofMalformed),
    ] {
        if want == Reason::ProofReplayed {
            // White space around the header's JSON changes nothing: it is used, then used again.
            assert!(scene.at_token(proof).is_ok());
        }
        assert_eq!(scene.at_token(proof), Err(want), "{proof}");
    }
    assert!(scene.at_token(&good).is_ok());
}

#[test]
fn checks_8_and_9_for_this_method_and_uri() {
    let (mut scene, holder) = (Scene::new(Dpop::default()), Holder::new());
    let origin = "https://sidecar.svc:8077";
    scene.snapshot.dpop.origins = vec![origin.into()];
    for (number, (change, want)) in [
        (json!({"htm": "GET"}), Some(Reason::ProofMethodWrong)),
        (json!({"htm": "post"}), Some(Reason::ProofMethodWrong)),
        (
            json!({"htu": "https://sidecar.example/connect/other"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "https://other.example/connect/token"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "http://sidecar.example/connect/token"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "/connect/token"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "https://sidecar.example/CONNECT/token"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "https://sidecar.svc/connect/token"}),
            Some(Reason::ProofUriWrong),
        ),
        (
            json!({"htu": "https://sidecar.svc:8077/connect/token"}),
            None,
        ),
        (
            json!({"htu": "https://SIDECAR.example:443/%63onnect/token?a=b#c"}),
            None,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = with(claims(&number.to_string()), change.clone());
        let judged = scene.at_token(&holder.proof(json!({}), &claims));
        assert_eq!(judged.err(), want, "{change}");
    }
}

#[test]
fn check_10_the_nonce_that_the_server_gave() {
    let scene = Scene::new(Dpop {
        nonce_slice: 100,
        ..Dpop::default()
    });
    let holder = Holder::new();
    let demanded = |now| Wanted {
        nonce: true,
        now,
        ..scene.wanted()
    };
    let refusal = scene
        .proofs
        .verify(
            &headers(&[&holder.proof(json!({}), &claims("1"))]),
            &demanded(NOW),
        )
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::ProofNonceNeeded);
    let response = crate::refusal::oauth_error(
        &refusal,
        &crate::refusal::Manner::new("https://a.example", "https://a.example/m", false),
    );
    assert_eq!(response.status(), 400);
    let nonce = response.headers()["dpop-nonce"]
        .to_str()
        .unwrap()
        .to_owned();

    let with_nonce = |jti: &str, nonce: &str, now: u64| {
        holder.proof(
            json!({}),
            &with(claims(jti), json!({"nonce": nonce, "iat": now})),
        )
    };
    let verify = |proof: &str, now| scene.proofs.verify(&headers(&[proof]), &demanded(now));
    let proven = verify(&with_nonce("1", &nonce, NOW), NOW).unwrap();
    assert_eq!(proven.next_nonce, None);
    // A new one in time.
    let later = NOW + 100;
    let proven = verify(&with_nonce("2", &nonce, later), later).unwrap();
    let next = proven.next_nonce.unwrap();
    assert_ne!(*next, *nonce);
    // Then the old one is over, and the new one is not.
    let later = NOW + 200;
    let over = verify(&with_nonce("3", &nonce, later), later).unwrap_err();
    assert_eq!(over.reason, Reason::ProofNonceNeeded);
    assert!(verify(&with_nonce("3", &next, later), later).is_ok());
    let strange = verify(&with_nonce("4", "strange", later), later).unwrap_err();
    assert_eq!(strange.reason, Reason::ProofNonceNeeded);
    // Where none is demanded none is looked at.
    let scene = Scene::new(Dpop::default());
    assert!(scene.at_token(&with_nonce("5", "strange", NOW)).is_ok());
}

#[test]
fn check_11_made_just_now() {
    let scene = Scene::new(Dpop::default());
    let holder = Holder::new();
    let current = Reason::ProofNotCurrent;
    for (iat, want) in [
        (json!(NOW - 60), None),
        (json!(NOW - 61), Some(current)),
        (json!(NOW + 60), None),
        (json!(NOW + 61), Some(current)),
        (json!(0), Some(current)),
        (json!(i64::MAX), Some(current)),
        (json!(u64::MAX), Some(current)),
        (json!(1e300), Some(current)),
        // Precision that some clients add.
        (serde_json::from_str("1800000000.25").unwrap(), None),
    ] {
        let claims = with(claims(&iat.to_string()), json!({"iat": iat}));
        let judged = scene.at_token(&holder.proof(json!({}), &claims));
        assert_eq!(judged.err(), want, "{claims}");
    }
}

#[test]
fn check_12_for_this_token_by_the_key_that_it_is_bound_to() {
    let scene = Scene::new(Dpop::default());
    let (holder, thief) = (Holder::new(), Holder::new());
    let bound = holder.thumbprint();
    let wanted = Wanted {
        method: &Method::GET,
        path: PATH,
        token: Some((TOKEN, &bound)),
        ..scene.wanted()
    };
    let judged = |holder: &Holder, change: Json| {
        let proof = holder.proof(json!({}), &with(resource_claims("1"), change));
        scene.judged(&[&proof], &wanted)
    };
    let wrong = Err(Reason::ProofTokenWrong);
    assert_eq!(judged(&holder, json!({"ath": null})), wrong);
    assert_eq!(judged(&holder, json!({"ath": hash(b"another")})), wrong);
    assert_eq!(
        judged(&holder, json!({"ath": format!("{}=", hash(TOKEN))})),
        wrong
    );
    assert_eq!(
        judged(&holder, json!({"ath": 1})),
        Err(Reason::ProofMalformed)
    );
    assert_eq!(judged(&thief, json!({})), Err(Reason::ProofKeyWrong));
    assert_eq!(judged(&holder, json!({})), Ok(bound));
    assert_eq!(judged(&holder, json!({})), Err(Reason::ProofReplayed));
}

#[test]
fn section_11_1_a_jti_is_used_once_for_each_key() {
    let scene = Scene::new(Dpop::default());
    let (one, other) = (Holder::new(), Holder::new());
    assert!(scene.at_token(&one.proof(json!({}), &claims("1"))).is_ok());
    let again = scene.at_token(&one.proof(json!({}), &claims("1")));
    assert_eq!(again, Err(Reason::ProofReplayed));
    assert!(
        scene
            .at_token(&other.proof(json!({}), &claims("1")))
            .is_ok()
    );
}

#[test]
fn other_kinds_of_keys_prove_as_well() {
    let scene = Scene::new(Dpop::default());
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    // RFC 8037 §3.1, and what RFC 9864 §2.2 calls it.
    for alg in ["EdDSA", "Ed25519"] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        let header = json!({"typ": "dpop+jwt", "alg": alg, "jwk": jwk});
        let parts = [header.to_string(), claims(alg).to_string()];
        let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        assert!(scene.at_token(&format!("{signed}.{signature}")).is_ok());
    }
    let (n, e) = fixture::public_key();
    let header = json!({"typ": "dpop+jwt", "alg": "RS256", "jwk": {"kty": "RSA", "n": n, "e": e}});
    let proof = fixture::signed(&header.to_string(), &claims("1").to_string());
    assert!(scene.at_token(&proof).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_proofs_never_panic(proof in "[ -~]{0,200}", header in "\\PC{0,80}", claims in "\\PC{0,80}") {
        let scene = Scene::new(Dpop::default());
        prop_assert!(scene.at_token(&proof).is_err());
        let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let proof = parts + ".AAAA";
        prop_assert!(scene.at_token(&proof).is_err());
    }
}
