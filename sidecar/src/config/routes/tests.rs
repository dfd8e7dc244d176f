//! From `Routes`, `Policy` and the two bindings of a file to settings, or to the fault.

use crate::config::{Access, ClaimPath, Loaded, Snapshot, Source};
use crate::policy::{Absent, Terms};

const CLIENT: &str = r#""DisableOpenIddictServer": false, "OpenIddictServerSettings": {
    "ClientCredentials": [{ "ClientId": "one", "ClientSecret": "secret-of-one" BIND }] },"#;

fn load_with(bind: &str, more: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let client = CLIENT.replace("BIND", bind);
    let text = format!(
        r#"{{"Url": "http://127.0.0.1:0", "Upstream": "http://127.0.0.1:9", {client} {more} }}"#
    );
    std::fs::write(&file, text).unwrap();
    Source::file(file).load(None)
}

fn load(more: &str) -> Loaded {
    load_with("", more)
}

fn snapshot(loaded: Loaded) -> Snapshot {
    loaded.outcome.unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn routes_are_prefixes_or_templates_with_access_of_four_kinds() {
    let snapshot = snapshot(load(
        r#""Routes": [
            { "Prefix": "/workflowapi" },
            { "Prefix": "/WorkflowApi", "Operations": ["manage"], "Scopes": ["WorkflowAdmin"] },
            { "Path": "/Orders/{Id}/items", "Methods": ["get"], "Scopes": "token" },
            { "Path": "/orders/{id}/items", "Methods": ["POST"], "AnyScope": ["a", "b"] },
            { "Path": "/files/{rest...}", "Scopes": "Public", "Shadow": true },
            { "Prefix": "/" , "Scopes": ["a"] }
        ]"#,
    ));
    let told: Vec<_> = snapshot
        .routes
        .iter()
        .map(|route| (route.pattern.as_str(), &route.access, route.shadow))
        .collect();
    let scopes = |names: &[&str]| names.iter().map(|&name| name.into()).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            (
                "/workflowapi",
                &Access::Scopes(scopes(&["WorkflowApi"])),
                false
            ),
            (
                "/workflowapi",
                &Access::Scopes(scopes(&["WorkflowAdmin"])),
                false
            ),
            ("/orders/{Id}/items", &Access::Scopes(Vec::new()), false),
            (
                "/orders/{id}/items",
                &Access::AnyScope(scopes(&["a", "b"])),
                false
            ),
            ("/files/{rest...}", &Access::Public, true),
            ("/", &Access::Scopes(scopes(&["a"])), false),
        ]
    );
    let api: Vec<_> = snapshot
        .routes
        .iter()
        .map(|route| route.workflow_api)
        .collect();
    assert_eq!(api, [true, true, false, false, false, false]);
}

