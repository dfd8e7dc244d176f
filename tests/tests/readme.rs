//! What README and the deployment files say is so.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use tests::components;
use tests::material::Material;
use tests::process::run;
use tests::programs::{programs, workspace};
use tests::server::{Setup, Sidecar};

fn readme() -> String {
    read("README.md")
}

fn read(file: &str) -> String {
    let path = workspace().join(file);
    fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{file}: {fault}"))
}

/// The fenced blocks that README marks as tested, of one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let fence = format!("```{language} test\n");
    let blocks = readme.split(&fence).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// A sidecar with the shipped configuration, on free ports that stand in its file.
async fn shipped() -> (Sidecar, String) {
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener
            .local_addr()
            .expect("an address")
            .port()
            .to_string()
    };
    let (url, admin, engine) = (free(), free(), free());
    let setup = Setup::new();
    let text = read("config.json")
        .replace("8077", &url)
        .replace("8079", &admin)
        .replace("8078", &engine);
    setup.write("config.json", &text);
    (setup.sidecar_as_written().await, url)
}

/// A block for this sidecar: its port, and the built program instead of cargo's.
fn adapted(block: &str, port: &str) -> String {
    block
        .replace("localhost:8077", &format!("localhost:{port}"))
        .replace("cargo run --release --quiet --", "\"$SIDECAR\"")
}

#[tokio::test]
async fn the_shell_commands_of_the_readme_work_as_they_stand() {
    let blocks = blocks("sh");
    assert!(!blocks.is_empty());
    if components::find("curl").is_none() {
        return;
    }
    let (sidecar, port) = shipped().await;
    let script = format!("set -eu\n{}", adapted(&blocks.concat(), &port));
    let mut shell = Command::new("sh");
    shell.current_dir(sidecar.setup.path(""));
    shell
        .env("SIDECAR", &programs().sidecar)
        .args(["-c", &script]);
    let ran = run(shell).await;
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("token_endpoint"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("\"StateName\":\"Review\""),
        "{}",
        ran.stdout
    );
}

#[tokio::test]
async fn the_python_of_the_readme_works_as_it_stands() {
    let blocks = blocks("python");
    assert_eq!(blocks.len(), 1);
    let Some(python) = components::python() else {
        return;
    };
    let (sidecar, port) = shipped().await;
    let mut command = Command::new(python);
    command.current_dir(sidecar.setup.path(""));
    command.args(["-c", &adapted(&blocks[0], &port)]);
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("submit"), "{}", ran.stdout);
}

#[tokio::test]
async fn the_javascript_of_the_readme_works_as_it_stands() {
    let blocks = blocks("js");
    assert_eq!(blocks.len(), 1);
    let Some((node, libraries)) = components::node() else {
        return;
    };
    let (sidecar, port) = shipped().await;
    // Modules are looked for beside the script.
    let script = sidecar.setup.path("call.mjs");
    let modules = sidecar.setup.path("node_modules");
    std::os::unix::fs::symlink(libraries.join("node_modules"), modules).expect("a link");
    fs::write(&script, adapted(&blocks[0], &port)).expect("a file");
    let mut command = Command::new(node);
    command.arg(script);
    command.env(
        "NODE_EXTRA_CA_CERTS",
        sidecar.setup.path("data/dev-cert.pem"),
    );
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("submit"), "{}", ran.stdout);
}

/// The lines of the first table in a text.
fn table(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|line| !line.starts_with("| "));
    lines.take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn the_table_of_keys_is_the_one_of_the_guide() {
    let (readme, guide) = (readme(), read("docs/configuration.md"));
    let (_, block) = readme
        .split_once("<!-- keys: begin (generated from the table of keys) -->")
        .expect("the block");
    let (block, _) = block.split_once("<!-- keys: end -->").expect("its end");
    let (here, there) = (table(block), table(&guide));
    assert!(here.len() > 20, "{here:?}");
    assert_eq!(here, there);
}

