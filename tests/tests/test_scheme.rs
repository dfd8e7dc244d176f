//! The shortest sample scheme, from its first activity to its end.

use serde_json::{Value, json};
use tests::api::Api;
use tests::server::Setup;
use uuid::Uuid;

use crate::both::both;

#[tokio::test]
async fn a_process_goes_its_way_to_the_end() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        let info = api.info(&id).await;
        is(
            &info,
            &[
                ("Id", json!(id)),
                ("RootProcessId", json!(id)),
                ("ParentProcessId", Value::Null),
                ("SchemeCode", json!("TestScheme")),
                ("StateName", json!("Draft")),
                ("ActivityName", json!("Draft")),
                ("PreviousState", Value::Null),
                ("InstanceStatus", json!(2)),
                ("Transitions", json!([])),
            ],
        );
        assert!(
            info["SchemeId"]
                .as_str()
                .is_some_and(|id| id.parse::<Uuid>().is_ok())
        );
        assert_eq!(api.commands(&id, &json!({})).await, ["submit"]);

        let review = api.execute(&id, "submit", &json!({})).await;
        is(
            &review,
            &[
                ("StateName", json!("Review")),
                ("PreviousState", json!("Draft")),
                ("PreviousStateForDirect", json!("Draft")),
                ("PreviousStateForReverse", Value::Null),
            ],
        );
        let mut commands = api.commands(&id, &json!({})).await;
        commands.sort();
        assert_eq!(commands, ["approve", "return"]);

        let draft = api.execute(&id, "return", &json!({})).await;
        is(
            &draft,
            &[
                ("StateName", json!("Draft")),
                ("PreviousState", json!("Review")),
                ("PreviousStateForReverse", json!("Review")),
            ],
        );
        api.execute(&id, "submit", &json!({ "identityId": "ann" }))
            .await;
        let done = api
            .execute(&id, "approve", &json!({ "identityId": "bob" }))
            .await;
        assert_eq!(done["StateName"], "Done");

        let info = api.info(&id).await;
        assert_eq!(info["InstanceStatus"], 3, "Finalized");
        assert!(api.commands(&id, &json!({})).await.is_empty());
        let transitions = info["Transitions"].as_array().expect("a list");
        let steps = transitions.iter().map(|step| {
            (
                step["TriggerName"].as_str(),
                step["TransitionClassifier"].as_str(),
            )
        });
        assert_eq!(
            steps.collect::<Vec<_>>(),
            [
                (Some("submit"), Some("Direct")),
                (Some("return"), Some("Reverse")),
                (Some("submit"), Some("Direct")),
                (Some("approve"), Some("Direct")),
            ]
        );
        is(
            &transitions[3],
            &[
                ("ProcessId", json!(id)),
                ("ExecutorIdentityId", json!("bob")),
                ("ActorIdentityId", json!("bob")),
                ("FromStateName", json!("Review")),
                ("FromActivityName", json!("Review")),
                ("ToStateName", json!("Done")),
                ("ToActivityName", json!("Done")),
                ("IsFinalised", json!(true)),
            ],
        );
        let time = transitions[3]["TransitionTime"].as_str().expect("a time");
        assert!(time.contains('T') && time.ends_with('Z'), "{time}");
    })
    .await;
}

/// Members of an object, each compared by name.
#[track_caller]
fn is(object: &Value, members: &[(&str, Value)]) {
    for (name, value) in members {
        assert!(object.get(name).is_some(), "{name} is absent in {object}");
        assert_eq!(&object[name], value, "{name} in {object}");
    }
}

#[tokio::test]
async fn impersonation_is_recorded_with_both_names() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        let who = json!({ "identityId": "deputy", "impersonatedIdentityId": "boss" });
        api.execute(&id, "submit", &who).await;
        let transition = &api.info(&id).await["Transitions"][0];
        assert_eq!(transition["ExecutorIdentityId"], "deputy");
        assert_eq!(transition["ActorIdentityId"], "boss");
    })
    .await;
}

#[tokio::test]
async fn commands_are_described_in_the_language_asked_for() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        let commands = async |culture: &str| {
            let body = json!({ "culture": culture });
            api.succeed(&format!("/getavailablecommands/{id}"), &body)
                .await
        };
        for (culture, name) in [
            ("de-DE", "Zur Prüfung geben"),
            ("en-US", "Send to review"),
            ("fr-FR", "Send to review"),
            ("", "Send to review"),
        ] {
            let command = &commands(culture).await[0];
            is(
                command,
                &[
                    ("CommandName", json!("submit")),
                    ("LocalizedName", json!(name)),
                    ("Classifier", json!("Direct")),
                    ("IsForSubprocess", json!(false)),
                    ("ValidForActivityName", json!("Draft")),
                    ("ValidForStateName", json!("Draft")),
                    ("ProcessId", json!(id)),
                ],
            );
            assert!(command["Identities"].is_array());
            is(
                &command["Parameters"][0],
                &[
                    ("ParameterName", json!("Comment")),
                    ("IsRequired", json!(false)),
                ],
            );
        }
        let states = async |culture: &str| {
            let body = json!({ "culture": culture });
            let rest = format!("/getavailablestatetoset/{id}");
            let states = api.succeed(&rest, &body).await;
            let states = states.as_array().expect("a list").clone();
            states
                .into_iter()
                .find(|state| state["Name"] == "Review")
                .expect("Review")
        };
        assert_eq!(states("de-DE").await["VisibleName"], "In Prüfung");
        assert_eq!(states("").await["VisibleName"], "In review");
        assert_eq!(states("").await["SchemeCode"], "TestScheme");

        let named = json!({ "commandName": "approve" });
        assert!(api.commands(&id, &named).await.is_empty());
        let named = json!({ "commandName": "submit" });
        assert_eq!(api.commands(&id, &named).await, ["submit"]);
    })
    .await;
}

