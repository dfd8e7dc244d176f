//! Two whole processes, from creation to end.

use super::failed;
use super::fixture::{World, after, scheme};
use crate::instance::Status;

#[test]
fn a_review_goes_forth_and_back_and_ends() {
    let world = World::new();
    let scheme = scheme(
        "
        param Comment String Temporary
        command submit Comment
        command approve
        command return
        activity Draft initial set update
        activity Review set update
        activity Done final set update
        go Draft Review command:submit direct
        go Review Done command:approve direct
        go Review Draft command:return reverse
        ",
    );
    let process = world.create(&scheme, "ann");
    assert_eq!(process.state_name(), Some("Draft"));
    assert_eq!(world.offered(&process, "ann"), "submit");
    let process = world.command(&process, "submit", "ann");
    assert_eq!(process.state_name(), Some("Review"));
    assert_eq!(world.offered(&process, "ann"), "approve return");
    let process = world.command(&process, "return", "bob");
    assert_eq!(process.state_name(), Some("Draft"));
    assert_eq!(process.previous_state_for_reverse(), Some("Review"));
    let process = world.command(&process, "submit", "ann");
    let process = world.command(&process, "approve", "bob");
    assert_eq!(process.state_name(), Some("Done"));
    assert_eq!(process.status(), Status::Finalized);
    assert_eq!(world.offered(&process, "bob"), "");
    assert_eq!(process.transitions_len(), 4);
}

fn claim(timer: &str) -> String {
    format!(
        r#"
        actor Owner IsCreator
        actor Manager CheckRole Manager
        actor Director CheckRole Director
        actor Auditor CheckRole Auditor
        param Sum Decimal Persistence 0
        param Currency String Persistence CHF
        param Remark String Temporary
        timer escalate 2s
        command file Sum! Remark
        command grant
        command deny
        command withdraw
        activity Open initial set
        activity Sort state=Sorting
        activity ManagerTurn set state=WithManager
        activity DirectorTurn set state=WithDirector
        activity Paid final
        activity Denied final set
        run DirectorTurn SetParameter {{"Name":"Currency","Value":"EUR"}}
        go Open Sort command:file direct; allow Owner
        go Sort ManagerTurn auto direct; if @Sum > 100 && @Sum <= 5000
        go Sort DirectorTurn auto direct; if @Sum > 5000
        go Sort Paid auto direct; otherwise
        go ManagerTurn Paid command:grant direct; any-allow; any-restrict; allow Manager; allow Director; restrict Owner
        go ManagerTurn Denied command:deny direct; allow Manager
        go ManagerTurn Open command:withdraw reverse; allow Owner
        {timer}
        go DirectorTurn Paid command:grant direct; allow Director; allow Auditor
        "#
    )
}

#[test]
fn a_claim_is_sorted_by_its_sum() {
    let world = World::new();
    let scheme = scheme(&claim(""));
    let process = world.create(&scheme, "ann");
    for (given, want) in [
        ("{}", "ParameterMissing"),
        (r#"{"Sum":"many"}"#, "ParameterInvalid"),
    ] {
        let refused = world.try_command(&process, "file", "ann", given);
        assert_eq!(refused.unwrap_err().name(), want);
    }
    let other = world.try_command(&process, "file", "bob", r#"{"Sum":1}"#);
    assert_eq!(other.unwrap_err().name(), "CommandNotAllowed");
    for (sum, state, status) in [
        ("0", "Paid", Status::Finalized),
        ("100", "Paid", Status::Finalized),
        ("-5", "Paid", Status::Finalized),
        ("100.01", "WithManager", Status::Idled),
        ("5000", "WithManager", Status::Idled),
        ("5000.01", "WithDirector", Status::Idled),
    ] {
        let given = format!(r#"{{"Sum":{sum}}}"#);
        let outcome = world.try_command(&process, "file", "ann", &given).unwrap();
        let filed = after(outcome).unwrap();
        assert_eq!(filed.state_name(), Some(state), "{sum}");
        assert_eq!(filed.status(), status, "{sum}");
        let path: Vec<_> = filed
            .transitions()
            .map(|step| step.to_activity_name())
            .collect();
        assert_eq!(path[0], "Sort");
        assert_eq!(path.len(), 2);
    }
}

#[test]
fn a_claim_is_granted_by_those_who_may() {
    let world = World::new();
    world.user("ann", &["Manager"]);
    world.user("manager", &["Manager"]);
    world.user("director", &["Director"]);
    world.user("both", &["Director", "Auditor"]);
    let scheme = scheme(&claim(""));
    let file = |sum: &str| {
        let given = format!(r#"{{"Sum":{sum}}}"#);
        let process = world.create(&scheme, "ann");
        after(world.try_command(&process, "file", "ann", &given).unwrap()).unwrap()
    };
    let middle = file("500");
    for (who, want) in [
        ("ann", "deny withdraw"),
        ("manager", "grant deny"),
        ("director", "grant"),
        ("eve", ""),
        ("", ""),
    ] {
        assert_eq!(world.offered(&middle, who), want, "{who}");
    }
    let back = world.command(&middle, "withdraw", "ann");
    assert_eq!(back.state_name(), Some("Open"));
    assert_eq!(back.previous_state_for_reverse(), Some("WithManager"));
    let large = file("9000");
    assert_eq!(world.offered(&large, "director"), "");
    assert_eq!(world.offered(&large, "both"), "grant");
    let currency = large.parameters().get("Currency").unwrap();
    assert_eq!(serde_json::to_string(currency).unwrap(), "\"EUR\"");
}

#[test]
fn a_claim_that_would_need_its_timer_fails_clearly() {
    let world = World::new();
    let scheme = scheme(&claim("go ManagerTurn DirectorTurn timer:escalate direct"));
    let process = world.create(&scheme, "ann");
    let outcome = world.try_command(&process, "file", "ann", r#"{"Sum":500}"#);
    let (failure, stays) = failed(outcome.unwrap());
    assert_eq!(failure.name(), "ActionFailed");
    assert!(failure.to_string().contains("`escalate`"), "{failure}");
    assert_eq!(stays.state_name(), Some("Open"));
    assert_eq!(stays.status(), Status::Error);
}