#[test]
fn every_file_that_the_documents_link_to_is_there() {
    let mut documents = vec![PathBuf::from("README.md")];
    for folder in ["docs", "docs/decisions"] {
        let files = fs::read_dir(workspace().join(folder)).expect("a folder");
        let files = files
            .flatten()
            .map(|file| PathBuf::from(folder).join(file.file_name()));
        documents.extend(files.filter(|file| file.extension().is_some_and(|ext| ext == "md")));
    }
    for document in documents {
        let text = read(&document.display().to_string());
        let folder = workspace().join(document.parent().expect("a folder"));
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains("://");
            let there = elsewhere || folder.join(target).exists();
            assert!(there, "{}: {target}", document.display());
        }
    }
}

#[test]
fn a_decision_is_numbered_and_has_its_four_parts() {
    let files = fs::read_dir(workspace().join("docs/decisions")).expect("a folder");
    let mut names = files
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    names.sort();
    for (index, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}-", index + 1)), "{name}");
        let text = read(&format!("docs/decisions/{name}"));
        for part in [
            "**Context.**",
            "**Decision.**",
            "**Rejected.**",
            "**Consequences.**",
        ] {
            assert!(text.contains(part), "{part} in {name}");
        }
    }
}

#[tokio::test]
async fn the_configuration_in_the_kubernetes_manifest_is_good() {
    let manifest = read("deploy/kubernetes/sidecar.yaml");
    let (_, block) = manifest
        .split_once("config.json: |\n")
        .expect("the file in the map");
    let lines = block.lines().take_while(|line| line.starts_with("    "));
    let text = lines.map(|line| &line[4..]).collect::<Vec<_>>().join("\n");

    let setup = Setup::new();
    let root = setup.path("");
    let root = root.display().to_string();
    let root = root.trim_end_matches('/');
    let mut text = text;
    for folder in [
        "/etc/sidecar",
        "/var/lib/sidecar",
        "/run/workflow",
        "/usr/share/sidecar",
    ] {
        text = text.replace(folder, &format!("{root}{folder}"));
        fs::create_dir_all(setup.path(&folder[1..])).expect("a folder");
    }
    for folder in ["tls", "signing", "client"] {
        fs::create_dir(setup.path(format!("etc/sidecar/{folder}"))).expect("a folder");
    }
    let tls = Material::tls("workflow");
    setup.write("etc/sidecar/tls/tls.crt", &tls.certificate);
    setup.write("etc/sidecar/tls/tls.key", &tls.key);
    setup.write("etc/sidecar/client/secret", &setup.secret);
    let password = tests::secrets::new_secret();
    setup.write("etc/sidecar/signing/password", &password);
    let signing = setup.path("etc/sidecar/signing/signing.p12");
    let made = Material::shared_signing().write_pkcs12(&signing, &password, false);
    if made.is_none() {
        return;
    }
    setup.write("config.json", &text);
    let arguments = ["check", "--strict", "config.json"];
    let ran = run(setup.command(&programs().sidecar, &arguments)).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    // And both programs run with it, as two containers of one pod would.
    let mut setup = setup;
    for set in [
        "Url=https://localhost:0",
        "AuthorityUrl=https://localhost",
        "Admin.Url=http://127.0.0.1:0",
        "Engine.Admin.Url=http://127.0.0.1:0",
    ] {
        setup = setup.argument("--set").argument(set);
    }
    setup.config = json!({ "CertificateFile": "etc/sidecar/tls/tls.crt" });
    let engine = setup.start_engine();
    engine.logged("listening", "url").await;
    let sidecar = setup.sidecar_as_written().await;
    let secret = sidecar.setup.secret.clone();
    let token = sidecar.token_of("workflowapi", &secret).await;
    let list = sidecar
        .client
        .get("/workflowapi/getschemelist")
        .bearer(&token);
    list.send().await.expect(200);
}
