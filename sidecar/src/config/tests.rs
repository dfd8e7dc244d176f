//! From a file to a snapshot, or to the fault that says why not.

mod bound_tokens;
mod issuers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

/// Long enough for any machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between looks at a state that tells nobody when it changes.
const TICK: Duration = Duration::from_millis(5);
/// Takes no port, makes no certificate, serves one client; the engine is elsewhere.
const BASE: &str = r#""Url": "http://127.0.0.1:0", "Upstream": "http://127.0.0.1:9","#;
const CLIENT: &str = r#""DisableOpenIddictServer": false, "OpenIddictServerSettings": {
    "ClientCredentials": [{ "ClientId": "one", "ClientSecret": "secret-of-one" }] },"#;

struct Folder {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Folder {
    /// `content` without the outer braces.
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let folder = Self { folder, file };
        folder.write(content);
        folder
    }

    fn write(&self, content: &str) {
        fs::write(&self.file, format!("{{\n{content}\n}}")).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn source(&self) -> Source {
        Source::file(&self.file)
    }

    fn load(&self) -> Loaded {
        self.source().load(None)
    }

    fn snapshot(&self) -> Snapshot {
        match self.load().outcome {
            Ok(snapshot) => snapshot,
            Err(faults) => panic!("{faults}"),
        }
    }

    /// Drawn faults, without the folder's random name.
    fn faults(&self) -> String {
        match self.load().outcome {
            Ok(_) => String::new(),
            Err(faults) => faults
                .render(false)
                .replace(&*self.path().to_string_lossy(), ""),
        }
    }
}

fn good() -> Folder {
    Folder::new(&format!("{BASE}{CLIENT}"))
}

#[test]
fn the_shipped_file_is_valid_and_says_so() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.json");
    let report = check(&Source::file(shipped), true, false);
    assert_eq!(report.exit_code, 0, "{}", report.text);
    assert!(report.text.contains("is valid\n"), "{}", report.text);
    assert!(report.text.contains("listens on https://localhost:8077"));
    assert!(report.text.contains("issuer     https://localhost:8077/"));
}

#[test]
fn defaults_are_those_of_the_table() {
    let snapshot = good().snapshot();
    assert_eq!(snapshot.generation, 1);
    assert_eq!(snapshot.limits.handshake, Duration::from_secs(10));
    assert_eq!(snapshot.limits.body_rate, 1_024);
    assert_eq!(snapshot.limits.body_rate_grace, Duration::from_secs(60));
    assert_eq!(snapshot.limits.header_bytes, 32 << 10);
    assert_eq!(
        snapshot.limits.bearer_failures,
        Rate {
            per_second: 500,
            burst: 2_000
        }
    );
    assert_eq!(snapshot.upstream.response_timeout, Duration::from_secs(60));
    assert_eq!(snapshot.drain.delay, Duration::ZERO, "loopback only");
    assert_eq!(snapshot.drain.timeout, Duration::from_secs(25));
    assert_eq!(snapshot.log.level, tracing::Level::INFO);
    assert_eq!(snapshot.log.access, AccessLog::Refusals);
    assert!(snapshot.console && snapshot.certificate.is_none());
    assert_eq!(snapshot.routes.len(), 1);
    assert!(snapshot.routes[0].workflow_api);
    let clients = snapshot.token_server.unwrap().clients;
    let client = clients.find("one").unwrap();
    assert_eq!(client.token_lifetime, Duration::from_secs(3_600));
    assert_eq!(&*client.audience, "WorkflowApi");
    assert!(client.secrets[0].matches("secret-of-one", SystemTime::now()));
}

