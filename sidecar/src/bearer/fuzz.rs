//! What fuzz targets drive: credentials and claims of anybody's making.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that something does not hold"
)]

use std::sync::{Arc, LazyLock};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::{Epoch, Judging, Revocations, find, validate};
use crate::admin::Metrics;
use crate::config::{ClientCredential, Snapshot, Source};

struct World {
    snapshot: Snapshot,
    epoch: Epoch,
    revocations: Revocations,
    metrics: Metrics,
}

/// A sidecar's configuration with one client, its keys in a folder of its own.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fuzz-bearer-{}", std::process::id()));
    let source = Source {
        overrides: vec![
            "DisableOpenIddictServer=false".to_owned(),
            format!("DataFolder={}", folder.display()),
            "Upstream=http://127.0.0.1:1".to_owned(),
        ],
        clients: vec![ClientCredential::new("fuzz", "a secret of its own")],
        ..Source::default()
    };
    let snapshot = source.load(None).outcome.expect("a valid configuration");
    World {
        revocations: Revocations::load(&folder, Arc::default(), NOW).expect("a folder"),
        snapshot,
        epoch: Epoch::default(),
        metrics: Metrics::new(1),
    }
});

const NOW: u64 = 1_800_000_000;

fn judging() -> Judging<'static> {
    let World {
        snapshot,
        epoch,
        revocations,
        metrics,
    } = &*WORLD;
    Judging::of(snapshot, epoch, revocations, metrics, NOW)
}

/// Each line of `data` is an `Authorization` header. Nothing signs, so nothing may be let in.
pub fn credentials(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(4) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(AUTHORIZATION, value);
        }
    }
    if let Ok(presented) = find(&headers, 8 * 1024) {
        assert!(headers.len() == 1, "one of several was chosen");
        let judged = validate(presented.token, &judging());
        assert!(judged.is_err(), "nobody signed it");
    }
}

/// `data` is the claims of a token with a good header and a good signature. What is let in is
/// checked by another JSON reader.
pub fn claims(data: &[u8]) {
    let server = WORLD.snapshot.token_server.as_ref().expect("it is on");
    let token = server.keys.sign(data, NOW).expect("a signature");
    let Ok(validated) = validate(token.as_bytes(), &judging()) else {
        return;
    };
    let claims: serde_json::Value = serde_json::from_slice(data).expect("it was read before");
    let principal = &validated.principal;
    assert_eq!(claims["client_id"], "fuzz");
    assert_eq!(*principal.client_id, *"fuzz");
    assert_eq!(claims["sub"], *principal.subject);
    let issuer = claims["iss"].as_str().expect("a string");
    assert_eq!(
        issuer.trim_end_matches('/'),
        WORLD.snapshot.authority.issuer.trim_end_matches('/')
    );
    let named = |audience: &serde_json::Value| audience == "WorkflowApi";
    let audience = &claims["aud"];
    assert!(named(audience) || audience.as_array().is_some_and(|all| all.iter().any(named)));
    let now = f64::from(u32::try_from(NOW).expect("before 2106"));
    assert!(claims["exp"].as_f64().expect("a number") > now);
    for start in ["nbf", "iat"] {
        let start = claims[start].as_f64().unwrap_or_default();
        assert!(start <= now + 60.0);
    }
}

/// The first line is the claims, the second the header of a proof that nobody signed: whatever
/// they say, it proves nothing.
pub fn proof(data: &[u8]) {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let claims = parts.next().unwrap_or_default();
    let header = parts.next().unwrap_or_default();
    let text = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let proofs = super::Proofs::default();
    let mut headers = HeaderMap::new();
    for proof in [
        format!("{}.{}.AAAA", text(header), text(claims)),
        String::from_utf8_lossy(data).into_owned(),
    ] {
        let Ok(value) = HeaderValue::from_str(&proof) else {
            continue;
        };
        headers.insert(&super::DPOP, value);
        let wanted = super::Wanted {
            snapshot: &WORLD.snapshot,
            method: &http::Method::GET,
            path: "/workflowapi/getschemelist",
            token: Some((b"a.b.c", &[7; 32])),
            client: "fuzz",
            nonce: false,
            now: NOW,
        };
        assert!(
            proofs.verify(&headers, &wanted).is_err(),
            "nobody signed it"
        );
    }
}

/// An entry of the deny list, and what it is written as again.
pub fn denial(data: &[u8]) {
    let Ok(entries) = serde_json::from_slice::<Vec<super::Denial>>(data) else {
        return;
    };
    let written = serde_json::to_vec(&entries).expect("entries are JSON");
    let again: Vec<super::Denial> = serde_json::from_slice(&written).expect("of our own writing");
    // Instants beyond year 9999 cannot be written.
    for (entry, again) in entries.iter().zip(&again) {
        assert_eq!(entry.token, again.token);
        assert_eq!(entry.client, again.client);
    }
}

/// The seeds of a target, so that every one is judged in the tests too.
#[cfg(test)]
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let files = std::fs::read_dir(folder.join(target)).unwrap();
    let seeds: Vec<_> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    type Judge = fn(&[u8]);
    let targets: [(&str, Judge); 4] = [
        ("bearer", credentials),
        ("claims", claims),
        ("proof", proof),
        ("denial", denial),
    ];
    for (target, judge) in targets {
        for seed in seeds(target) {
            judge(&seed);
        }
    }
}
