//! Scheme files: read at start and when they change, broken ones told about and left out.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tests::files::Way;
use tests::process::run;
use tests::programs::{programs, workspace};
use tests::server::Setup;
use tests::wait::until;

const SMALL: &str = r#"<Process Name="Small">
  <Commands><Command Name="go" /></Commands>
  <Activities>
    <Activity Name="A" State="A" IsInitial="true" IsFinal="false" IsForSetState="true" />
    <Activity Name="B" State="B" IsInitial="false" IsFinal="true" IsForSetState="false" />
  </Activities>
  <Transitions>
    <Transition Name="A_B" From="A" To="B" Classifier="Direct">
      <Triggers><Trigger Type="Command" NameRef="go" /></Triggers>
      <Conditions><Condition Type="Always" /></Conditions>
    </Transition>
  </Transitions>
</Process>
"#;

#[tokio::test]
async fn a_broken_file_is_told_about_and_left_out() {
    let setup = Setup::new();
    setup.write("schemes/Small.xml", SMALL);
    let broken = SMALL
        .replace("Small", "Broken")
        .replace("To=\"B\"", "To=\"Nowhere\"");
    setup.write("schemes/Broken.xml", &broken);
    let engine = setup.engine().await;
    let list = engine.api().succeed("/getschemelist", &json!({})).await;
    let list = list.as_array().expect("names");
    assert!(list.contains(&json!("Small")), "{list:?}");
    assert!(!list.contains(&json!("Broken")), "{list:?}");
    assert!(
        engine.process.count("Broken.xml") > 0,
        "{}",
        engine.process.story()
    );
    assert!(
        engine.process.count("Nowhere") > 0,
        "{}",
        engine.process.story()
    );
}

#[tokio::test]
async fn check_names_the_line_and_the_column_of_every_fault() {
    let setup = Setup::new();
    let cases = [
        (
            "a transition to nowhere",
            SMALL.replace("To=\"B\"", "To=\"Nowhere\""),
            8,
            "Nowhere",
        ),
        (
            "an unknown command",
            SMALL.replace("NameRef=\"go\"", "NameRef=\"goo\""),
            9,
            "go",
        ),
        (
            "two initial activities",
            SMALL.replace("IsInitial=\"false\"", "IsInitial=\"true\""),
            5,
            "IsInitial",
        ),
        (
            "no initial activity",
            SMALL.replace("IsInitial=\"true\"", "IsInitial=\"false\""),
            0,
            "initial",
        ),
        (
            "a name twice",
            SMALL.replace("Name=\"B\"", "Name=\"A\""),
            5,
            "A",
        ),
        (
            "a Boolean that is none",
            SMALL.replace("IsFinal=\"true\"", "IsFinal=\"perhaps\""),
            5,
            "perhaps",
        ),
        (
            "a trigger of no kind",
            SMALL.replace("Type=\"Command\"", "Type=\"Comand\""),
            9,
            "Command",
        ),
        (
            "an element not closed",
            SMALL.replace("</Triggers>", ""),
            0,
            "",
        ),
        (
            "a document type",
            format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{SMALL}"),
            1,
            "",
        ),
        ("nothing", String::new(), 0, ""),
    ];
    for (name, text, line, names) in cases {
        setup.write("Case.xml", &text);
        let ran = run(setup.command(&programs().engine, &["check", "Case.xml"])).await;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(1), "{name}: {said}");
        assert!(said.contains("Case.xml"), "{name}: {said}");
        assert!(said.contains(names), "{name}: {said}");
        if line > 0 {
            assert!(
                said.contains(&format!("Case.xml:{line}:")),
                "{name}: {said}"
            );
        }
    }
    setup.write("Case.xml", SMALL);
    let ran = run(setup.command(&programs().engine, &["check", "Case.xml"])).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn every_shipped_scheme_is_valid() {
    let mut checked = 0;
    for file in fs::read_dir(workspace().join("schemes")).expect("sample schemes") {
        let path = file.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            let mut check = Command::new(&programs().engine);
            check.arg("check").arg(&path);
            let ran = run(check).await;
            let shown = path.display();
            assert_eq!(ran.code, Some(0), "{shown}: {}{}", ran.stdout, ran.stderr);
            checked += 1;
        }
    }
    assert!(checked >= 3);
}