/// Every kind of broken file: what is written instead of the good one, a part of what is said.
#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn broken_files_are_kept_out_and_say_why() {
    let c = CLIENT;
    let clients = |list: &str| {
        format!(
            r#""DisableOpenIddictServer": false, "OpenIddictServerSettings": {{ "ClientCredentials": [{list}] }},"#
        )
    };
    let cases: Vec<(String, &str)> = vec![
        // Form.
        (format!("{BASE}{c} \"Log\": {{ "), "not valid JSON"),
        (format!("{BASE}{c} \"Log\": \"x"), "no closing quote"),
        (
            format!("{BASE}{c} \"Workers\": 1 \"Log\": null"),
            "expected `,`",
        ),
        (format!("{BASE}{c} \"Workers\": 0x10"), "not a JSON number"),
        (
            format!("{BASE}{c} \"url\": \"http://127.0.0.1:1\""),
            "stands twice",
        ),
        // Names and kinds.
        (
            format!("{BASE}{c} \"Limits\": {{ \"Bodi\": 1 }}"),
            "did you mean `Body`?",
        ),
        (
            format!("{BASE}{c} \"Limits\": []"),
            "`Limits` must be an object",
        ),
        (
            format!("{BASE}{c} \"Workers\": \"many\""),
            "a whole number from 1 to 1024",
        ),
        (
            format!("{BASE}{c} \"Workers\": 0"),
            "a whole number from 1 to 1024",
        ),
        (
            format!("{BASE}{c} \"Drain\": {{ \"Timeout\": \"soon\" }}"),
            "must be a duration",
        ),
        (
            format!("{BASE}{c} \"Drain\": {{ \"Timeout\": -1 }}"),
            "must be a duration",
        ),
        (
            format!("{BASE}{c} \"Limits\": {{ \"Body\": \"1 parsec\" }}"),
            "must be a size",
        ),
        (
            format!("{BASE}{c} \"Limits\": {{ \"SecretFailures\": \"often\" }}"),
            "must be a rate",
        ),
        (
            format!("{BASE}{c} \"Limits\": {{ \"Token\": \"32KiB\" }}"),
            "less than `Limits.HeaderBytes`",
        ),
        (
            format!("{BASE}{c} \"Log\": {{ \"Level\": \"loud\" }}"),
            "`\"error\"` or `\"warn\"`",
        ),
        (
            format!("{BASE}{c} \"DetailedRefusals\": \"true\""),
            "true or false",
        ),
        // Addresses.
        (
            format!("\"Url\": \"localhost:80\",{c}"),
            "no `scheme://host`",
        ),
        (
            format!("\"Url\": \"http://example.com:80\",{c}"),
            "belongs in `AuthorityUrl`",
        ),
        (
            format!("\"Url\": \"http://localhost/api\",{c}"),
            "`PathBase`",
        ),
        (format!("\"Url\": \";\",{c}"), "names no address"),
        (
            format!("\"Url\": \"http://localhost:1;http://127.0.0.1:1\",{c}"),
            "same address twice",
        ),
        (format!("\"Url\": \"http://*:0\",{c}"), "AllowPlainHttp"),
        (
            format!("{BASE}{c} \"PathBase\": \"api\""),
            "must begin with `/`",
        ),
        (
            format!("{BASE}{c} \"PathBase\": \"/a/../b\""),
            "dot segment",
        ),
        (
            format!("{BASE}{c} \"AuthorityUrl\": \"https://*/\""),
            "host that clients call",
        ),
        (
            format!("{BASE}{c} \"AuthorityUrl\": \"https://u:p@h/\""),
            "user name and password",
        ),
        (
            format!("{BASE}{c} \"Admin\": {{ \"Url\": \"https://localhost:1\" }}"),
            "plain `http://`",
        ),
        (
            format!("\"Url\": \"http://localhost:7\", \"Upstream\": \"http://127.0.0.1:7\",{c}"),
            "this sidecar itself",
        ),
        (
            format!("\"Url\": \"http://localhost:7\", \"Upstream\": \"ftp://h\",{c}"),
            "unknown scheme",
        ),
        (
            format!("\"Url\": \"http://localhost:7\", \"Upstream\": \"https://h\",{c}"),
            "not supported by this version",
        ),
        (
            format!("\"Url\": \"http://localhost:7\", \"Upstream\": {{ \"Endpoints\": [] }},{c}"),
            "exactly one endpoint",
        ),
        // Clients.
        (format!("{BASE}{}", clients("")), "no client is registered"),
        (
            format!("{BASE}{}", clients(r#"{ "ClientSecret": "s" }"#)),
            "no `ClientId`",
        ),
        (
            format!("{BASE}{}", clients(r#"{ "ClientId": "a" }"#)),
            "no secret",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "" }"#)
            ),
            "is empty",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a\tb", "ClientSecret": "s" }"#)
            ),
            "control character",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": 5 }"#)
            ),
            "found a number",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": "s" }, { "ClientId": "a", "ClientSecret": "t" }"#
                )
            ),
            "two clients have the id `a`",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": "s", "ClientSecrets": [{ "Value": "t" }] }"#
                )
            ),
            "both `ClientSecret` and",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecrets": [{ "Value": "t", "NotAfter": "soon" }] }"#
                )
            ),
            "RFC 3339",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecrets": [{ "Hash": "$argon2id$…" }] }"#)
            ),
            "a `Hash` is of no use: of an Argon2 version other than 19",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecrets": [{ "Hash": "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA" }] }"#
                )
            ),
            "`m` is 4194304; from 8 to 65536 is taken, so that a check cannot eat the machine",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecrets": [{ "Value": "v", "Hash": "$pbkdf2-sha256$i=1000$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA" }] }"#
                )
            ),
            "a secret has both `Value` and `Hash`",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecrets": [{ "NotAfter": "2999-01-01T00:00:00Z" }] }"#
                )
            ),
            "a secret has no `Value` and no `Hash`",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": "s", "TokenEndpointAuthMethod": "private_key_jwt" }"#
                )
            ),
            "a client must use `private_key_jwt` and has nothing for it",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "GrantTypes": ["password"] }"#)
            ),
            "no such grant is served: `password`",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "GrantTypes": [] }"#)
            ),
            "nobody could ever be let in",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "TokenLifetime": "25h" }"#)
            ),
            "from 1s to 24h",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "Scopes": ["two words"] }"#)
            ),
            "is not a scope",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": "s", "Operations": ["executecomand"] }"#
                )
            ),
            "did you mean `executecommand`?",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": { "File": "no-such-secret" } }"#)
            ),
            "no-such-secret",
        ),
        (
            format!(
                "{BASE}{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": { "Env": "NO_SUCH_VARIABLE_HERE" } }"#
                )
            ),
            "NO_SUCH_VARIABLE_HERE",
        ),
        // Nobody, or anybody.
        (BASE.to_owned(), "nobody could ever be let in"),
        (
            format!("{BASE} \"DisableOpenIddictServer\": true"),
            "the token side is off",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "Scopes": ["Other"] }"#)
            ),
            "no client has the scopes",
        ),
        (
            format!(
                "{BASE}{}",
                clients(r#"{ "ClientId": "a", "ClientSecret": "s", "Operations": [] }"#)
            ),
            "nobody could ever be let in",
        ),
        (
            format!(
                "\"Url\": \"https://*:0\", \"Upstream\": \"http://127.0.0.1:9\",{}",
                clients(
                    r#"{ "ClientId": "a", "ClientSecret": "e3e3506c-1a2e-4e35-b6c6-2ecced416e07" }"#
                )
            ),
            "sample that everyone knows",
        ),
        (
            format!("{BASE}{c} \"Issuers\": [{{ \"Issuer\": \"https://id\" }}]"),
            "there is no `Audience`",
        ),
        (
            format!("{BASE}{c} \"Certificates\": [{{}}]"),
            "`Certificates` is not supported",
        ),
        (
            format!("{BASE}{c} \"Routes\": []"),
            "nothing could ever be reached",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Prefix\": \"/\" }}]"),
            "would not be judged",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Prefix\": \"/workflowapi/x\" }}]"),
            "whose operations have several spellings",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Prefix\": \"/connect\" }}]"),
            "answered by the sidecar",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Prefix\": \"/a\", \"Scopes\": \"A\" }}]"),
            "must be a list, or",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Prefix\": \"/a\" }}, {{ \"Prefix\": \"/A/\" }}]"),
            "two routes",
        ),
        (
            format!("{BASE}{c} \"Routes\": [{{ \"Methods\": [\"GET\"] }}]"),
            "no `Prefix`",
        ),
        // Files.
        (
            format!("{BASE}{c} \"CertificateFile\": \"no-such.pem\""),
            "no-such.pem",
        ),
        (
            format!("{BASE}{c} \"CertificateFile\": \"config.json\""),
            "`CertificateFile`:",
        ),
        (
            format!("{BASE}{c} \"CertificatePassword\": \"s3cr3t\""),
            "needs `CertificateFile`",
        ),
        (
            format!(
                "{BASE} \"DisableOpenIddictServer\": false, \"OpenIddictServerSettings\": {{ \"CertificateFile\": \"no-such.pfx\", \"ClientCredentials\": [{{ \"ClientId\": \"a\", \"ClientSecret\": \"s\" }}] }}"
            ),
            "`OpenIddictServerSettings.CertificateFile`",
        ),
    ];
    for (content, want) in cases {
        let folder = Folder::new(&content);
        let drawn = folder.faults();
        assert!(
            drawn.contains(want),
            "{content}\nwants {want:?}\ngot {drawn}"
        );
        assert!(
            !folder.path().join("data").exists(),
            "nothing is made: {content}"
        );
        let report = check(&folder.source(), false, false);
        assert_eq!(report.exit_code, 1, "{content}\n{}", report.text);
    }
}

