//! The engine as its callers see it: requests in, envelopes out.

use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::Full;
use proptest::prelude::*;
use serde_json::{Value, json};
use workflow_api::{Methods, OPERATIONS};

use super::*;

const ORDER: &str = r#"<Process Name="Order" Tags="sample">
  <Parameters>
    <Parameter Name="Sum" Type="Decimal" Purpose="Persistence" />
    <Parameter Name="Note" Type="String" Purpose="Temporary" />
  </Parameters>
  <Commands>
    <Command Name="submit"><InputParameters>
      <ParameterRef Name="Sum" IsRequired="false" NameRef="Sum" />
    </InputParameters></Command>
    <Command Name="approve" />
  </Commands>
  <Activities>
    <Activity Name="Draft" State="Draft" IsInitial="true" IsForSetState="true" />
    <Activity Name="Review" State="Review" IsForSetState="true" />
    <Activity Name="Done" State="Done" IsFinal="true" IsForSetState="true" />
  </Activities>
  <Transitions>
    <Transition Name="a" From="Draft" To="Review" Classifier="Direct">
      <Triggers><Trigger Type="Command" NameRef="submit" /></Triggers>
      <Conditions><Condition Type="Always" /></Conditions>
    </Transition>
    <Transition Name="b" From="Review" To="Done" Classifier="Direct">
      <Triggers><Trigger Type="Command" NameRef="approve" /></Triggers>
      <Conditions><Condition Type="Always" /></Conditions>
    </Transition>
  </Transitions>
</Process>"#;

pub(crate) fn settings(schemes: &Path) -> EngineSettings {
    let loaded = EngineSettings::load(None, &[]);
    let mut settings = loaded.outcome.expect("defaults are valid");
    settings.schemes = schemes.to_owned();
    settings
}

/// An engine with one scheme, and the folder it comes from.
pub(crate) fn start(change: impl FnOnce(&mut EngineSettings)) -> (Engine, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("order.xml"), ORDER).expect("a file");
    let mut settings = settings(folder.path());
    change(&mut settings);
    (Engine::start(settings).expect("an engine"), folder)
}

pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn send(engine: &Engine, request: Request<Full<Bytes>>) -> (StatusCode, Value) {
    let response = wait(engine.call(request));
    let (parts, body) = response.into_parts();
    assert_eq!(parts.headers["content-type"], "application/json");
    let value = serde_json::from_slice(&body.into_bytes()).expect("JSON");
    (parts.status, value)
}

fn get(engine: &Engine, path: &str) -> (StatusCode, Value) {
    let uri = format!("/workflowapi/{path}");
    send(
        engine,
        Request::get(uri).body(Full::default()).expect("a request"),
    )
}

fn post(engine: &Engine, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::post(format!("/workflowapi/{path}"))
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .expect("a request");
    send(engine, request)
}

