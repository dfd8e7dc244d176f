//! Every form in which an operation may be asked for, and what is no such form.

use http::Method;
use serde_json::{Value, json};
use tests::api::{Api, envelope};
use tests::client::Answer;
use uuid::Uuid;

use crate::both::both;

#[tokio::test]
async fn an_operation_is_named_in_the_path_or_in_the_query() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        for rest in [
            format!("/getinstanceinfo/{id}"),
            format!("/getinstanceinfo?processId={id}"),
            format!("?operation=getinstanceinfo&processId={id}"),
            format!("?OPERATION=GetInstanceInfo&PROCESSID={id}"),
            format!("/GetInstanceInfo/{id}"),
            format!("/GETINSTANCEINFO?processid={id}"),
        ] {
            for answer in [
                api.get(&rest).send().await,
                api.post(&rest).send().await,
                api.post(&rest).json(&json!({})).send().await,
            ] {
                let info = envelope(&answer.expect(200));
                assert_eq!(info["data"]["Id"], id, "{rest}: {info}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn aliases_are_the_same_operation() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        for name in [
            "isexistprocess",
            "isprocessexists",
            "isprocessexist",
            "IsExistProcess",
        ] {
            let there = api.succeed(&format!("/{name}/{id}"), &json!({})).await;
            assert_eq!(there, true, "{name}");
            let absent = format!("/{name}/{}", Uuid::new_v4());
            assert_eq!(api.succeed(&absent, &json!({})).await, false, "{name}");
        }
        for name in ["getavailablestatetoset", "getavailablestatestoset"] {
            let states = api.succeed(&format!("/{name}/{id}"), &json!({})).await;
            assert_eq!(states.as_array().map(Vec::len), Some(3), "{name}: {states}");
        }
    })
    .await;
}