#[test]
fn routes_in_each_others_way_are_faults_with_both_places() {
    let api = r#"{ "Prefix": "/workflowapi" }"#;
    for (routes, want) in [
        (
            r#"{ "Prefix": "/a" }, { "Prefix": "/A/" }"#,
            "two routes are for the same requests",
        ),
        (
            r#"{ "Path": "/a/{x}" }, { "Path": "/a/{y}" }"#,
            "two routes are for the same requests to `/a/{y}`",
        ),
        (
            r#"{ "Path": "/a", "Methods": ["GET", "PUT"] }, { "Path": "/a", "Methods": ["PUT"] }"#,
            "tell them apart by `Methods`",
        ),
        (
            r#"{ "Prefix": "/workflowapi", "Operations": ["read"] },
               { "Prefix": "/workflowapi", "Operations": ["inbox"] }"#,
            "two routes are for the same requests",
        ),
        (
            r#"{ "Prefix": "/a", "Path": "/b" }"#,
            "both `Prefix` and `Path`",
        ),
        ("{ }", "no `Prefix` and no `Path`"),
        (
            r#"{ "Prefix": "/a", "Operations": ["read"] }"#,
            "those of the Workflow API",
        ),
        (
            r#"{ "Prefix": "/workflowapi", "Operations": ["raed"] }"#,
            "did you mean `read`?",
        ),
        (
            r#"{ "Prefix": "/workflowapi", "Operations": [] }"#,
            "without any operation",
        ),
        (
            r#"{ "Path": "/workflowapi" }"#,
            "name operations in `Operations`",
        ),
        (
            r#"{ "Path": "/workflowapi/{x...}" }"#,
            "name operations in `Operations`",
        ),
        (
            r#"{ "Path": "/connect/x" }"#,
            "answered by the sidecar itself",
        ),
        (r#"{ "Path": "/a/{x" }"#, "braces"),
        (
            r#"{ "Prefix": "/a", "Scopes": "any" }"#,
            "or `\"Token\"` or `\"Public\"`",
        ),
        (
            r#"{ "Prefix": "/a", "Scopes": ["a"], "AnyScope": ["b"] }"#,
            "both `Scopes` and `AnyScope`",
        ),
        (r#"{ "Prefix": "/a", "AnyScope": [] }"#, "lets nothing pass"),
    ] {
        let loaded = load(&format!("\"Routes\": [{api}, {routes}]"));
        let faults = loaded.outcome.err().map(|faults| faults.render(false));
        let faults = faults.unwrap_or_default();
        assert!(faults.contains(want), "{routes} wants {want}\ngot {faults}");
    }
    for (routes, want) in [
        (
            r#"{ "Path": "/{x}/{y}", "Scopes": "Public" }"#,
            "covers the Workflow API",
        ),
        (r#"{ "Path": "/{x...}" }"#, "covers the Workflow API"),
        (r#"{ "Prefix": "/" }"#, "covers the Workflow API"),
        (
            r#"{ "Prefix": "/workflowapi", "Operations": ["read"] }"#,
            "for the other operations",
        ),
    ] {
        let faults = load(&format!("\"Routes\": [{routes}]"))
            .outcome
            .err()
            .unwrap();
        let faults = faults.render(false);
        assert!(faults.contains(want), "{routes} wants {want}\ngot {faults}");
    }
}

#[test]
fn routes_that_surprise_are_warned_of() {
    let api = r#"{ "Prefix": "/workflowapi" }"#;
    for (routes, want) in [
        (
            r#"{ "Path": "/a/{x}/c" }, { "Path": "/a/b/{y}", "Scopes": "Token" }"#,
            "a path can be of `/a/b/{y}` and of `/a/{x}/c`",
        ),
        (
            r#"{ "Prefix": "/a" }, { "Prefix": "/a", "Methods":
               ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] }"#,
            "no request ever reaches this route",
        ),
        (
            r#"{ "Prefix": "/a", "Scopes": [] }"#,
            "any token passes this route",
        ),
        // More special ones are what routes are for.
        (
            r#"{ "Prefix": "/a" }, { "Path": "/a/{x}", "Scopes": "Token" }"#,
            "",
        ),
        (r#"{ "Path": "/a/{x}/c" }, { "Path": "/a/b/{y}" }"#, ""),
        (r#"{ "Prefix": "/a", "Scopes": "Token" }"#, ""),
    ] {
        let loaded = load(&format!("\"Routes\": [{api}, {routes}]"));
        assert!(loaded.outcome.is_ok(), "{routes}");
        let warnings = loaded.warnings.render(false);
        if want.is_empty() {
            assert_eq!(warnings, "", "{routes}");
        } else {
            assert!(
                warnings.contains(want),
                "{routes} wants {want}\ngot {warnings}"
            );
        }
    }
}

#[test]
fn bindings_are_lists_or_objects() {
    let of = |bind: &str| {
        let snapshot = snapshot(load_with(&format!(", {bind}"), ""));
        let clients = &snapshot.token_server.as_ref().unwrap().clients;
        clients.find("one").unwrap().mandate.clone()
    };
    assert_eq!(of("\"Scopes\": [\"WorkflowApi\"]"), None);
    let listed = of(r#""BindIdentity": ["alice", "team-*"]"#).unwrap();
    assert_eq!(
        listed.identity,
        Some(Terms::values(["alice", "team-*"]).unwrap())
    );
    assert_eq!(listed.tenant, None);
    let filled = of(
        r#""BindIdentity": { "Claim": "sub", "Absent": "Fill", "Impersonate": [] },
        "BindTenant": { "Values": ["t"], "Absent": "allow" }"#,
    )
    .unwrap();
    let mut identity = Terms::claim(ClaimPath::parse("sub").unwrap()).when_absent(Absent::Fill);
    identity.impersonate = Some(Vec::new());
    assert_eq!(filled.identity, Some(identity));
    let tenant = Terms::values(["t"]).unwrap().when_absent(Absent::Allow);
    assert_eq!(filled.tenant, Some(tenant));
    for (bind, want) in [
        (r#""BindIdentity": "alice""#, "must be a list or an object"),
        (r#""BindIdentity": []"#, "names nobody"),
        (r#""BindIdentity": {}"#, "names nobody"),
        (r#""BindIdentity": ["a*b"]"#, "only at the end"),
        (r#""BindIdentity": [""]"#, "is empty"),
        (r#""BindIdentity": { "Claim": "email" }"#, "no such claim"),
        (
            r#""BindIdentity": { "Values": ["a", "b"], "Absent": "fill" }"#,
            "not with what",
        ),
        (
            r#""BindIdentity": { "Values": ["a*"], "Absent": "fill" }"#,
            "not with what",
        ),
        (
            r#""BindIdentity": { "Claim": "sub", "Absent": "ignore" }"#,
            "`\"refuse\"` or `\"allow\"`",
        ),
        (
            r#""BindIdentity": { "Value": ["a"] }"#,
            "did you mean `Values`?",
        ),
        (
            r#""BindTenant": { "Values": ["a"], "Impersonate": [] }"#,
            "unknown key",
        ),
    ] {
        let faults = load_with(&format!(", {bind}"), "").outcome.err();
        let faults = faults
            .map(|faults| faults.render(false))
            .unwrap_or_default();
        assert!(faults.contains(want), "{bind} wants {want}\ngot {faults}");
    }
}

#[test]
fn a_subject_counts_instead_of_its_client_and_stands_once() {
    let subject = |more: &str| {
        format!(
            r#""Policy": {{ "Subjects": [
            {{ "Issuer": "https://id.example/", "Subject": "s", "BindTenant": ["t"] }}{more} ] }}"#
        )
    };
    let snapshot = snapshot(load(&subject("")));
    let policy = &snapshot.policy;
    let tenant = |issuer, subject| {
        let mandate = policy.mandate(issuer, subject, None);
        mandate.and_then(|mandate| mandate.tenant.clone())
    };
    let want = Some(Terms::values(["t"]).unwrap());
    assert_eq!(tenant("https://id.example", "s"), want);
    assert_eq!(tenant("https://id.example/", "s"), want);
    assert_eq!(tenant("https://other.example/", "s"), None);
    assert_eq!(tenant("https://id.example/", "S"), None);
    for (more, want) in [
        (
            r#", { "Issuer": "https://id.example", "Subject": "s", "BindTenant": ["u"] }"#,
            "same subject of the same issuer twice",
        ),
        (
            r#", { "Subject": "s", "BindTenant": ["u"] }"#,
            "no `Issuer`",
        ),
        (r#", { "Issuer": "https://id.example" }"#, "no `Subject`"),
        (
            r#", { "Issuer": "https://id.example", "Subject": "u" }"#,
            "nothing is said",
        ),
    ] {
        let faults = load(&subject(more)).outcome.err();
        let faults = faults
            .map(|faults| faults.render(false))
            .unwrap_or_default();
        assert!(faults.contains(want), "{more} wants {want}\ngot {faults}");
    }
}

#[test]
fn shadow_mode_is_of_all_routes_or_of_one_and_warned_of_beyond_loopback() {
    let all = snapshot(load(r#""Policy": { "Shadow": true }"#));
    assert!(all.policy.shadow && all.routes[0].shadow);
    let but_one = r#""Policy": { "Shadow": true }, "Routes": [
        { "Prefix": "/workflowapi", "Shadow": false }, { "Prefix": "/a" }]"#;
    let but_one = snapshot(load(but_one));
    let told: Vec<_> = but_one.routes.iter().map(|route| route.shadow).collect();
    assert_eq!(told, [false, true]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let client = CLIENT.replace("BIND", "");
    let text = format!(
        r#"{{"Url": "http://0.0.0.0:0", "AllowPlainHttp": true, "Upstream": "http://127.0.0.1:9",
            {client} "Policy": {{ "Shadow": true }} }}"#
    );
    std::fs::write(&file, text).unwrap();
    let loaded = Source::file(file).load(None);
    let warnings = loaded.warnings.render(false);
    assert!(warnings.contains("shadow mode"), "{warnings}");
}