fn create(engine: &Engine, body: &Value) -> String {
    let (_, answer) = post(engine, "createinstance", body);
    let id = answer["data"]["ProcessId"].as_str();
    id.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn a_process_runs_from_creation_to_its_end() {
    let (engine, _folder) = start(|_| ());
    let id = create(&engine, &json!({"schemeCode": "Order"}));
    let (_, commands) = get(&engine, &format!("getavailablecommands/{id}"));
    assert_eq!(commands["data"][0]["CommandName"], "submit");
    assert_eq!(commands["data"][0]["Parameters"][0]["ParameterName"], "Sum");
    let (_, settable) = get(&engine, &format!("getavailablestatestoset/{id}"));
    let names: Vec<_> = settable["data"]
        .as_array()
        .expect("states")
        .iter()
        .map(|s| &s["Name"])
        .collect();
    assert_eq!(names, ["Draft", "Review", "Done"]);

    let (status, answer) = get(
        &engine,
        &format!("executecommand/{id}?command=submit&identityId=ann"),
    );
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["WasExecuted"], true);
    assert_eq!(answer["data"]["ProcessInstance"]["StateName"], "Review");
    let (_, answer) = get(&engine, &format!("executecommand/{id}?command=approve"));
    assert_eq!(answer["data"]["ProcessInstance"]["StateName"], "Done");

    let (_, info) = get(&engine, &format!("getinstanceinfo?processId={id}"));
    assert_eq!(info["data"]["InstanceStatus"], 3);
    assert_eq!(
        info["data"]["Transitions"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(info["data"]["Transitions"][0]["ExecutorIdentityId"], "ann");
    let members = info["data"].as_object().expect("an object");
    assert!(members.contains_key("ParentProcessId"), "null is present");
    let (_, steps) = get(
        &engine,
        &format!("getprocesshistory/{id}?page=1&pageSize=1"),
    );
    assert_eq!(steps["data"][0]["TriggerName"], "approve");
    assert_eq!(steps["data"].as_array().map(Vec::len), Some(1));

    let (_, answer) = get(&engine, &format!("setstate/{id}?state=Draft"));
    assert_eq!(answer, json!({"success": true}));
    let (_, answer) = get(&engine, &format!("isprocessexists/{id}"));
    assert_eq!(answer, json!({"success": true, "data": true}));
    let (_, answer) = post(&engine, "deleteinstance", &json!({"processId": id}));
    assert_eq!(answer, json!({"success": true}));
    let (_, answer) = get(&engine, &format!("isexistprocess/{id}"));
    assert_eq!(answer, json!({"success": true, "data": false}));
}

#[test]
fn decimals_are_exact_from_json_to_json() {
    let (engine, _folder) = start(|_| ());
    let digits = "1234567890123456789012345.670";
    let request = Request::post("/workflowapi/createinstance")
        .header("content-type", "application/json")
        .body(Full::from(format!(
            "{{\"schemeCode\": \"Order\", \"Sum\": {digits}, \"Note\": \"x\"}}"
        )))
        .expect("a request");
    let (_, answer) = send(&engine, request);
    let id = answer["data"]["ProcessId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let info = Request::get(format!("/workflowapi/getinstanceinfo/{id}"))
        .body(Full::<Bytes>::default())
        .expect("a request");
    let body = wait(engine.call(info)).into_body().into_bytes();
    let text = std::str::from_utf8(&body).expect("UTF-8");
    assert!(
        text.contains(&format!("\"ProcessParameters\":{{\"Sum\":{digits}}}")),
        "{text}"
    );

    // A form's text is read by the same rules.
    let form = Request::post("/workflowapi/createinstance")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from("schemeCode=Order&Sum=many"))
        .expect("a request");
    assert_eq!(send(&engine, form).1["error"], "ParameterInvalid");
}

#[test]
fn a_domain_failure_is_200_unless_strict() {
    const NOBODY: &str = "0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11";
    let (lenient, _folder) = start(|_| ());
    let (strict, _other) = start(|settings| settings.strict_http_status = true);
    let nobody = |operation: &str| format!("{operation}/{NOBODY}");
    for (path, error, status) in [
        (nobody("getinstanceinfo"), "ProcessNotFound", 404),
        ("getinstanceinfo/7".into(), "ParameterInvalid", 400),
        ("getinstanceinfo".into(), "ParameterMissing", 400),
        (
            "createinstance?schemeCode=Ordr".into(),
            "SchemeNotFound",
            404,
        ),
        ("createinstance".into(), "ParameterMissing", 400),
        ("getscheme/None".into(), "SchemeNotFound", 404),
        ("inbox".into(), "NotSupported", 501),
        (
            nobody("executecommand") + "?command=a&dryRun=true",
            "NotSupported",
            501,
        ),
    ] {
        for (engine, status) in [(&lenient, 200), (&strict, status)] {
            let (got, answer) = get(engine, &path);
            assert_eq!(answer["error"], error, "{path}");
            assert_eq!(got, status, "{path}");
            assert_eq!(answer["success"], false, "{path}");
            assert!(answer.get("data").is_none(), "{path}");
            assert!(
                answer["message"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{path}"
            );
        }
    }
}

#[test]
fn a_conflicting_command_is_409_when_strict() {
    let (engine, _folder) = start(|settings| settings.strict_http_status = true);
    let id = create(&engine, &json!({"schemeCode": "Order"}));
    for (path, error, status) in [
        (
            format!("executecommand/{id}?command=approve"),
            "CommandNotAllowed",
            409,
        ),
        (
            format!("executecommand/{id}?command=fly"),
            "CommandNotFound",
            404,
        ),
        (
            format!("createinstance/{id}?schemeCode=Order"),
            "ProcessAlreadyExists",
            409,
        ),
        (
            format!("getinstanceinfo/{id}?tenantId=other"),
            "TenantMismatch",
            403,
        ),
        (format!("setstate/{id}?state=Gone"), "StateNotFound", 404),
    ] {
        let (got, answer) = get(&engine, &path);
        assert_eq!(
            (answer["error"].as_str(), got.as_u16()),
            (Some(error), status),
            "{path}"
        );
    }
}

#[test]
fn transport_failures_keep_their_status_with_the_envelope() {
    let (engine, _folder) = start(|settings| settings.limits.body = 64);
    let request = |method: &str, path: &str, media_type: &str, body: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", media_type)
            .body(Full::from(body.to_owned()))
            .expect("a request")
    };
    let json = "application/json";
    let large = "x".repeat(65);
    for (request, status, error) in [
        (request("GET", "/", json, ""), 404, "NotFound"),
        (
            request("GET", "/workflowapi/fly", json, ""),
            404,
            "NotFound",
        ),
        (
            request("PUT", "/workflowapi/inbox", json, ""),
            405,
            "MethodNotAllowed",
        ),
        (
            request("OPTIONS", "/workflowapi/inbox", json, ""),
            405,
            "MethodNotAllowed",
        ),
        (
            request("GET", "/workflowapi/deleteinstance", json, ""),
            405,
            "MethodNotAllowed",
        ),
        (
            request("POST", "/workflowapi/inbox", json, "[]"),
            400,
            "BadRequest",
        ),
        (
            request("POST", "/workflowapi/inbox", "image/png", "x"),
            415,
            "UnsupportedMediaType",
        ),
        (
            request("POST", "/workflowapi/inbox", json, &large),
            413,
            "PayloadTooLarge",
        ),
        (
            request("GET", "/workflowapi/inbox?a=%", json, ""),
            400,
            "BadRequest",
        ),
    ] {
        let shown = format!("{request:?}");
        let response = wait(engine.call(request));
        assert_eq!(response.status(), status, "{shown}");
        assert_eq!(
            response.headers().contains_key("allow"),
            status == 405,
            "{shown}"
        );
        let body: Value = serde_json::from_slice(&response.into_body().into_bytes()).expect("JSON");
        assert_eq!(body["error"], error, "{shown}");
        assert_eq!(body["success"], false, "{shown}");
    }
}

#[test]
fn every_operation_of_the_table_is_known() {
    let (engine, _folder) = start(|_| ());
    for operation in &OPERATIONS {
        for name in std::iter::once(&operation.name).chain(operation.aliases) {
            let (status, answer) = match operation.methods {
                Methods::Get => get(&engine, name),
                Methods::GetAndPost | Methods::Post => post(&engine, name, &json!({})),
            };
            assert_eq!(status, 200, "{name}: {answer}");
            assert!(answer["success"].is_boolean(), "{name}: {answer}");
        }
    }
    assert_eq!(engine.counts().panics(), 0);
}

#[test]
fn head_is_a_get_without_the_body() {
    let (engine, _folder) = start(|_| ());
    let call = |method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/workflowapi/getschemelist")
            .body(Full::<Bytes>::default())
            .expect("a request");
        wait(engine.call(request))
    };
    let length = call("GET").into_body().into_bytes().len();
    let head = call("HEAD");
    assert_eq!(head.headers()["content-length"], length.to_string());
    assert!(head.into_body().into_bytes().is_empty());
}

#[test]
fn requests_wait_with_503_until_the_schemes_are_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new(settings(folder.path()));
    let (status, answer) = get(&engine, "getschemelist");
    assert_eq!(status, 503);
    assert_eq!(answer["error"], "Unavailable");
    engine.load().expect("an empty folder");
    assert_eq!(get(&engine, "getschemelist").1["data"], json!([]));
}

