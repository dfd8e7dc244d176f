//! What users see of a broken file, and what they never see.

use std::ffi::OsString;
use std::path::Path;

use proptest::prelude::*;

use crate::{Document, Input, Kind, Program, Reading, markdown, replace_region, schema};

fn input(overrides: &[String]) -> Input<'_> {
    Input {
        file: None,
        overrides,
        env: |name| (name == "PRESENT").then(|| OsString::from("from-env")),
    }
}

/// Reads `text` with every name checked.
fn read(text: &str, overrides: &[&str]) -> (Option<Document>, Reading) {
    let overrides: Vec<_> = overrides.iter().map(ToString::to_string).collect();
    let (document, mut reading) = Document::parse(text, "config.json", input(&overrides));
    if let Some(document) = &document {
        document.check_names(Program::Both, &mut reading);
    }
    (document, reading)
}

/// Compares with a golden file; `REWRITE=1` writes it.
fn golden(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("REWRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, wanted, "REWRITE=1 rewrites {name}");
}

#[test]
fn faults_are_drawn_with_line_label_and_help() {
    let text = r#"{
  "Url": "https://localhost:8077",
  "Urll": "x",
  "Limits": { "Handshak": "10s", "Connections": 0, "connections": 5 },
  // an old secret: s3cr3t-in-comment
  "OpenIddictServerSettings": {
    "ClientCredentials": [{ "ClientId": "a", "ClientSecert": "s3cr3t" }],
    "TokenLifetime": "25h"
  },
  "Provider": "mssql", "ConnectionString": "Server=db;Password=s3cr3t",
  "ClientSecret": "s3cr3t",
  "TrustedProxies": ["10.0.0.0/8"]
}"#;
    let (document, mut reading) = read(text, &["Limts.Body=1", "Limits.Body=s3cr3t"]);
    let document = document.unwrap();
    let root = document.root();
    let limits = root.object(&mut reading, "Limits");
    limits.integer::<usize>(&mut reading, "Connections");
    limits.size::<u64>(&mut reading, "Body");
    root.object(&mut reading, "OpenIddictServerSettings")
        .duration(&mut reading, "TokenLifetime");
    let drawn = reading.faults.render(false);
    // `--set` values of public keys are shown, so this one is not a secret.
    assert!(
        !drawn
            .replace("Limits.Body=s3cr3t", "")
            .replace("\"s3cr3t\"", "")
            .contains("s3cr3t")
    );
    golden("faults.txt", &drawn);
}

#[test]
fn a_file_that_does_not_parse_shows_twenty_masked_characters() {
    let secret = "e3e3506c";
    let mut all = String::new();
    for text in [
        r#"{ "ClientSecret": "e3e3506c" "Url": "e3e3506c" }"#,
        r#"{ "ClientSecret": "e3e3506c"#,
        "{ \"ClientSecret\": \"e3e3506c\n\", }",
        r#"{ "ClientSecret": e3e3506c }"#,
        r#"{ "ClientSecret": 'e3e3506c' }"#,
        r#"{ ClientSecret: "e3e3506c" }"#,
        r#"{ "ClientSecret": "e3e3506c\q" }"#,
        r#"{ "ClientSecret": "e3e3506c" "#,
        r#"{ "ClientSecret": "e3e3506c" } e3e3506c"#,
        r#"{ "ClientSecret" "e3e3506c" }"#,
        r#"{ "ClientSecret": "e3e3506c", /* e3e3506c"#,
        r#"{ "ClientSecret": ["e3e3506c" }"#,
        r#"{ "ClientSecret": 01e3e3506c }"#,
        "{\n\"a\": \"e3e3506c\",\n\"e3e3506c\"\n\"b\": \"e3e3506c\"\n}",
        "",
        "[\"e3e3506c\"]",
        "null",
    ] {
        let (document, reading) = read(text, &[]);
        assert!(document.is_none(), "{text}");
        assert!(reading.faults.has_errors(), "{text}");
        let drawn = reading.faults.render(false);
        assert!(!drawn.contains(secret), "{drawn}");
        assert!(drawn.matches('*').count() <= 20, "{drawn}");
        all.push_str(&drawn);
        all.push('\n');
    }
    golden("unparsed.txt", &all);
}

