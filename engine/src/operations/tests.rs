//! Every form of a request, and what each fault is called.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::Full;
use proptest::prelude::*;
use workflow_api::ErrorName;

use super::*;

const ID: &str = "0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=x";

/// Runs a future to its end.
fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// What `take` gets out of a request.
fn gather<T>(
    request: Request<Full<Bytes>>,
    take: impl FnOnce(&mut Arguments<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    wait(async {
        let (parts, body) = request.into_parts();
        let target = Target::of(&parts.uri)?;
        let body = read(body, 1 << 20).await?;
        let mut arguments = Arguments::of(target, &parts, &body).await?;
        take(&mut arguments)
    })
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    let uri = uri.replace("{id}", ID);
    Request::get(uri).body(Full::default()).expect("a request")
}

fn post(uri: &str, media_type: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post(uri.replace("{id}", ID))
        .header("content-type", media_type)
        .body(Full::from(body.replace("{id}", ID)))
        .expect("a request")
}

/// A multipart body of text fields.
fn multipart(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str("--x\r\nContent-Disposition: form-data; name=\"");
        body.push_str(name);
        body.push_str("\"\r\n\r\n");
        body.push_str(value);
        body.push_str("\r\n");
    }
    body.push_str("--x--\r\n");
    body
}

#[test]
fn every_form_of_a_request_gives_the_same_parameters() {
    for request in [
        get("/workflowapi/getavailablecommands/{id}?identityId=ann"),
        get("/WorkflowApi/GetAvailableCommands/{id}/?IDENTITYID=ann"),
        get("/workflowapi/getavailablecommands?processid={id}&identityid=ann&_=1"),
        get("/workflowapi?operation=getavailablecommands&processId={id}&identityId=ann"),
        get("/workflowapi/getavailablecommands/{id}?identityId=%61nn&identityId=ann"),
        post(
            "/workflowapi/getavailablecommands",
            FORM,
            "processId={id}&identityId=ann",
        ),
        post(
            "/workflowapi/getavailablecommands/{id}?identityId=ann",
            FORM,
            "",
        ),
        post(
            "/workflowapi/getavailablecommands/{id}",
            JSON,
            r#"{"identityid": "ann"}"#,
        ),
        post(
            "/workflowapi/getavailablecommands",
            "Application/JSON; charset=\"UTF-8\"",
            r#"{"ProcessId": "{id}", "identityId": "\u0061nn", "tenantId": null, "other": 1}"#,
        ),
        post(
            "/workflowapi/getavailablecommands",
            MULTIPART,
            &multipart(&[("processId", ID), ("identityId", "ann")]),
        ),
        // The path wins over the query, the query over the body.
        get("/workflowapi/getavailablecommands/{id}?processId=nonsense&identityId=ann"),
        post(
            "/workflowapi/getavailablecommands?processId={id}&identityId=ann",
            JSON,
            r#"{"processId": 7, "identityId": "bob"}"#,
        ),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, |arguments| {
            Ok((
                arguments
                    .required("processId", Arguments::uuid)?
                    .to_string(),
                arguments
                    .text("identityId")?
                    .map(std::borrow::Cow::into_owned),
                arguments
                    .text("tenantId")?
                    .map(std::borrow::Cow::into_owned),
            ))
        });
        let want = (ID.to_owned(), Some("ann".to_owned()), None);
        assert_eq!(got.expect("a good request"), want, "{shown}");
    }
}