#[tokio::test]
async fn each_failure_has_its_name_and_changes_nothing() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        let nobody = Uuid::new_v4();
        let before = api.info(&id).await;
        let cases = [
            (
                format!("/executecommand/{id}"),
                json!({ "command": "approve" }),
                "CommandNotAllowed",
            ),
            (
                format!("/executecommand/{id}"),
                json!({ "command": "nonsense" }),
                "CommandNotFound",
            ),
            (
                format!("/executecommand/{id}"),
                json!({ "command": "Submit" }),
                "CommandNotFound",
            ),
            (
                format!("/executecommand/{id}"),
                json!({}),
                "ParameterMissing",
            ),
            (
                format!("/executecommand/{id}"),
                json!({ "command": "" }),
                "ParameterMissing",
            ),
            (
                format!("/executecommand/{nobody}"),
                json!({ "command": "submit" }),
                "ProcessNotFound",
            ),
            (
                "/executecommand/x".to_owned(),
                json!({ "command": "submit" }),
                "ParameterInvalid",
            ),
            (
                "/executecommand".to_owned(),
                json!({ "command": "submit" }),
                "ParameterMissing",
            ),
            (
                format!("/setstate/{id}"),
                json!({ "state": "Nowhere" }),
                "StateNotFound",
            ),
            (format!("/setstate/{id}"), json!({}), "ParameterMissing"),
            (
                format!("/setstate/{nobody}"),
                json!({ "state": "Done" }),
                "ProcessNotFound",
            ),
            (
                format!("/getinstanceinfo/{nobody}"),
                json!({}),
                "ProcessNotFound",
            ),
            ("/getinstanceinfo".to_owned(), json!({}), "ParameterMissing"),
            (
                format!("/getavailablecommands/{nobody}"),
                json!({}),
                "ProcessNotFound",
            ),
            (
                format!("/getavailablestatetoset/{nobody}"),
                json!({}),
                "ProcessNotFound",
            ),
            (
                format!("/deleteinstance/{nobody}"),
                json!({}),
                "ProcessNotFound",
            ),
            (
                format!("/createinstance/{id}"),
                json!({ "schemeCode": "TestScheme" }),
                "ProcessAlreadyExists",
            ),
            (
                format!("/createinstance/{nobody}"),
                json!({ "schemeCode": "NoScheme" }),
                "SchemeNotFound",
            ),
            (
                format!("/createinstance/{nobody}"),
                json!({ "schemeCode": "testscheme" }),
                "SchemeNotFound",
            ),
            (
                format!("/createinstance/{nobody}"),
                json!({}),
                "ParameterMissing",
            ),
            (
                "/createinstance/x".to_owned(),
                json!({ "schemeCode": "TestScheme" }),
                "ParameterInvalid",
            ),
            (
                "/getscheme".to_owned(),
                json!({ "schemeCode": "NoScheme" }),
                "SchemeNotFound",
            ),
            ("/getscheme".to_owned(), json!({}), "ParameterMissing"),
        ];
        for (rest, body, error) in cases {
            assert_eq!(api.fail(&rest, &body).await, error, "{rest} {body}");
        }
        assert_eq!(api.info(&id).await, before);
        let there = api
            .succeed(&format!("/isexistprocess/{nobody}"), &json!({}))
            .await;
        assert_eq!(there, false);
    })
    .await;
}