#[test]
fn users_can_be_kept_unless_blocked() {
    let (engine, _folder) = start(|_| ());
    let (_, user) = post(
        &engine,
        "createuser",
        &json!({"id": "ann", "name": "Ann", "roles": ["Boss", "Clerk"]}),
    );
    let ann = json!({"Id": "ann", "Name": "Ann", "Login": null, "Roles": ["Boss", "Clerk"]});
    assert_eq!(user["data"], ann);
    assert_eq!(
        post(&engine, "createuser", &json!({"id": "ann", "name": "A"})).1["error"],
        "UserAlreadyExists"
    );
    post(
        &engine,
        "createuser",
        &json!({"id": "bob", "name": "Bob", "roles": "Clerk"}),
    );
    let (_, user) = post(
        &engine,
        "updateuser",
        &json!({"id": "ann", "login": "ann@example"}),
    );
    assert_eq!(user["data"]["Login"], "ann@example");
    assert_eq!(user["data"]["Roles"], json!(["Boss", "Clerk"]));
    assert_eq!(
        get(&engine, "getusers?page=1&pageSize=1").1["data"][0]["Id"],
        "bob"
    );
    assert_eq!(
        post(&engine, "deleteuser/ann", &json!({})).1,
        json!({"success": true})
    );
    assert_eq!(get(&engine, "getuser/ann").1["error"], "UserNotFound");

    let (blocked, _other) = start(|settings| settings.block_user_api = true);
    for (path, is_post) in [
        ("getusers", false),
        ("getuser", false),
        ("createuser", true),
        ("updateuser", true),
        ("deleteuser", true),
    ] {
        let answer = if is_post {
            post(&blocked, path, &json!({}))
        } else {
            get(&blocked, path)
        };
        assert_eq!(answer.1["error"], "UserApiBlocked", "{path}");
    }
}