#[test]
fn other_keys_of_the_body_are_process_parameters() {
    let multi = multipart(&[("command", "go"), ("Sum", "1.50"), ("sum", "2")]);
    for (request, want) in [
        (
            post(
                "/workflowapi/executecommand/{id}?command=go&Sum=9",
                JSON,
                r#"{"Sum": 1.50, "sum": "2", "Tree": {"a": [1]}, "IdentityId": "x", "persist": "Sum"}"#,
            ),
            vec![("Sum", "1.50"), ("sum", "\"2\""), ("Tree", r#"{"a": [1]}"#)],
        ),
        (
            post(
                "/workflowapi/executecommand/{id}",
                FORM,
                "command=go&Sum=1.50&sum=&a+b=%2B",
            ),
            vec![("Sum", "1.50"), ("sum", ""), ("a b", "+")],
        ),
        (
            post("/workflowapi/executecommand/{id}", MULTIPART, &multi),
            vec![("Sum", "1.50"), ("sum", "2")],
        ),
        (
            get("/workflowapi/executecommand/{id}?command=go&Sum=1"),
            vec![],
        ),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, |arguments| {
            Ok(arguments
                .take_process_parameters()
                .into_iter()
                .map(|(name, given)| {
                    let value = match given {
                        Given::Text(text) => text.into_owned(),
                        Given::Json(raw) => raw.get().to_owned(),
                        Given::Texts(_) => panic!("not for process parameters"),
                    };
                    (name.into_owned(), value)
                })
                .collect::<Vec<_>>())
        });
        let want: Vec<_> = want
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(got.expect("a good request"), want, "{shown}");
    }
}

#[test]
fn lists_come_as_arrays_as_one_text_or_repeated() {
    for (request, want) in [
        (
            post(
                "/workflowapi/deleteinstances",
                JSON,
                r#"{"processids": ["{id}", "({id})"]}"#,
            ),
            Some(2),
        ),
        (
            post(
                "/workflowapi/deleteinstances",
                JSON,
                r#"{"processids": "{id}"}"#,
            ),
            Some(1),
        ),
        (
            post(
                "/workflowapi/deleteinstances",
                JSON,
                r#"{"processids": []}"#,
            ),
            Some(0),
        ),
        (
            post(
                "/workflowapi/deleteinstances",
                JSON,
                r#"{"processids": null}"#,
            ),
            None,
        ),
        (
            post(
                "/workflowapi/deleteinstances",
                FORM,
                "processIds={id}&processIds={id},%20{id},",
            ),
            Some(3),
        ),
        (
            post(
                "/workflowapi/deleteinstances?processIds={id}",
                FORM,
                "processIds=x",
            ),
            Some(1),
        ),
        (
            post("/workflowapi/deleteinstances", FORM, "processIds="),
            None,
        ),
        (post("/workflowapi/deleteinstances", FORM, ""), None),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, |arguments| arguments.uuids("processIds"));
        assert_eq!(
            got.expect("a good request").map(|ids| ids.len()),
            want,
            "{shown}"
        );
    }
}

#[test]
fn an_xml_body_is_the_scheme() {
    for request in [
        post(
            "/workflowapi/createorupdatescheme/A",
            "text/xml",
            "<Process/>",
        ),
        post(
            "/workflowapi/createorupdatescheme?schemeCode=A",
            "application/xml",
            "<Process/>",
        ),
        post(
            "/workflowapi/createorupdatescheme",
            JSON,
            r#"{"schemeCode": "A", "scheme": "<Process\u002f>"}"#,
        ),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, |arguments| {
            let code = arguments
                .required("schemeCode", Arguments::text)?
                .into_owned();
            Ok((
                code,
                arguments.required("scheme", Arguments::text)?.into_owned(),
            ))
        });
        let want = ("A".to_owned(), "<Process/>".to_owned());
        assert_eq!(got.expect("a good request"), want, "{shown}");
    }
}