#[test]
fn one_run_finds_every_fault() {
    let content = r#""Url": "ftp://x", "PathBase": "x", "Workers": 0, "Issuers": [1],
        "Limits": { "Body": "x", "Nonsense": 1 }, "CertificateFile": "none.pem",
        "Engine": { "Store": "journal" }"#;
    let drawn = Folder::new(content).faults();
    for part in [
        "`Url`",
        "`PathBase`",
        "`Workers`",
        "`Issuers`",
        "`Limits.Body`",
        "`Nonsense`",
        "none.pem",
        "nobody could ever be let in",
    ] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    #[cfg(feature = "embedded")]
    assert!(
        drawn.contains("`Engine.Store`"),
        "the engine's too, when it is embedded: {drawn}"
    );
}

#[test]
fn the_engines_faults_are_not_the_sidecars() {
    let folder = Folder::new(&format!(
        "{BASE}{CLIENT} \"Engine\": {{ \"Store\": \"journal\", \"X\": 1 }}"
    ));
    assert_eq!(folder.faults(), "");
}

#[test]
fn the_issuer_is_spelled_one_way() {
    for (keys, issuer, base) in [
        (
            r#""Url": "https://localhost:8077""#,
            "https://localhost:8077/",
            "https://localhost:8077",
        ),
        (
            r#""Url": "HTTPS://LocalHost:443/""#,
            "https://localhost/",
            "https://localhost",
        ),
        (
            r#""Url": "http://127.0.0.1:5;https://[::1]:6""#,
            "https://[::1]:6/",
            "https://[::1]:6",
        ),
        (
            r#""Url": "https://*:8077""#,
            "https://localhost:8077/",
            "https://localhost:8077",
        ),
        (
            r#""Url": "https://0.0.0.0:443""#,
            "https://localhost/",
            "https://localhost",
        ),
        (
            r#""AuthorityUrl": "https://Id.Example""#,
            "https://id.example/",
            "https://id.example",
        ),
        (
            r#""AuthorityUrl": "https://id.example:443/""#,
            "https://id.example/",
            "https://id.example",
        ),
        (
            r#""AuthorityUrl": "https://id.example/wf/""#,
            "https://id.example/wf",
            "https://id.example/wf",
        ),
        (
            r#""PathBase": "/wf/", "Url": "http://localhost:5""#,
            "http://localhost:5/wf",
            "http://localhost:5/wf",
        ),
        (
            r#""PathBase": "/wf", "AuthorityUrl": "https://x/""#,
            "https://x/",
            "https://x/wf",
        ),
        (
            r#""PathBase": "/wf", "AuthorityUrl": "https://x/wf""#,
            "https://x/wf",
            "https://x/wf",
        ),
    ] {
        let folder = Folder::new(&format!(
            "{keys}, {CLIENT} \"Upstream\": \"http://127.0.0.1:9\""
        ));
        let (draft, faults) = folder.source().check();
        let authority = draft.unwrap().authority;
        assert!(!faults.has_errors(), "{faults}");
        assert_eq!(
            (&*authority.issuer, &*authority.base),
            (issuer, base),
            "{keys}"
        );
        let unknown = keys.contains('*') || keys.contains("0.0.0.0");
        let warned = faults.render(false).contains("say in `AuthorityUrl`");
        assert_eq!(warned, unknown, "{keys}");
    }
}

