//! Parameters in operations: types, defaults, purposes.

use super::fixture::{World, after, scheme};
use crate::instance::Instance;

fn stored(process: &Instance) -> String {
    let all: Vec<String> = process
        .parameters()
        .iter()
        .map(|(name, value)| format!("{name}={}", serde_json::to_string(value).unwrap()))
        .collect();
    all.join(" ")
}

const LINES: &str = "
    param Kept Decimal Persistence 0
    param Brief String Temporary first
    param Own String System
    command set Kept Brief
    command must Kept!
    command default Amount:Kept=7
    command both Kept!=9
    activity A initial set
    activity Seen
    go A A command:set; unless @Brief == 'now'
    go A Seen command:set; if @Brief == 'now'
    go A A command:must
    go A A command:default
    go A A command:both
";

#[test]
fn what_is_given_and_what_is_not_decide_what_is_stored() {
    let world = World::new();
    let process = world.create(&scheme(LINES), "");
    assert_eq!(stored(&process), "Kept=0");
    for (command, given, want) in [
        ("set", "{}", "Kept=0"),
        ("set", r#"{"Kept":1.50}"#, "Kept=1.50"),
        ("set", r#"{"Kept":"2.5"}"#, "Kept=2.5"),
        ("set", r#"{"Kept":null}"#, "Kept=null"),
        ("set", r#"{"Brief":"x"}"#, "Kept=0"),
        (
            "set",
            r#"{"Brief":"x","persist":"Brief"}"#,
            r#"Brief="x" Kept=0"#,
        ),
        ("set", r#"{"Other":[1]}"#, "Kept=0"),
        (
            "set",
            r#"{"Other":[1],"persist":"Other Nothing"}"#,
            "Kept=0 Other=[1]",
        ),
        ("default", "{}", "Kept=7"),
        ("default", r#"{"Amount":3}"#, "Kept=3"),
        ("default", r#"{"Kept":4}"#, "Kept=7"), // the input was not given, so its default counts
        ("both", "{}", "Kept=9"),
        ("must", r#"{"Kept":0}"#, "Kept=0"),
    ] {
        let outcome = world.try_command(&process, command, "", given).unwrap();
        assert_eq!(stored(&after(outcome).unwrap()), want, "{command} {given}");
    }
}

#[test]
fn a_required_parameter_is_missing_even_when_a_value_is_stored() {
    let world = World::new();
    let process = world.create(&scheme(LINES), "");
    let failure = world.try_command(&process, "must", "", "{}").unwrap_err();
    assert_eq!(failure.name(), "ParameterMissing");
    assert!(failure.to_string().contains("`Kept`"), "{failure}");
}

#[test]
fn system_parameters_cannot_be_given() {
    let world = World::new();
    let scheme = scheme(LINES);
    let process = world.create(&scheme, "");
    for name in ["Own", "ProcessId", "CurrentState", "IdentityId"] {
        let given = format!(r#"{{"{name}":"x"}}"#);
        for failure in [
            world.try_command(&process, "set", "", &given).unwrap_err(),
            world.try_set(&process, "A", &given).unwrap_err(),
            world.try_create(&scheme, "", &given).unwrap_err(),
        ] {
            assert_eq!(failure.name(), "ParameterInvalid", "{name}");
            assert!(failure.to_string().contains("System"), "{failure}");
        }
    }
}

#[test]
fn a_temporary_value_lives_for_one_operation_and_hides_a_stored_one() {
    let world = World::new();
    let process = world.create(&scheme(LINES), "");
    let now = r#"{"Brief":"now"}"#;
    let outcome = world.try_command(&process, "set", "", now).unwrap();
    assert_eq!(after(outcome).unwrap().activity_name(), "Seen");
    let stored_now = r#"{"Brief":"later","persist":"Brief"}"#;
    let process = after(world.try_command(&process, "set", "", stored_now).unwrap()).unwrap();
    let outcome = world.try_command(&process, "set", "", now).unwrap();
    let seen = after(outcome).unwrap();
    assert_eq!(seen.activity_name(), "Seen");
    assert_eq!(stored(&seen), r#"Brief="later" Kept=0"#);
}

#[test]
fn creation_and_setstate_take_parameters_by_their_declarations() {
    let world = World::new();
    let scheme = scheme(LINES);
    let given = r#"{"Kept":"12.30","Brief":"x","Free":{"a":1},"persist":"Free"}"#;
    let process = after(world.try_create(&scheme, "", given).unwrap()).unwrap();
    assert_eq!(stored(&process), r#"Free={"a":1} Kept=12.30"#);
    let set = after(world.try_set(&process, "A", r#"{"Kept":1}"#).unwrap()).unwrap();
    assert_eq!(stored(&set), r#"Free={"a":1} Kept=1"#);
    for given in [r#"{"Kept":"many"}"#, r#"{"Kept":{}}"#] {
        assert_eq!(
            world.try_create(&scheme, "", given).unwrap_err().name(),
            "ParameterInvalid"
        );
    }
}

#[test]
fn stored_parameters_are_bounded() {
    let mut world = World::new();
    world.limits.parameter_bytes = 1000;
    let process = world.create(&scheme(LINES), "");
    let long = "x".repeat(1000);
    let kept = format!(r#"{{"Big":"{long}","persist":"Big"}}"#);
    let failure = world.try_command(&process, "set", "", &kept).unwrap_err();
    assert_eq!(failure.name(), "LimitExceeded");
    let passing = format!(r#"{{"Big":"{long}"}}"#);
    assert!(world.try_command(&process, "set", "", &passing).is_ok());
}

#[test]
fn parameters_given_at_once_are_bounded() {
    let mut world = World::new();
    let scheme = scheme(LINES);
    let process = world.create(&scheme, "");
    world.limits.given = 1;
    let two = r#"{"X":1,"Y":2}"#;
    for failure in [
        world.try_create(&scheme, "", two).unwrap_err(),
        world.try_command(&process, "set", "", two).unwrap_err(),
        world.try_set(&process, "A", two).unwrap_err(),
    ] {
        assert_eq!(failure.name(), "LimitExceeded");
    }
}

#[test]
fn conditions_see_system_parameters_as_the_process_stands() {
    let world = World::new();
    let scheme = scheme(
        "
        command go
        activity A initial state=SA
        activity B state=SB
        activity Right
        go A B command:go direct
        go B Right auto;
           if @CurrentState == 'SB' && @PreviousState == 'SA' && @CurrentActivity == 'B' && @ExecutedCommand == 'go' && @IdentityId == 'ann' && @ImpersonatedIdentityId == 'bob' && @SchemeCode == 'Test' && @ParentProcessId == null && @RootProcessId == @ProcessId
        ",
    );
    let process = world.command(&world.create(&scheme, ""), "go", "ann as bob");
    assert_eq!(process.activity_name(), "Right");
}