#[test]
fn what_cannot_be_read_is_a_transport_failure() {
    use ErrorName::{BadRequest, ParameterInvalid, UnsupportedMediaType};
    const URI: &str = "/workflowapi/executecommand/{id}";
    let broken_utf8 = Request::post(URI.replace("{id}", ID))
        .header("content-type", JSON)
        .body(Full::from(&b"{\"a\": \"\xff\"}"[..]))
        .expect("a request");
    let two_types = Request::post(URI.replace("{id}", ID))
        .header("content-type", JSON)
        .header("content-type", FORM)
        .body(Full::from("{}"))
        .expect("a request");
    let no_type = Request::post(URI.replace("{id}", ID))
        .body(Full::from("{}"))
        .expect("a request");
    let zipped = Request::post(URI.replace("{id}", ID))
        .header("content-type", JSON)
        .header("content-encoding", "gzip")
        .body(Full::from("{}"))
        .expect("a request");
    let get_with_body = Request::get(URI.replace("{id}", ID))
        .header("content-type", JSON)
        .body(Full::from("{}"))
        .expect("a request");
    for (request, want) in [
        (get("/workflowapi/getinstanceinfo?processId=%"), BadRequest),
        (get("/workflowapi/getinstanceinfo?x=%ff"), BadRequest),
        (post(URI, FORM, "a=%zz"), BadRequest),
        (post(URI, JSON, ""), ErrorName::ParameterMissing),
        (post(URI, JSON, "[]"), BadRequest),
        (post(URI, JSON, "{"), BadRequest),
        (post(URI, JSON, r#"{"a": 1, "a": 1}"#), BadRequest),
        (
            post(URI, JSON, r#"{"command": "a", "Command": "a"}"#),
            BadRequest,
        ),
        (
            post(
                URI,
                JSON,
                &format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128)),
            ),
            BadRequest,
        ),
        (post(URI, "multipart/form-data", "--x"), BadRequest),
        (post(URI, MULTIPART, "--y\r\n"), BadRequest),
        (
            post(
                URI,
                MULTIPART,
                "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1",
            ),
            BadRequest,
        ),
        (
            post(
                URI,
                MULTIPART,
                "--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
            ),
            BadRequest,
        ),
        (broken_utf8, BadRequest),
        (get_with_body, BadRequest),
        (post(URI, "text/plain", "{}"), UnsupportedMediaType),
        (
            post(URI, "application/json; charset=utf-16", "{}"),
            UnsupportedMediaType,
        ),
        (
            post(URI, "application/xml", "<Process/>"),
            UnsupportedMediaType,
        ),
        (two_types, UnsupportedMediaType),
        (no_type, UnsupportedMediaType),
        (zipped, UnsupportedMediaType),
        (post(URI, FORM, "a=1&a=1"), ParameterInvalid),
        (post(URI, FORM, "command=a&command=b"), ParameterInvalid),
        (
            get("/workflowapi/getinstanceinfo?tenantId=a&tenantid=b"),
            ParameterInvalid,
        ),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, |arguments| {
            arguments.required("command", Arguments::text).map(|_| ())
        });
        let got = got.expect_err(&shown).name();
        assert_eq!(got, want, "{shown}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of all kinds")]
fn a_value_that_does_not_fit_is_named() {
    type Take = fn(&mut Arguments<'_>) -> Result<(), Refusal>;
    let uuid: Take = |arguments| arguments.required("processId", Arguments::uuid).map(|_| ());
    let dry: Take = |arguments| arguments.boolean("dryRun").map(|_| ());
    let command: Take = |arguments| arguments.required("command", Arguments::text).map(|_| ());
    let persist: Take = |arguments| arguments.texts("persist").map(|_| ());
    let page: Take = |arguments| arguments.integer("page").map(|_| ());
    for (request, take, want) in [
        (
            get("/workflowapi/getinstanceinfo/7"),
            uuid,
            Err(
                "ParameterInvalid: parameter `processId` is not a UUID such as 0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11",
            ),
        ),
        (
            get("/workflowapi/getinstanceinfo"),
            uuid,
            Err("ParameterMissing: parameter `processId` is missing: The process instance."),
        ),
        (
            get("/workflowapi/getinstanceinfo?processId="),
            uuid,
            Err("ParameterMissing: parameter `processId` is missing: The process instance."),
        ),
        (get("/workflowapi/getinstanceinfo/%7B{id}%7D"), uuid, Ok(())),
        (
            post("/workflowapi/getinstanceinfo", JSON, r#"{"processId": 7}"#),
            uuid,
            Err(
                "ParameterInvalid: parameter `processId` is not a UUID such as 0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11",
            ),
        ),
        (
            post("/workflowapi/executecommand", JSON, r#"{"command": 7}"#),
            command,
            Err("ParameterInvalid: parameter `command` is not a text; send a JSON string"),
        ),
        (
            post("/workflowapi/executecommand", FORM, r#"{"command": "a"}"#),
            command,
            Err(
                "ParameterMissing: parameter `command` is missing: The command's name. The body looks like JSON; send it with Content-Type: application/json.",
            ),
        ),
        (
            post("/workflowapi/executecommand", JSON, r#"{"dryRun": true}"#),
            dry,
            Ok(()),
        ),
        (
            post(
                "/workflowapi/executecommand",
                JSON,
                r#"{"dryRun": "FALSE"}"#,
            ),
            dry,
            Ok(()),
        ),
        (
            post("/workflowapi/executecommand", JSON, r#"{"dryRun": 1}"#),
            dry,
            Err("ParameterInvalid: parameter `dryRun` is not a Boolean; send true or false"),
        ),
        (
            post("/workflowapi/executecommand", JSON, r#"{"dryRun": [true]}"#),
            dry,
            Err("ParameterInvalid: parameter `dryRun` is not a Boolean; send true or false"),
        ),
        (
            post(
                "/workflowapi/executecommand",
                JSON,
                r#"{"persist": ["a", 1]}"#,
            ),
            persist,
            Err(
                "ParameterInvalid: parameter `persist` is not a list of texts; send a JSON array of strings, or one text separated by commas",
            ),
        ),
        (get("/workflowapi/inbox?page=12"), page, Ok(())),
        (
            get("/workflowapi/inbox?page=-1"),
            page,
            Err(
                "ParameterInvalid: parameter `page` is not a whole number from 0 to 9007199254740991",
            ),
        ),
        (
            get("/workflowapi/inbox?page=9007199254740992"),
            page,
            Err(
                "ParameterInvalid: parameter `page` is not a whole number from 0 to 9007199254740991",
            ),
        ),
        (
            post("/workflowapi/inbox", JSON, r#"{"page": 1.0}"#),
            page,
            Err(
                "ParameterInvalid: parameter `page` is not a whole number from 0 to 9007199254740991",
            ),
        ),
        (
            post("/workflowapi/inbox", JSON, r#"{"page": 3}"#),
            page,
            Ok(()),
        ),
    ] {
        let shown = format!("{request:?}");
        let got = gather(request, take).map_err(|refusal| format!("{}: {refusal}", refusal.name()));
        assert_eq!(got, want.map_err(str::to_owned), "{shown}");
    }
}

#[test]
fn a_body_beyond_the_limit_is_refused_as_soon_as_that_is_known() {
    let declared = Full::<Bytes>::from("12345");
    assert!(matches!(
        wait(read(declared, 4)),
        Err(Refusal::TooLarge { limit: 4 })
    ));

    // Without a length: after the frame that goes beyond it, whatever would follow.
    let endless = Frames(vec![Ok("abc"), Ok("abc"), Err("read on after the limit")]);
    assert!(matches!(
        wait(read(endless, 5)),
        Err(Refusal::TooLarge { limit: 5 })
    ));
    let fitting = Frames(vec![Ok("ab"), Ok("cd"), Ok("ef")]);
    assert_eq!(wait(read(fitting, 6)).expect("six bytes"), "abcdef");
    let broken = Frames(vec![Ok("ab"), Err("reset")]);
    assert!(matches!(
        wait(read(broken, 6)),
        Err(Refusal::Unreadable(refusal::Unreadable::BrokenBody))
    ));
}

/// A body of unknown length.
struct Frames(Vec<Result<&'static str, &'static str>>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready((!self.0.is_empty()).then(|| {
            self.0
                .remove(0)
                .map(|text| Frame::data(Bytes::from_static(text.as_bytes())))
        }))
    }
}

/// Where a property puts its pairs.
#[derive(Clone, Copy, Debug)]
enum Place {
    Query,
    Form,
    Json,
    Multipart,
}

proptest! {
    #[test]
    fn what_is_encoded_in_any_form_is_decoded(
        state in "[^\r\n]{1,12}",
        place in prop_oneof![
            Just(Place::Query), Just(Place::Form), Just(Place::Json), Just(Place::Multipart)
        ],
    ) {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("STATE", &state)
            .finish();
        let uri = "/workflowapi/setstate/{id}";
        let request = match place {
            Place::Query => get(&format!("{uri}?{form}")),
            Place::Form => post(uri, FORM, &form),
            Place::Json => {
                let name = serde_json::to_string(&state).expect("JSON");
                post(uri, JSON, &format!("{{\"State\": {name}}}"))
            }
            Place::Multipart => post(uri, MULTIPART, &multipart(&[("state", &state)])),
        };
        let got = gather(request, |arguments| {
            Ok(arguments.required("state", Arguments::text)?.into_owned())
        });
        prop_assert_eq!(got.expect("a good request"), state);
    }

    #[test]
    fn any_request_is_judged_without_a_panic(
        query in "[a-zA-Z%=&+;0-9]{0,40}",
        body in proptest::collection::vec(any::<u8>(), 0..80),
        media_type in prop_oneof![
            Just(JSON), Just(FORM), Just(MULTIPART), Just("text/xml"), Just("multipart/form-data; boundary=")
        ],
        operation in 0..workflow_api::OPERATIONS.len(),
    ) {
        let name = workflow_api::OPERATIONS[operation].name;
        let Ok(request) = Request::post(format!("/workflowapi/{name}?{query}"))
            .header("content-type", media_type)
            .body(Full::from(body))
        else {
            return Ok(());
        };
        let _ = gather(request, |arguments| {
            for parameter in arguments.operation().parameters {
                let _ = arguments.text(parameter.name);
            }
            Ok(arguments.take_process_parameters().len())
        });
    }
}