#[test]
fn addresses_are_those_that_the_url_means() {
    for (url, addresses, loopback) in [
        ("http://localhost:5", "127.0.0.1:5 [::1]:5", true),
        ("https://*", "0.0.0.0:443 [::]:443", false),
        ("https://+:7/", "0.0.0.0:7 [::]:7", false),
        ("http://10.1.2.3", "10.1.2.3:80", false),
        ("http://[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", true),
    ] {
        let content = format!("\"Url\": \"{url}\", \"AllowPlainHttp\": true, {CLIENT}");
        let (draft, _) = Folder::new(&content).source().check();
        let draft = draft.unwrap();
        let got: Vec<_> = draft.listen[0]
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(got.join(" "), addresses, "{url}");
        assert_eq!(draft.listen[0].is_loopback(), loopback, "{url}");
        assert_eq!(draft.console, loopback, "{url}");
        assert_eq!(draft.drain.delay.is_zero(), loopback, "{url}");
    }
}

#[test]
fn an_upstream_is_a_string_or_an_object() {
    let http = |text: &str| Endpoint::Http {
        authority: text.parse().unwrap(),
    };
    for (value, endpoint, connect) in [
        (r#""http://Engine:8078/""#, http("engine:8078"), 2_000),
        (r#""http://10.0.0.1""#, http("10.0.0.1"), 2_000),
        (
            r#"{ "Endpoints": ["http://[::1]:5"], "ConnectTimeout": "1s", "ForwardToken": true }"#,
            http("[::1]:5"),
            1_000,
        ),
        (
            r#""unix:/run/engine.sock""#,
            Endpoint::Unix {
                path: "/run/engine.sock".into(),
            },
            2_000,
        ),
        (
            r#""unix:///run/engine.sock""#,
            Endpoint::Unix {
                path: "/run/engine.sock".into(),
            },
            2_000,
        ),
    ] {
        let folder = Folder::new(&format!(
            "\"Url\": \"http://127.0.0.1:0\", \"Upstream\": {value}, {CLIENT}"
        ));
        let snapshot = folder.snapshot();
        assert_eq!(snapshot.upstream.endpoint, endpoint, "{value}");
        assert_eq!(
            snapshot.upstream.connect_timeout,
            Duration::from_millis(connect),
            "{value}"
        );
        assert_eq!(
            snapshot.upstream.forward_token,
            value.contains("ForwardToken")
        );
    }
}

#[test]
fn code_wins_over_the_file_for_the_same_id_at_every_load() {
    let folder = good();
    let mut source = folder.source();
    source.clients = vec![
        ClientCredential::new("one", "from-code").scopes(["WorkflowApi", "Other"]),
        ClientCredential::new("two", "of-two").operations(["read"]),
    ];
    let first = source.load(None).outcome.unwrap();
    let second = source.load(Some(&first)).outcome.unwrap();
    assert_eq!(second.generation, 2);
    for snapshot in [&first, &second] {
        let clients = &snapshot.token_server.as_ref().unwrap().clients;
        let one = clients.find("one").unwrap();
        let matches = |secret| {
            one.secrets
                .iter()
                .any(|s| s.matches(secret, SystemTime::now()))
        };
        assert!(matches("from-code") && !matches("secret-of-one"));
        assert_eq!(one.scopes.len(), 2);
        assert!(clients.find("two").is_some() && clients.find("Two").is_none());
    }
    for (client, want) in [
        (ClientCredential::new("", "s"), "its id is empty"),
        (ClientCredential::new("a", ""), "its secret is empty"),
        (
            ClientCredential::new("a", "s").scopes(["b c"]),
            "`b c` is not a scope",
        ),
        (
            ClientCredential::new("a", "s").operations(["nonsense"]),
            "`nonsense`",
        ),
        (
            ClientCredential::new("a", "s").token_lifetime(Duration::ZERO),
            "from 1 s to 24 h",
        ),
    ] {
        source.clients = vec![client];
        let faults = source.load(None).outcome.err().unwrap().render(false);
        assert!(faults.contains(want), "{faults}");
    }
}

#[test]
fn a_secret_has_an_end() {
    let list = r#"[{ "Value": "old", "NotAfter": "2001-01-01T00:00:00Z" }, { "Value": "new", "NotAfter": "2999-01-01T00:00:00Z" }]"#;
    let folder = Folder::new(&format!(
        r#"{BASE} "DisableOpenIddictServer": false, "OpenIddictServerSettings":
           {{ "ClientCredentials": [{{ "ClientId": "a", "ClientSecrets": {list} }}] }}"#
    ));
    let snapshot = folder.snapshot();
    let clients = snapshot.token_server.unwrap().clients;
    let secrets = &clients.find("a").unwrap().secrets;
    let matches = |text| {
        secrets
            .iter()
            .any(|secret| secret.matches(text, SystemTime::now()))
    };
    assert!(matches("new") && !matches("old"));
}

#[test]
fn what_cannot_change_live_keeps_its_value_and_is_reported() {
    let folder = good();
    let first = folder.snapshot();
    let changed = BASE.replace("\"http://127.0.0.1:9\"", "\"unix:/run/x\"");
    folder.write(&format!(
        r#"{changed}{CLIENT} "Workers": 77, "DataFolder": "elsewhere", "Admin": {{ "Url": "http://127.0.0.1:1" }}"#
    ));
    let loaded = folder.source().load(Some(&first));
    assert_eq!(loaded.needs_restart, ["Admin.Url", "DataFolder", "Workers"]);
    let warned = loaded.warnings.render(false);
    assert!(warned.contains("`DataFolder` needs a restart"), "{warned}");
    let next = loaded.outcome.unwrap();
    assert_eq!(next.workers, first.workers);
    assert_eq!(next.data_folder, first.data_folder);
    assert_eq!(next.admin_url, first.admin_url);
    assert!(
        matches!(next.upstream.endpoint, Endpoint::Unix { .. }),
        "remote to remote is live"
    );
    assert!(!folder.path().join("elsewhere").exists());
}

#[cfg(feature = "embedded")]
#[test]
fn embedded_to_remote_waits_for_a_restart_and_back_too() {
    let content = format!("\"Url\": \"http://127.0.0.1:0\", {CLIENT}");
    let folder = Folder::new(&content);
    let embedded = folder.snapshot();
    assert_eq!(embedded.upstream.endpoint, Endpoint::Embedded);
    assert!(embedded.engine.is_some());
    folder.write(&format!("{BASE}{CLIENT}"));
    let loaded = folder.source().load(Some(&embedded));
    assert_eq!(loaded.needs_restart, ["Upstream"]);
    let next = loaded.outcome.unwrap();
    assert_eq!(next.upstream.endpoint, Endpoint::Embedded);
    assert!(next.engine.is_some());
    let remote = folder.snapshot();
    folder.write(&content);
    let loaded = folder.source().load(Some(&remote));
    assert_eq!(loaded.needs_restart, ["Upstream"]);
    assert!(loaded.outcome.unwrap().engine.is_none());
}

#[cfg(feature = "embedded")]
#[test]
fn the_embedded_engine_keeps_what_it_was_started_with() {
    let content = format!("\"Url\": \"http://127.0.0.1:0\", {CLIENT}");
    let folder = Folder::new(&content);
    let first = folder.snapshot();
    folder.write(&format!(
        "{content} \"GlobalCommandTimeout\": 5, \"Engine\": {{ \"Limits\": {{ \"Waiting\": 5 }} }}"
    ));
    let loaded = folder.source().load(Some(&first));
    assert_eq!(
        loaded.needs_restart,
        ["Engine.Limits", "GlobalCommandTimeout"]
    );
    assert_eq!(loaded.outcome.unwrap().engine, first.engine);
}

/// A running configuration with a channel that tells of swaps.
struct Running {
    folder: Folder,
    live: Live,
    reloader: Reloader,
    swaps: std::sync::mpsc::Receiver<u64>,
}

impl Running {
    fn start(folder: Folder) -> Self {
        let source = folder.source();
        let loaded = source.load(None);
        let live = Live::new(Arc::new(loaded.outcome.unwrap()));
        let (sender, swaps) = channel();
        live.on_swap(move |before, now| {
            assert_eq!(before.generation + 1, now.generation);
            let _ = sender.send(now.generation);
        });
        let apply = {
            let live = live.clone();
            move |next| {
                live.swap(Arc::new(next));
                Ok(())
            }
        };
        let reloader = Reloader::start(
            source,
            live.clone(),
            loaded.watched,
            &loaded.warnings,
            apply,
        )
        .unwrap();
        Self {
            folder,
            live,
            reloader,
            swaps,
        }
    }

    fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(std::time::Instant::now() < end, "{what}");
            let _ = self.swaps.recv_timeout(TICK);
        }
    }

    fn has_client(&self, id: &str) -> bool {
        let snapshot = self.live.snapshot();
        snapshot
            .token_server
            .as_ref()
            .unwrap()
            .clients
            .find(id)
            .is_some()
    }
}