#[tokio::test]
async fn parameters_come_from_query_form_multipart_or_json() {
    both(async |api| {
        let json_type = "application/json; charset=utf-8";
        let scheme = r#"{"schemeCode":"TestScheme"}"#;
        let multipart = "--b\r\nContent-Disposition: form-data; name=\"schemeCode\"\r\n\r\nTestScheme\r\n--b--\r\n";
        let multipart_type = "multipart/form-data; boundary=b";
        let id = || Uuid::new_v4();
        let path = |id: Uuid| format!("/createinstance/{id}");
        let calls = [
            api.get(&format!("/createinstance/{}?schemeCode=TestScheme", id())),
            api.post(&format!("/createinstance/{}?schemeCode=TestScheme", id())),
            api.post(&format!("/createinstance?schemeCode=TestScheme&processId={}", id())),
            api.post(&path(id())).form(&[("schemeCode", "TestScheme")]),
            api.post(&path(id())).form(&[("SCHEMECODE", "TestScheme")]),
            api.post(&path(id())).body(multipart_type, multipart),
            api.post(&path(id())).body(json_type, scheme),
            api.post(&path(id())).body("application/json", scheme),
            api.post("/createinstance").json(&json!({ "processId": id().to_string(), "schemeCode": "TestScheme" })),
        ];
        for (turn, call) in calls.into_iter().enumerate() {
            let created = envelope(&call.send().await.expect(200));
            assert_eq!(created["success"], true, "{turn}: {created}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_path_wins_over_the_body_and_the_query_too() {
    both(async |api| {
        let (path, body) = (Uuid::new_v4(), Uuid::new_v4());
        let parameters = json!({ "processId": body.to_string(), "schemeCode": "TestScheme" });
        let answer = api
            .post(&format!("/createinstance/{path}"))
            .json(&parameters)
            .send()
            .await;
        let created = envelope(&answer.expect(200));
        assert_eq!(created["data"]["ProcessId"], path.to_string());
        assert!(!exists(api, body).await);
        assert!(exists(api, path).await);
    })
    .await;
}

async fn exists(api: &Api, id: Uuid) -> bool {
    let there = api
        .succeed(&format!("/isexistprocess/{id}"), &json!({}))
        .await;
    there.as_bool().expect("a Boolean")
}

#[tokio::test]
async fn a_process_id_is_a_uuid_in_any_dotnet_form() {
    both(async |api| {
        let id = Uuid::new_v4();
        let (hyphenated, simple) = (id.hyphenated(), id.simple());
        api.succeed(
            &format!("/createinstance/{id}"),
            &json!({ "schemeCode": "TestScheme" }),
        )
        .await;
        for form in [
            hyphenated.to_string(),
            hyphenated.to_string().to_uppercase(),
            simple.to_string(),
            format!("{{{hyphenated}}}"),
            format!("({hyphenated})"),
        ] {
            let body = json!({ "processId": form });
            let info = api.succeed("/getinstanceinfo", &body).await;
            assert_eq!(info["Id"], hyphenated.to_string(), "{form}");
        }
        for form in [
            "",
            "x",
            "0",
            "{0}",
            "5a1b7a5e-52a8-4fd3-8a3a-7e3b4f0c2d1",
            "(5a1b7a5e-52a8-4fd3-8a3a-7e3b4f0c2d11}",
        ] {
            let error = api
                .fail("/getinstanceinfo", &json!({ "processId": form }))
                .await;
            let want = if form.is_empty() {
                "ParameterMissing"
            } else {
                "ParameterInvalid"
            };
            assert_eq!(error, want, "{form:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_instance_without_an_id_gets_one_and_tells_it() {
    both(async |api| {
        let body = json!({ "schemeCode": "TestScheme" });
        let created = api.succeed("/createinstance", &body).await;
        let id = created["ProcessId"].as_str().expect("an id");
        let uuid = id.parse::<Uuid>().expect("a UUID");
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(api.info(id).await["StateName"], "Draft");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_status_in_the_envelope() {
    both(async |api| {
        let deep = format!("{}1{}", "{\"a\":".repeat(129), "}".repeat(129));
        let post = |media_type: &str, body: &str| {
            let call = api
                .post("/createinstance")
                .body(media_type, body.to_owned());
            call.send()
        };
        let form = "application/x-www-form-urlencoded";
        let cases: [(&str, Answer, u16); 14] = [
            ("broken JSON", post("application/json", "{").await, 400),
            (
                "half a string",
                post("application/json", "{\"a\":\"").await,
                400,
            ),
            ("a list", post("application/json", "[]").await, 400),
            ("a string", post("application/json", "\"a\"").await, 400),
            ("null", post("application/json", "null").await, 400),
            ("two objects", post("application/json", "{}{}").await, 400),
            ("too deep", post("application/json", &deep).await, 400),
            ("a broken form", post(form, "a=%zz").await, 400),
            ("a form that is not UTF-8", post(form, "a=%ff").await, 400),
            (
                "a multipart without boundary",
                post("multipart/form-data", "x").await,
                400,
            ),
            (
                "half a multipart",
                post(
                    "multipart/form-data; boundary=b",
                    "--b\r\nContent-Disposition",
                )
                .await,
                400,
            ),
            (
                "text",
                post("text/plain", "schemeCode=TestScheme").await,
                415,
            ),
            ("an image", post("image/png", "x").await, 415),
            (
                "XML where none is taken",
                post("application/xml", "<a/>").await,
                415,
            ),
        ];
        for (name, answer, status) in cases {
            assert_eq!(answer.status, status, "{name}: {}", answer.text());
            assert_eq!(envelope(&answer)["success"], false, "{name}");
        }
        let broken = api
            .post("/createinstance")
            .body("application/json", vec![b'{', 0xff, b'}']);
        assert_eq!(broken.send().await.status, 400, "JSON that is not UTF-8");
    })
    .await;
}

#[tokio::test]
async fn an_operation_that_is_none_is_not_found() {
    both(async |api| {
        for rest in ["/nosuchoperation", "?operation=nosuchoperation", ""] {
            let answer = api.get(rest).send().await.expect(404);
            assert_eq!(envelope(&answer)["success"], false, "{rest}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_sidecar_refuses_an_empty_segment_in_the_envelope() {
    let sidecar = tests::server::Setup::new().sidecar().await;
    let api = sidecar.api().await;
    let id = api.create("TestScheme", &json!({})).await;
    for rest in [
        format!("/getinstanceinfo/?processId={id}"),
        format!("//getinstanceinfo/{id}"),
        format!("/getinstanceinfo//{id}"),
    ] {
        let answer = api.get(&rest).send().await.expect(400);
        assert_eq!(envelope(&answer)["success"], false, "{rest}");
    }
}

#[tokio::test]
async fn what_changes_something_without_parameters_of_the_process_takes_post_alone() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        for operation in [
            "deleteinstance",
            "deleteinstances",
            "inboxrecalc",
            "loginfo",
            "createorupdatescheme",
            "deletescheme",
            "createuser",
            "starttimers",
            "stoptimers",
            "bulkcreateinstance",
            "terminateinstance",
        ] {
            let answer = api
                .get(&format!("/{operation}?processId={id}"))
                .send()
                .await;
            let answer = answer.expect(405);
            assert_eq!(answer.header("allow"), "POST", "{operation}");
            assert_eq!(envelope(&answer)["success"], false, "{operation}");
        }
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let path = format!("/workflowapi/getinstanceinfo/{id}");
            let call = api.client.call(method.clone(), &path);
            let call = match &api.token {
                Some(token) => call.bearer(token),
                None => call,
            };
            let answer = call.send().await.expect(405);
            let allow = answer.header("allow").to_owned();
            assert!(
                allow.contains("GET") && allow.contains("POST"),
                "{method}: {allow}"
            );
        }
        assert_eq!(api.info(&id).await["StateName"], "Draft");
    })
    .await;
}

#[tokio::test]
async fn the_engine_has_a_bound_on_bodies_of_its_own() {
    let engine = tests::server::Setup::new().engine().await;
    let api = engine.api();
    let large = json!({ "schemeCode": "TestScheme", "x": "x".repeat(17 << 20) });
    let answered = api.post("/createinstance").json(&large).try_send().await;
    // It may close while the client is still writing.
    if let Ok(answer) = answered {
        assert_eq!(answer.status, 413);
    }
    let small: Value = json!({ "schemeCode": "TestScheme" });
    api.succeed("/createinstance", &small).await;
}