#[tokio::test]
async fn a_state_is_set_whatever_the_transitions_say() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        for (state, status) in [("Done", 3), ("Draft", 2), ("Review", 2)] {
            let body = json!({ "state": state, "identityId": "ann" });
            api.succeed(&format!("/setstate/{id}"), &body).await;
            let info = api.info(&id).await;
            assert_eq!(info["StateName"], state);
            assert_eq!(info["InstanceStatus"], status, "{state}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_instance_is_deleted_alone_or_with_others_all_or_none() {
    both(async |api| {
        let there = async |id: &str| {
            api.succeed(&format!("/isexistprocess/{id}"), &json!({}))
                .await
                == true
        };
        let id = api.create("TestScheme", &json!({})).await;
        api.succeed(&format!("/deleteinstance/{id}"), &json!({}))
            .await;
        assert!(!there(&id).await);

        let a = api
            .create("TestScheme", &json!({ "tenantId": "one" }))
            .await;
        let b = api
            .create("TestScheme", &json!({ "tenantId": "two" }))
            .await;
        let both = json!([a, b]);
        let unknown = json!([a, Uuid::new_v4().to_string()]);
        for (body, error) in [
            (json!({ "processids": unknown }), "ProcessNotFound"),
            (
                json!({ "processids": both, "tenantId": "one" }),
                "TenantMismatch",
            ),
            (json!({ "processids": ["x"] }), "ParameterInvalid"),
        ] {
            assert_eq!(api.fail("/deleteinstances", &body).await, error, "{body}");
            assert!(there(&a).await && there(&b).await, "{body}");
        }
        api.succeed("/deleteinstances", &json!({ "processids": both }))
            .await;
        assert!(!there(&a).await && !there(&b).await);
    })
    .await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_instances() {
    both(async |api| {
        let id = api
            .create("TestScheme", &json!({ "tenantId": "one" }))
            .await;
        for operation in ["getinstanceinfo", "getavailablecommands", "deleteinstance"] {
            let rest = format!("/{operation}/{id}");
            let other = json!({ "tenantId": "two" });
            assert_eq!(
                api.fail(&rest, &other).await,
                "TenantMismatch",
                "{operation}"
            );
        }
        let command = json!({ "command": "submit", "tenantId": "two" });
        let error = api.fail(&format!("/executecommand/{id}"), &command).await;
        assert_eq!(error, "TenantMismatch");
        let own = json!({ "tenantId": "one" });
        let rest = format!("/getinstanceinfo/{id}");
        assert_eq!(api.succeed(&rest, &own).await["StateName"], "Draft");
        // Without one nothing is asserted.
        assert_eq!(api.info(&id).await["StateName"], "Draft");
    })
    .await;
}

#[tokio::test]
async fn schemes_are_listed_by_tag_and_given_as_they_were_written() {
    both(async |api| {
        let list = async |rest: &str| {
            let answer = api.get(rest).send().await.expect(200);
            let list = answer.json()["data"].as_array().expect("names").clone();
            list.into_iter()
                .map(|name| name.as_str().expect("text").to_owned())
                .collect::<Vec<_>>()
        };
        let all = list("/getschemelist").await;
        for name in ["TestScheme", "ExpenseClaim", "ParallelReview"] {
            assert!(all.contains(&name.to_owned()), "{all:?}");
        }
        assert_eq!(list("/getschemelist?tags=money").await, ["ExpenseClaim"]);
        let some = list("/getschemelist?tags=money,short").await;
        assert!(
            some.contains(&"TestScheme".to_owned()) && some.len() == 2,
            "{some:?}"
        );
        assert!(list("/getschemelist?tags=nothing").await.is_empty());

        let body = json!({ "schemeCode": "TestScheme" });
        let xml = api.succeed("/getscheme", &body).await;
        let xml = xml.as_str().expect("text");
        assert!(
            xml.contains("<Process") && xml.contains("Name=\"TestScheme\""),
            "{xml}"
        );
        // The designer's own elements are kept.
        assert!(xml.contains("<Designer X=\"-120\" Y=\"-40\" />"), "{xml}");
    })
    .await;
}

#[tokio::test]
async fn with_strict_statuses_failures_are_statuses_too() {
    let strict = json!({ "WorkflowApi": { "StrictHttpStatus": true } });
    let engine = Setup::new().with(&strict).engine().await;
    check_strict(&engine.api()).await;
    let sidecar = Setup::new().with(&strict).sidecar().await;
    check_strict(&sidecar.api().await).await;
}

async fn check_strict(api: &Api) {
    let nobody = Uuid::new_v4();
    let answer = api.get(&format!("/getinstanceinfo/{nobody}")).send().await;
    assert_eq!(answer.expect(404).json()["error"], "ProcessNotFound");
    let id = api.create("TestScheme", &json!({})).await;
    let command = json!({ "command": "approve" });
    let answer = api
        .post(&format!("/executecommand/{id}"))
        .json(&command)
        .send()
        .await;
    assert_eq!(answer.expect(409).json()["error"], "CommandNotAllowed");
}

#[tokio::test]
async fn operations_on_one_instance_happen_one_after_the_other() {
    both(async |api| {
        let id = api.create("TestScheme", &json!({})).await;
        let rest = format!("/executecommand/{id}");
        let racing = (0..8).map(|_| {
            let call = api.post(&rest).json(&json!({ "command": "submit" }));
            tokio::spawn(call.send())
        });
        let racing = racing.collect::<Vec<_>>();
        let mut won = 0;
        for race in racing {
            let envelope = race.await.expect("no panic").expect(200).json();
            if envelope["success"] == true {
                won += 1;
            } else {
                assert_eq!(envelope["error"], "CommandNotAllowed", "{envelope}");
            }
        }
        assert_eq!(won, 1);
        let transitions = api.info(&id).await["Transitions"].as_array().map(Vec::len);
        assert_eq!(transitions, Some(1));
    })
    .await;
}