fn with_client(id: &str, secret: &str) -> String {
    let client = CLIENT.replace("\"one\"", &format!("\"{id}\""));
    BASE.to_owned() + &client.replace("\"secret-of-one\"", secret)
}

#[test]
fn a_changed_file_is_in_force_and_an_invalid_one_changes_nothing() {
    let running = Running::start(good());
    running.folder.write(&with_client("two", "\"s\""));
    running.wait_until("the new client", |running| running.has_client("two"));
    let generation = running.live.snapshot().generation;

    // Every broken state that an editor or a half-done copy leaves behind.
    for broken in [
        "",
        "\"Url\": ",
        "\"Workers\": 0",
        "\"Limits\": { \"X\": 1 }",
    ] {
        let failed = running.live.status().failed;
        running
            .folder
            .write(&format!("{}{broken}", with_client("three", "\"s\"")));
        if broken.is_empty() {
            running.wait_until("the valid one", |running| running.has_client("three"));
            running.folder.write(&with_client("two", "\"s\""));
            running.wait_until("back", |running| running.has_client("two"));
            continue;
        }
        running.wait_until("a refusal", |running| running.live.status().failed > failed);
        assert!(running.has_client("two") && !running.has_client("three"));
    }
    let status = running.live.status();
    assert!(
        status.fault.as_ref().unwrap().contains("`X`"),
        "{:?}",
        status.fault
    );
    assert!(status.generation > generation);

    fs::remove_file(&running.folder.file).unwrap();
    running.wait_until("the vanished file", |running| {
        running
            .live
            .status()
            .fault
            .is_some_and(|fault| fault.contains("cannot read"))
    });
    assert!(running.has_client("two"));

    // The content in force comes back: valid again, nothing to swap.
    let generation = running.live.snapshot().generation;
    running.folder.write(&with_client("two", "\"s\""));
    running.wait_until("the end of the fault", |running| {
        running.live.status().fault.is_none()
    });
    assert_eq!(running.live.snapshot().generation, generation);
}

