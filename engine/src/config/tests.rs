use super::*;

fn load(content: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(&file, content).unwrap();
    EngineSettings::load(Some(&file), &[])
}

#[test]
fn the_shipped_file_and_no_file_give_the_same_settings() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.json");
    let shipped = EngineSettings::load(Some(&shipped), &[]).outcome.unwrap();
    let none = EngineSettings::load(None, &[]).outcome.unwrap();
    assert_eq!(shipped.limits, none.limits);
    assert_eq!(shipped.listen, none.listen);
    assert_eq!(
        none.listen,
        Listen::Tcp(vec![([127, 0, 0, 1], 8078).into()])
    );
    assert_eq!(none.admin, vec![([127, 0, 0, 1], 8080).into()]);
    assert_eq!(none.store, Store::Memory);
    assert_eq!(none.limits.auto_hops, 10_000);
    assert_eq!(none.limits.waiting, 64);
    assert_eq!(none.limits.body, 16 << 20);
    assert_eq!(none.callback_cache_timeout, Duration::from_secs(300));
    assert_eq!(none.global_command_timeout, None);
    assert_eq!(none.drain_timeout, Duration::from_secs(25));
    assert!(shipped.schemes.ends_with("schemes"));
}

#[test]
fn the_sidecars_keys_are_passed_over() {
    let content = r#"{ "Url": 5, "Issuers": [1], "Limits": { "X": 1 }, "Workers": 3,
        "OpenIddictServerSettings": { "ClientCredentials": [{ "ClientSecret": { "File": "none" } }] },
        "callbackcachetimeout": 1500, "GlobalCommandTimeout": 30, "AssertNullOrWhitespaceTenantId": true,
        "WorkflowApi": { "BlockUserApi": true, "StrictHttpStatus": true } }"#;
    let found = load(content).outcome.unwrap();
    assert_eq!(found.workers, Some(3));
    assert_eq!(found.callback_cache_timeout, Duration::from_millis(1_500));
    assert_eq!(found.global_command_timeout, Some(Duration::from_secs(30)));
    assert!(found.block_user_api && found.strict_http_status);
    assert!(found.assert_null_or_whitespace_tenant_id);
}

#[test]
fn what_this_version_cannot_do_is_refused_by_name() {
    for (engine, want) in [
        (
            r#""Store": "journal""#,
            "`\"journal\"` is not supported by this version",
        ),
        (
            r#""Store": "postgres://u:s3cr3t@h/db""#,
            "PostgreSQL is not supported",
        ),
        (r#""Store": "s3cr3t""#, "none that is known"),
        (r#""Url": "http://*:8078""#, "the engine checks no tokens"),
        (
            r#""Url": "http://10.0.0.1:8078""#,
            "no client certificate or signed identity",
        ),
        (r#""Url": "https://localhost:8078""#, "plain `http://`"),
        (r#""Url": "http://name:8078""#, "`localhost` or an address"),
        (r#""Url": "unix:""#, "names no socket"),
        (r#""Url": "x""#, "cannot be listened on"),
        (
            r#""Callbacks": [{}]"#,
            "`Engine.Callbacks` is not supported",
        ),
        (
            r#""AllowedHosts": ["h"]"#,
            "`Engine.AllowedHosts` is not supported",
        ),
        (r#""Limits": { "Waiting": 0 }"#, "from 1 to 100000"),
        (r#""Limits": { "Wating": 1 }"#, "did you mean `Waiting`?"),
    ] {
        let faults = load(&format!("{{ \"Engine\": {{ {engine} }} }}")).outcome;
        let drawn = faults.unwrap_err().render(false);
        assert!(drawn.contains(want), "{engine}: {drawn}");
        assert!(!drawn.contains("s3cr3t"), "{drawn}");
    }
}

#[test]
fn a_socket_is_a_place_to_listen() {
    let found = load(r#"{ "Engine": { "Url": "unix:/run/engine.sock" } }"#);
    let want = Listen::Unix("/run/engine.sock".into());
    assert_eq!(found.outcome.unwrap().listen, want);
}