fn upload(engine: &Engine, code: &str, source: &str) -> Value {
    let request = Request::post(format!("/workflowapi/createorupdatescheme/{code}"))
        .header("content-type", "application/xml")
        .body(Full::from(source.to_owned()))
        .expect("a request");
    send(engine, request).1
}

#[test]
fn an_uploaded_scheme_is_a_new_version_when_it_differs() {
    let (engine, _folder) = start(|_| ());
    let stored = |version: u64| json!({"SchemeCode": "Order", "Version": version, "Errors": []});
    assert_eq!(upload(&engine, "Order", ORDER)["data"], stored(1));
    let changed = ORDER.replace("sample", "changed");
    assert_eq!(upload(&engine, "Order", &changed)["data"], stored(2));
    assert_eq!(get(&engine, "getscheme/Order").1["data"], changed);
    assert_eq!(
        get(&engine, "getschemelist?tags=changed,other").1["data"],
        json!(["Order"])
    );
    assert_eq!(
        get(&engine, "getschemelist?tags=sample").1["data"],
        json!([])
    );
    assert_eq!(upload(&engine, "Other", ORDER)["error"], "ParameterInvalid");

    let broken = upload(
        &engine,
        "Order",
        &ORDER.replace("To=\"Done\"", "To=\"Don\""),
    );
    assert_eq!(broken["error"], "SchemeInvalid");
    let first = &broken["data"]["Errors"][0];
    assert_eq!(first["Line"], 22, "{broken}");
    assert!(
        first["Message"]
            .as_str()
            .is_some_and(|text| text.contains("Don")),
        "{broken}"
    );
    assert!(
        broken["message"]
            .as_str()
            .is_some_and(|text| text.contains("Don")),
        "{broken}"
    );
    assert_eq!(
        get(&engine, "getscheme/Order").1["data"],
        changed,
        "nothing was stored"
    );

    assert_eq!(
        post(&engine, "deletescheme", &json!({"schemeCode": "Order"})).1["data"]["Version"],
        Value::Null
    );
    assert_eq!(
        get(&engine, "createinstance?schemeCode=Order").1["error"],
        "SchemeNotFound"
    );
}

/// Asks for another reading until `reached`; the state decides, not the time.
fn until(engine: &Engine, what: &str, reached: impl Fn(&Engine) -> bool) {
    let start = Instant::now();
    while !reached(engine) {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        engine.reload_schemes();
        std::thread::yield_now();
    }
}