#[test]
fn a_changed_secret_file_is_in_force() {
    let folder = good();
    fs::write(folder.path().join("secret"), "first\n").unwrap();
    folder.write(&with_client("one", r#"{ "File": "secret" }"#));
    let running = Running::start(folder);
    let matches = |running: &Running, text: &str| {
        let snapshot = running.live.snapshot();
        let clients = &snapshot.token_server.as_ref().unwrap().clients;
        clients.find("one").unwrap().secrets[0].matches(text, SystemTime::now())
    };
    assert!(matches(&running, "first"));
    fs::write(running.folder.path().join("secret"), "second\n").unwrap();
    running.wait_until("the new secret", |running| matches(running, "second"));
}

#[test]
fn asking_for_a_reload_of_the_same_content_swaps_nothing() {
    let running = Running::start(good());
    let before = running.live.status().succeeded;
    running.reloader.trigger().reload_now();
    running.wait_until("a reload", |running| {
        running.live.status().succeeded > before
    });
    assert_eq!(running.live.snapshot().generation, 1);
    assert!(running.swaps.try_recv().is_err());
}

#[test]
fn what_cannot_be_put_in_force_is_a_refusal() {
    let folder = good();
    let source = folder.source();
    let loaded = source.load(None);
    let live = Live::new(Arc::new(loaded.outcome.unwrap()));
    let apply = |_| Err("port 443 is in use".into());
    let _reloader = Reloader::start(
        source,
        live.clone(),
        loaded.watched,
        &loaded.warnings,
        apply,
    )
    .unwrap();
    folder.write(&with_client("two", "\"s\""));
    let end = std::time::Instant::now() + PATIENCE;
    while live.status().failed == 0 {
        assert!(std::time::Instant::now() < end);
        std::thread::park_timeout(TICK);
    }
    assert_eq!(live.snapshot().generation, 1);
    assert_eq!(live.status().fault.as_deref(), Some("port 443 is in use"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_value_makes_it_panic(
        key in "(Url|PathBase|AuthorityUrl|Upstream|Routes|Limits|Log|Drain|Admin|Workers|OpenIddictServerSettings|DefaultCorsSettings|Engine|WorkflowApi)",
        value in "(\\[|\\{|\"(https?|unix|h2c):(//)?[*a-z0-9.:@\\[\\]/;?]{0,12}\"|\"[^\"\\\\\u{0}-\u{1f}]{0,12}\"|-?[0-9]{1,20}|true|null|\\]|\\}|,|:|\"(Prefix|Scopes|Endpoints|ClientCredentials|ClientId|Url|Limits)\":){1,8}",
    ) {
        let folder = Folder::new(&format!("\"{key}\": {value}"));
        let report = check(&folder.source(), true, true);
        prop_assert!(report.exit_code <= 1);
    }
}
