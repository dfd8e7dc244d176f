//! The sample scheme with money in it: parameters, expressions, automatic transitions, restrictions,
//! and a timer, which this version does not run: a claim for the manager is a failure that says so.

use serde_json::{Value, json};

use crate::both::both;

#[tokio::test]
async fn a_claim_lands_where_its_sum_sends_it() {
    both(async |api| {
        for (sum, state, status) in [
            (json!(0), "Paid", 3),
            (json!(100), "Paid", 3),
            (json!("100.00"), "Paid", 3),
            (json!(-5), "Paid", 3),
            (json!(5000.01), "WithDirector", 2),
            (json!("5000.01"), "WithDirector", 2),
        ] {
            let id = api
                .create("ExpenseClaim", &json!({ "identityId": "ann" }))
                .await;
            let filed = json!({ "identityId": "ann", "Sum": sum });
            let instance = api.execute(&id, "file", &filed).await;
            assert_eq!(instance["StateName"], state, "{sum}");
            let info = api.info(&id).await;
            assert_eq!(info["InstanceStatus"], status, "{sum}");
            // The hop through the sorting activity shows, with no stop there.
            let hops = info["Transitions"].as_array().expect("a list");
            let to = hops.iter().map(|hop| hop["ToActivityName"].as_str());
            let to = to.collect::<Vec<_>>();
            assert_eq!(to.len(), 2, "{sum}: {to:?}");
            assert_eq!(to[0], Some("Sort"), "{sum}");
        }
    })
    .await;
}

#[tokio::test]
async fn where_a_timer_would_wait_the_failure_is_clear_and_nothing_moves() {
    both(async |api| {
        for sum in [json!(100.01), json!("100.01"), json!(5000)] {
            let id = api
                .create("ExpenseClaim", &json!({ "identityId": "ann" }))
                .await;
            let body = json!({ "command": "file", "identityId": "ann", "Sum": sum });
            let envelope = api.envelope(&format!("/executecommand/{id}"), &body).await;
            assert_eq!(envelope["error"], "ActionFailed", "{sum}: {envelope}");
            let message = envelope["message"].as_str().expect("a message");
            for part in ["ManagerTurn", "escalate"] {
                assert!(message.contains(part), "{part} in {message}");
            }
            let info = api.info(&id).await;
            assert_eq!(info["InstanceStatus"], 5, "Error: {info}");
            assert_eq!(info["StateName"], "Open", "{info}");
            assert_eq!(info["ProcessParameters"]["Sum"], 0, "{info}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_cannot_be_read_changes_nothing() {
    both(async |api| {
        let id = api
            .create("ExpenseClaim", &json!({ "identityId": "ann" }))
            .await;
        let before = api.info(&id).await;
        let rest = format!("/executecommand/{id}");
        for (sum, error) in [
            (None, "ParameterMissing"),
            (Some(json!("many")), "ParameterInvalid"),
            (Some(json!(true)), "ParameterInvalid"),
            (Some(json!("1,000.00")), "ParameterInvalid"),
            (Some(json!("NaN")), "ParameterInvalid"),
            (Some(json!("Infinity")), "ParameterInvalid"),
            (Some(json!([1])), "ParameterInvalid"),
            (Some(json!({})), "ParameterInvalid"),
        ] {
            let mut body = json!({ "command": "file", "identityId": "ann" });
            if let Some(sum) = &sum {
                body["Sum"] = sum.clone();
            }
            assert_eq!(api.fail(&rest, &body).await, error, "{sum:?}");
            assert_eq!(api.info(&id).await, before, "{sum:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_creator_may_file() {
    both(async |api| {
        let id = api
            .create("ExpenseClaim", &json!({ "identityId": "ann" }))
            .await;
        assert_eq!(
            api.commands(&id, &json!({ "identityId": "ann" })).await,
            ["file"]
        );
        assert!(
            api.commands(&id, &json!({ "identityId": "bob" }))
                .await
                .is_empty()
        );
        assert!(api.commands(&id, &json!({})).await.is_empty());
        let rest = format!("/executecommand/{id}");
        for who in [
            json!({}),
            json!({ "identityId": "bob" }),
            json!({ "identityId": "Ann" }),
        ] {
            let mut body = json!({ "command": "file", "Sum": 1 });
            tests::server::merge(&mut body, &who);
            assert_eq!(api.fail(&rest, &body).await, "CommandNotAllowed", "{who}");
        }
        // For whom one acts is whose rights count.
        let deputy = json!({ "identityId": "bob", "impersonatedIdentityId": "ann", "Sum": 1 });
        assert_eq!(api.execute(&id, "file", &deputy).await["StateName"], "Paid");
    })
    .await;
}

#[tokio::test]
async fn with_the_director_the_creator_may_do_nothing() {
    both(async |api| {
        let ann = json!({ "identityId": "ann" });
        let id = api.create("ExpenseClaim", &ann).await;
        let filed = json!({ "identityId": "ann", "Sum": 9000, "Remark": "a car" });
        let with_director = api.execute(&id, "file", &filed).await;
        assert_eq!(with_director["PreviousState"], "Sorting");
        for who in ["ann", "bob"] {
            let offered = api.commands(&id, &json!({ "identityId": who })).await;
            assert!(offered.is_empty(), "{who}: {offered:?}");
            for command in ["grant", "deny", "withdraw", "file"] {
                let body = json!({ "command": command, "identityId": who, "Sum": 1 });
                let error = api.fail(&format!("/executecommand/{id}"), &body).await;
                assert_eq!(error, "CommandNotAllowed", "{command} by {who}");
            }
        }
        assert_eq!(api.info(&id).await["StateName"], "WithDirector");
    })
    .await;
}

#[tokio::test]
async fn decimals_are_exact_and_only_persistent_parameters_are_kept() {
    both(async |api| {
        let ann = json!({ "identityId": "ann" });
        for sum in ["99.01", "1234567890.123456789", "99.9999999999999999999999"] {
            let id = api.create("ExpenseClaim", &ann).await;
            let filed = json!({ "identityId": "ann", "Sum": sum, "Remark": "gone soon" });
            api.execute(&id, "file", &filed).await;
            let answer = api.get(&format!("/getinstanceinfo/{id}")).send().await;
            let text = answer.expect(200).text();
            assert!(text.contains(sum), "{sum} in {text}");
            assert!(!text.contains("gone soon"), "{text}");
            assert!(text.contains("EUR"), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn parameters_given_at_creation_are_those_of_the_process() {
    both(async |api| {
        let id = api
            .create(
                "ExpenseClaim",
                &json!({ "identityId": "ann", "Currency": "USD", "Extra": 7, "Kept": 8, "persist": "Kept" }),
            )
            .await;
        let info = api.info(&id).await;
        let parameters: &Value = &info["ProcessParameters"];
        assert_eq!(parameters["Currency"], "USD", "{parameters}");
        assert_eq!(parameters["Kept"], 8, "{parameters}");
        assert!(parameters.get("Extra").is_none(), "{parameters}");
    })
    .await;
}