#[tokio::test]
async fn a_changed_file_is_a_new_version_for_new_instances() {
    let setup = Setup::new();
    setup.write("schemes/Small.xml", SMALL);
    let engine = setup.engine().await;
    let api = engine.api();
    let old = api.create("Small", &json!({})).await;
    let version = api.info(&old).await["SchemeId"].clone();

    let file = engine.setup.path("schemes/Small.xml");
    let renamed = SMALL.replace("State=\"A\"", "State=\"Begin\"");
    Way::RenameOver.write(&file, &renamed);
    let new = until("the new version is used", || async {
        let id = api.create("Small", &json!({})).await;
        (api.info(&id).await["StateName"] == "Begin").then_some(id)
    })
    .await;
    assert_ne!(api.info(&new).await["SchemeId"], version);
    // A running instance keeps the version that it began with.
    let info = api.info(&old).await;
    assert_eq!(
        (&info["SchemeId"], &info["StateName"]),
        (&version, &json!("A"))
    );

    // Broken: the last good version stays.
    Way::InPlace.write(&file, "<Process Name=\"Small\">");
    until("the broken file is told about", || async {
        (engine.process.count("Small.xml") > 0).then_some(())
    })
    .await;
    let id = api.create("Small", &json!({})).await;
    assert_eq!(api.info(&id).await["StateName"], "Begin");
}

#[tokio::test]
async fn actions_run_on_entering_and_their_failure_is_the_process_error() {
    let setup = Setup::new();
    let with_action = |name: &str, action: &str, parameter: &str| {
        let implementation = format!(
            "IsForSetState=\"false\"><Implementation><ActionRef Order=\"1\" NameRef=\"{action}\">\
             <ActionParameter><![CDATA[{parameter}]]></ActionParameter></ActionRef></Implementation></Activity>"
        );
        let text = SMALL.replace("Small", name);
        text.replace("IsForSetState=\"false\" />", &implementation)
    };
    let set = with_action("Sets", "SetParameter", r#"{"Name":"Colour","Value":"red"}"#);
    let fails = with_action("Fails", "SendEmail", "{}");
    setup.write("schemes/Sets.xml", &set);
    setup.write("schemes/Fails.xml", &fails);
    let engine = setup.engine().await;
    let api = engine.api();
    let id = api.create("Sets", &json!({})).await;
    let instance = api.execute(&id, "go", &json!({})).await;
    assert_eq!(instance["ProcessParameters"]["Colour"], "red", "{instance}");

    let id = api.create("Fails", &json!({})).await;
    let envelope = api
        .envelope(
            &format!("/executecommand/{id}"),
            &json!({ "command": "go" }),
        )
        .await;
    assert_eq!(envelope["error"], "ActionFailed", "{envelope}");
    let message = envelope["message"].as_str().unwrap_or_default();
    assert!(message.contains("SendEmail"), "{envelope}");
    let info = api.info(&id).await;
    assert_eq!(info["InstanceStatus"], 5, "Error: {info}");
    // What the failed operation had changed is discarded.
    assert_eq!(info["StateName"], "A", "{info}");
    api.succeed(&format!("/setstate/{id}"), &json!({ "state": "A" }))
        .await;
    let status: Value = api.info(&id).await["InstanceStatus"].clone();
    assert_eq!(status, 2, "out of Error");
}

#[tokio::test]
async fn an_endless_chain_of_automatic_transitions_is_stopped() {
    let setup = Setup::new();
    let endless = SMALL
        .replace("Small", "Endless")
        .replace("IsFinal=\"true\"", "IsFinal=\"false\"")
        .replace(
            "</Transitions>",
            "<Transition Name=\"B_C\" From=\"B\" To=\"C\"><Triggers><Trigger Type=\"Auto\" /></Triggers><Conditions><Condition Type=\"Always\" /></Conditions></Transition>\
             <Transition Name=\"C_B\" From=\"C\" To=\"B\"><Triggers><Trigger Type=\"Auto\" /></Triggers><Conditions><Condition Type=\"Always\" /></Conditions></Transition></Transitions>",
        )
        .replace(
            "</Activities>",
            "<Activity Name=\"C\" State=\"C\" IsInitial=\"false\" IsFinal=\"false\" IsForSetState=\"false\" /></Activities>",
        );
    setup.write("schemes/Endless.xml", &endless);
    let engine = setup.engine().await;
    let api = engine.api();
    let id = api.create("Endless", &json!({})).await;
    let error = api
        .fail(
            &format!("/executecommand/{id}"),
            &json!({ "command": "go" }),
        )
        .await;
    assert_eq!(error, "LimitExceeded");
    // And everybody else is served.
    api.create("TestScheme", &json!({})).await;
}

#[tokio::test]
async fn what_does_not_run_yet_loads_and_fails_clearly_when_run_into() {
    let engine = Setup::new().engine().await;
    let api = engine.api();
    let list = api.succeed("/getschemelist", &json!({})).await;
    assert!(
        list.as_array()
            .is_some_and(|list| list.contains(&json!("ParallelReview")))
    );
    let id = api.create("ParallelReview", &json!({})).await;
    let envelope = api
        .envelope(
            &format!("/executecommand/{id}"),
            &json!({ "command": "start" }),
        )
        .await;
    if envelope["success"] == false {
        let message = envelope["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{envelope}");
    }
    api.info(&id).await;
}