#[test]
fn names_have_no_case_and_stand_once() {
    let (document, mut reading) = read(r#"{ "WORKERS": 3 }"#, &[]);
    let workers = document
        .unwrap()
        .root()
        .optional_integer::<usize>(&mut reading, "Workers");
    assert_eq!(workers.map(|workers| workers.value), Some(3));
    assert!(reading.faults.is_empty());
    let (_, reading) = read(r#"{ "Workers": 3, "workers": 3 }"#, &[]);
    assert!(
        reading
            .faults
            .render(false)
            .contains("`workers` stands twice")
    );
}

#[test]
fn unknown_is_a_warning_in_shared_objects_and_a_fault_in_ours() {
    for (text, errors) in [
        (r#"{ "Nonsense": 1 }"#, false),
        (r#"{ "WorkflowApi": { "Nonsense": 1 } }"#, false),
        (r#"{ "Limits": { "Nonsense": 1 } }"#, true),
        (r#"{ "Engine": { "Nonsense": 1 } }"#, true),
        (r#"{ "Upstream": { "Nonsense": 1 } }"#, true),
        (r#"{ "Engine": { "Url": { "Files": "x" } } }"#, true),
        (r#"{ "Provider": { "Nonsense": 1 } }"#, false),
    ] {
        let (_, mut reading) = read(text, &[]);
        assert_eq!(reading.faults.has_errors(), errors, "{text}");
        assert!(!reading.faults.is_empty(), "{text}");
        let strict = !text.contains("Provider");
        reading.faults.make_strict();
        assert_eq!(reading.faults.has_errors(), strict, "strict {text}");
    }
}

#[test]
fn what_a_later_version_brings_is_refused_unless_it_asks_for_nothing() {
    for (text, errors) in [
        (r#"{ "Certificates": [], "TrustedProxies": null }"#, false),
        (r#"{ "Certificates": [{ "Hosts": [] }] }"#, true),
        (r#"{ "Engine": { "Callbacks": [1] } }"#, true),
        (
            r#"{ "Routes": [{ "Prefix": "/a", "WebSocket": false }] }"#,
            false,
        ),
        (
            r#"{ "Routes": [{ "Prefix": "/a", "WebSocket": true }] }"#,
            true,
        ),
    ] {
        let (_, reading) = read(text, &[]);
        assert_eq!(reading.faults.has_errors(), errors, "{text}");
    }
}

#[test]
fn strings_may_stand_in_a_file_or_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    for (content, want) in [
        ("plain", Some("plain")),
        ("unix\n", Some("unix")),
        ("windows\r\n", Some("windows")),
        ("\u{feff}marked\n", Some("marked")),
        ("two\n\n", None), // a line end inside is a control character
        ("", None),
        ("\n", None),
    ] {
        std::fs::write(folder.path().join("value"), content).unwrap();
        std::fs::write(&file, r#"{ "PathBase": { "file": "value" } }"#).unwrap();
        let (document, mut reading) = Document::read(Input {
            file: Some(&file),
            ..input(&[])
        });
        let text = document.unwrap().root().text(&mut reading, "PathBase");
        assert_eq!(text.map(|text| text.value).as_deref(), want, "{content:?}");
        assert_eq!(reading.faults.is_empty(), want.is_some(), "{content:?}");
        let watched: Vec<_> = reading.watched().iter().map(|one| &one.path).collect();
        assert_eq!(watched, [&file, &folder.path().join("value")]);
    }
    for (text, want) in [
        (r#"{ "PathBase": { "Env": "PRESENT" } }"#, Ok("from-env")),
        (
            r#"{ "PathBase": { "Env": "ABSENT" } }"#,
            Err("variable `ABSENT`"),
        ),
        (r#"{ "PathBase": { "File": "no/such" } }"#, Err("no/such")),
        (
            r#"{ "PathBase": { "File": "a", "Env": "b" } }"#,
            Err("has no value"),
        ),
        (r#"{ "PathBase": {} }"#, Err("has no value")),
        (r#"{ "PathBase": { "File": 3 } }"#, Err("takes a string")),
    ] {
        let (document, mut reading) = read(text, &[]);
        let got = document.unwrap().root().text(&mut reading, "PathBase");
        match want {
            Ok(value) => assert_eq!(got.unwrap().value, value),
            Err(part) => {
                let drawn = reading.faults.render(false);
                assert!(got.is_none() && drawn.contains(part), "{drawn}");
            }
        }
    }
}

#[test]
fn the_command_line_has_the_last_word() {
    let text = r#"{ "workers": 3, "Limits": { "Body": 5 }, "Log": null }"#;
    let sets = [
        "Workers=4",
        "limits.body=\"1MiB\"",
        "Log.Level=debug",
        "Url=http://a//b",
    ];
    let (document, mut reading) = read(text, &sets);
    let document = document.unwrap();
    let root = document.root();
    let workers = root.optional_integer::<usize>(&mut reading, "Workers");
    assert_eq!(workers.unwrap().value, 4);
    let limits = root.object(&mut reading, "Limits");
    assert_eq!(limits.size::<u64>(&mut reading, "Body").value, 1 << 20);
    let log = root.object(&mut reading, "Log");
    assert_eq!(log.choice(&mut reading, "Level").unwrap().value, "debug");
    assert_eq!(root.text(&mut reading, "Url").unwrap().value, "http://a//b");
    assert!(reading.faults.is_empty(), "{}", reading.faults);
    for (set, part) in [
        ("Worker=4", "did you mean `Workers`?"),
        ("Workers", "without a value"),
        ("=4", "unknown key"),
        ("Limits.Nonsense=1", "unknown key `Nonsense`"),
        ("Workers.X=1", "unknown key `X`"),
        ("Routes[3].Prefix=/a", "item `3` of a list of 0"),
        ("Routes.x.Prefix=/a", "by its number"),
    ] {
        let (_, reading) = read(text, &[set]);
        let drawn = reading.faults.render(false);
        assert!(
            drawn.contains(part) && drawn.contains("[--set:1:"),
            "{set}: {drawn}"
        );
    }
}

#[test]
fn a_byte_order_mark_is_passed_over_and_other_encodings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let utf16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let long = format!("{{}}{}", " ".repeat(9 << 20)).into_bytes();
    for (content, want) in [
        (b"\xef\xbb\xbf{}".to_vec(), None),
        (utf16, Some("UTF-16")),
        (b"{}\n\xff".to_vec(), Some("line 2")),
        (long, Some("longer than 8MiB")),
    ] {
        std::fs::write(&file, content).unwrap();
        let (_, reading) = Document::read(Input {
            file: Some(&file),
            ..input(&[])
        });
        let drawn = reading.faults.render(false);
        assert_eq!(drawn.is_empty(), want.is_none(), "{drawn}");
        assert!(drawn.contains(want.unwrap_or_default()), "{drawn}");
    }
    for path in [folder.path(), Path::new("no/such/config.json")] {
        let (document, reading) = Document::read(Input {
            file: Some(path),
            ..input(&[])
        });
        assert!(document.is_none() && reading.faults.has_errors());
    }
}

#[test]
fn a_file_on_one_long_line_draws_a_window() {
    let text = format!(
        r#"{{ "Limits": {{ "Body": {}, "X": 1 }} }}"#,
        " ".repeat(100_000)
    );
    let (_, reading) = read(&text, &[]);
    assert!(reading.faults.render(false).len() < 2_000);
}

#[test]
fn a_file_of_faults_alone_is_refused_soon() {
    let text = format!("{{ \"x\": [{}] }}", "{\"a\":1,\"a\":1},".repeat(5_000));
    let (_, reading) = read(&text, &[]);
    assert!(reading.faults.has_errors());
    let drawn = reading.faults.render(false);
    assert!(drawn.contains("… and 4501 more"), "{}", drawn.len());
    let warnings = "\"y\": 1, ".repeat(1_000);
    let (_, reading) = read(&format!("{{ {warnings} \"Limits\": {{ \"n\": 1 }} }}"), &[]);
    assert!(reading.faults.has_errors());
}

#[test]
fn nothing_steers_the_terminal() {
    let (_, reading) = read("{ \"a\\u001b[31m\": 1, \"\u{202e}b\": 2 }", &[]);
    let drawn = reading.faults.render(false);
    assert!(!drawn.contains(['\u{1b}', '\u{202e}']), "{drawn}");
}

#[test]
fn the_documents_have_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in ["docs/configuration.md", "README.md"] {
        let path = root.join(name);
        let Ok(document) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Some(wanted) = replace_region(&document) else {
            assert_ne!(name, "docs/configuration.md", "the markers are gone");
            continue;
        };
        if std::env::var_os("REWRITE").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        } else {
            assert!(document == wanted, "REWRITE=1 rewrites the table of {name}");
        }
    }
    assert!(markdown().lines().count() > 60);
}

#[test]
fn the_schema_has_every_key_with_its_default() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let at = |path: &str| schema.pointer(path).cloned().unwrap_or_default();
    assert!(at("/properties/Console/description").is_string());
    assert_eq!(at("/properties/Upstream/default"), "embedded");
    let limits = "/properties/Limits/anyOf/0";
    assert_eq!(at(&format!("{limits}/additionalProperties")), false);
    assert_eq!(at(&format!("{limits}/properties/Body/default")), "16MiB");
    assert_eq!(at("/additionalProperties"), true);
    assert!(at("/properties/Certificates").is_null());
}

#[test]
fn every_default_reads_as_a_value_of_its_kind() {
    fn walk(keys: &'static crate::Keys, path: &str, count: &mut usize) {
        for key in keys.keys {
            let path = if path.is_empty() {
                key.name.to_owned()
            } else {
                format!("{path}.{}", key.name)
            };
            if let Some(default) = key.default {
                *count += 1;
                let good = match &key.kind {
                    Kind::Bool => default.parse::<bool>().is_ok(),
                    Kind::Integer { min, max } => default
                        .parse::<u64>()
                        .is_ok_and(|value| (*min..=*max).contains(&value)),
                    Kind::Duration { min, max, .. } => {
                        crate::scalar::duration(min).is_some()
                            && crate::scalar::duration(max).is_some()
                            && (crate::scalar::duration(default).is_some()
                                || default.parse::<u64>().is_ok())
                    }
                    Kind::Size { min, max } => crate::scalar::size(default)
                        .is_some_and(|value| (*min..=*max).contains(&value)),
                    Kind::Rate => crate::scalar::rate(default).is_some(),
                    Kind::Flow => crate::scalar::flow(default).is_some(),
                    Kind::Choice(words) => words.contains(&default),
                    Kind::List(_) => serde_json::from_str::<Vec<String>>(default).is_ok(),
                    Kind::Text | Kind::Either(_) => !default.is_empty(),
                    Kind::Object(_) | Kind::Map(_) | Kind::Anything => false,
                };
                assert!(good, "{path} = {default}");
            }
            let inner = key.kind.keys().or_else(|| key.kind.item()?.keys());
            if let Some(inner) = inner {
                walk(inner, &path, count);
            }
        }
    }
    let mut count = 0;
    walk(&crate::keys::ROOT, "", &mut count);
    assert!(count > 40);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*|[\\[\\]{}\",:/*\\\\ a0-9\n\r\u{0}\u{202e}é]{0,60}") {
        let (document, mut reading) = read(&text, &[]);
        if let Some(document) = document {
            let root = document.root();
            root.text(&mut reading, "Url");
            root.objects(&mut reading, "Routes");
        }
        reading.faults.render(false);
        reading.faults.summary();
    }

    #[test]
    fn no_argument_makes_it_panic(argument in "\\PC*|(Url|Routes|Limits|[.\\[\\]=0-9{}\":é])*") {
        let (document, reading) = read("{ \"Routes\": [{}] }", &[&argument]);
        prop_assert!(document.is_some());
        reading.faults.render(true);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, bytes).unwrap();
        let (_, reading) = Document::read(Input { file: Some(&file), ..input(&[]) });
        reading.faults.render(false);
    }

    /// Wherever a secret stands and whatever is broken around it.
    #[test]
    fn no_secret_is_drawn(
        secret in "S3[a-zA-Z0-9!{}:,@#? ]{6,40}",
        place in 0_usize..12,
        cut in 0_usize..400,
    ) {
        let quoted = serde_json::to_string(&secret).unwrap();
        let places = [
            r#"{ "OpenIddictServerSettings": { "ClientCredentials": [{ "ClientSecret": @, "x": 1 }] } }"#,
            r#"{ "OpenIddictServerSettings": { "ClientCredentials": [{ "ClientSecrets": [{ "Value": @ , "y": 2}] }] } }"#,
            r#"{ "CertificatePassword": @, "Limits": { "Body": "x", "z": 1 } }"#,
            r#"{ "CertificatePassword": [@], "Certificatepassword": @ }"#,
            r#"{ "Unknown": @, "Limits": { "u": @ } }"#,
            r#"{ "Engine": { "Store": @, "Stor": @ } }"#,
            r#"{ "ConnectionString": @, "Provider": { "a": [@] } }"#,
            r#"{ /* @ */ "Limits": { "u": 1 } } // @"#,
            r#"{ "Issuers": [{ "Secret": @ }], "Limits": { "u": 1 } }"#,
            r#"{ "Limits": { "Body": { "Value": @ } } }"#,
            r#"{ "ClientSecret": @, "Urll": @ }"#,
            r#"{ "Url": { "Value": @ }, "Workers": { "Env": 3, "x": @ } }"#,
        ];
        let text = places[place].replace('@', &quoted);
        let mut end = cut.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        for text in [text.as_str(), &text[..end]] {
            let (document, mut reading) = read(text, &[]);
            if let Some(document) = document {
                let root = document.root();
                let server = root.object(&mut reading, "OpenIddictServerSettings");
                for client in server.objects(&mut reading, "ClientCredentials") {
                    client.text(&mut reading, "ClientSecret");
                    client.objects(&mut reading, "ClientSecrets");
                }
                root.text(&mut reading, "CertificatePassword");
                root.text(&mut reading, "Url");
                root.optional_integer::<u64>(&mut reading, "Workers");
                root.object(&mut reading, "Limits").size::<u64>(&mut reading, "Body");
                root.object(&mut reading, "Engine").text(&mut reading, "Store");
            }
            let drawn = reading.faults.render(false) + &reading.faults.summary();
            // Six characters of it in a row are too many; fewer may stand elsewhere by chance.
            let secret: Vec<char> = secret.chars().collect();
            for part in secret.windows(6) {
                let part: String = part.iter().collect();
                prop_assert!(!drawn.contains(&part), "{part:?} in {drawn}");
            }
        }
    }
}

#[test]
fn an_object_with_free_names_is_read_name_by_name() {
    let text = r#"{ "Issuers": [{ "RequiredClaims": {
        "tid": "t", "on": true, "n": -1, "any": ["a", "b"], "none": null, "bad": 1.5, "worse": {},
    } }] }"#;
    let (document, mut reading) = read(text, &[]);
    let document = document.unwrap();
    let issuers = document.root().objects(&mut reading, "Issuers");
    let entries = issuers[0].entries(&mut reading, "RequiredClaims");
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| {
            let value = match &entry.value {
                crate::Free::Bool(value) => value.to_string(),
                crate::Free::Integer(value) => value.to_string(),
                crate::Free::Text(text) => text.value.clone(),
                crate::Free::List(texts) => format!("{} texts", texts.len()),
            };
            format!("{} {value}", entry.name)
        })
        .collect();
    assert_eq!(shown, ["tid t", "on true", "n -1", "any 2 texts"]);
    let drawn = reading.faults.render(false);
    assert!(
        drawn.contains("`Issuers[0].RequiredClaims.bad` must be"),
        "{drawn}"
    );
    assert_eq!(reading.faults.count(crate::Severity::Error), 2, "{drawn}");
}