#[test]
fn the_schemes_folder_is_followed() {
    let (engine, folder) = start(|_| ());
    let file = |name: &str| folder.path().join(name);
    let source = |engine: &Engine| get(engine, "getscheme/Order").1["data"].clone();

    std::fs::write(file("broken.xml"), "<Process").expect("a file");
    std::fs::write(file("notes.txt"), "not a scheme").expect("a file");
    until(&engine, "the broken file is counted", |engine| {
        engine.state().schemes_broken == 1
    });
    assert_eq!(engine.state().schemes, 1);

    std::fs::write(file("broken.xml"), ORDER.replace("Order", "Second")).expect("a file");
    until(&engine, "the mended file is loaded", |engine| {
        let state = engine.state();
        (state.schemes, state.schemes_broken) == (2, 0)
    });

    // An upload is newer than an unchanged file, and a changed file newer than that.
    let uploaded = ORDER.replace("sample", "uploaded");
    upload(&engine, "Order", &uploaded);
    std::fs::write(file("third.xml"), ORDER.replace("Order", "Third")).expect("a file");
    until(&engine, "the folder is read again", |engine| {
        engine.state().schemes == 3
    });
    assert_eq!(source(&engine), uploaded);
    let changed = ORDER.replace("sample", "changed");
    std::fs::write(file("order.xml"), &changed).expect("a file");
    until(&engine, "the changed file is in force", |engine| {
        source(engine) == changed
    });

    std::fs::write(file("twin.xml"), ORDER).expect("a file");
    until(
        &engine,
        "the second file of one name is counted",
        |engine| engine.state().schemes_broken == 1,
    );
    std::fs::remove_file(file("twin.xml")).expect("it is there");
    until(&engine, "the second file is forgotten", |engine| {
        engine.state().schemes_broken == 0
    });

    // A content that breaks takes nothing away; a folder that goes neither.
    std::fs::write(file("order.xml"), "<Process Name='Order'/>").expect("a file");
    until(&engine, "the broken content is counted", |engine| {
        engine.state().schemes_broken == 1
    });
    assert_eq!(source(&engine), changed);
    std::fs::remove_dir_all(folder.path()).expect("it is there");
    engine.reload_schemes();
    assert_eq!(source(&engine), changed);
}

#[test]
fn a_call_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new(settings(folder.path()));
    let request = Request::get("/").body(Full::<Bytes>::default());
    is_send(&engine.call(request.expect("a request")));
    is_send(&engine);
}

#[test]
fn a_panic_ends_its_request_only() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = wait(contain::contained(async { panic!("a fault of ours") }));
    std::panic::set_hook(hook);
    assert!(matches!(outcome, Err::<(), _>(contain::Panicked)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_request_gets_an_envelope(
        method in prop_oneof![Just("GET"), Just("POST"), Just("HEAD"), Just("DELETE")],
        place in 0..OPERATIONS.len(),
        tail in "[a-zA-Z0-9%/?&=;+.~_-]{0,30}",
        media_type in prop_oneof![
            Just("application/json"), Just("application/x-www-form-urlencoded"), Just("text/xml"),
            Just("multipart/form-data; boundary=b"), Just("")
        ],
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            "\\{(\"[a-zA-Z]{1,8}\":[\"0-9a-z\\[\\]{}]{0,8},?){0,3}\\}".prop_map(String::into_bytes),
        ],
    ) {
        let (engine, _folder) = start(|_| ());
        let name = OPERATIONS[place].name;
        let Ok(request) = Request::builder()
            .method(method)
            .uri(format!("/workflowapi/{name}{tail}"))
            .header("content-type", media_type)
            .body(Full::from(body))
        else {
            return Ok(());
        };
        let response = wait(engine.call(request));
        prop_assert!(response.status().as_u16() < 500, "{response:?}");
        let status = response.status();
        let body = response.into_body().into_bytes();
        if method != "HEAD" {
            let answer: Value = serde_json::from_slice(&body).expect("JSON");
            let success = answer["success"].as_bool().expect("a Boolean");
            prop_assert!(!success || status == 200);
            prop_assert_eq!(!success, answer.get("error").is_some());
        }
        prop_assert_eq!(engine.counts().panics(), 0);
    }
}
