//! What the built-in actions and conditions do to a process.

use super::failed;
use super::fixture::{World, after, scheme};
use crate::instance::Instance;

fn stored(process: &Instance, name: &str) -> String {
    let value = process.parameters().get(name);
    value.map_or_else(
        || "-".to_owned(),
        |value| serde_json::to_string(value).unwrap(),
    )
}

#[test]
fn set_parameter_follows_the_declaration_and_keeps_what_is_undeclared() {
    let world = World::new();
    for (action, name, want) in [
        (r#"{"Name":"Sum","Value":2.50}"#, "Sum", "2.50"),
        (r#"{"name":"Sum","VALUE":"3"}"#, "Sum", "3"),
        (r#"{"Name":"Sum","Value":null}"#, "Sum", "null"),
        (r#"{"Name":"Brief","Value":"x"}"#, "Brief", "-"),
        (
            r#"{"Name":"Free","Value":"x","ForRootProcess":false}"#,
            "Free",
            "\"x\"",
        ),
        (
            r#"{"Name":"Free","Value":{"a":[1]},"ForRootProcess":true}"#,
            "Free",
            r#"{"a":[1]}"#,
        ),
    ] {
        let scheme = scheme(&format!(
            "
            param Sum Decimal Persistence 1
            param Brief String Temporary
            activity A initial
            run A SetParameter {action}
            "
        ));
        assert_eq!(stored(&world.create(&scheme, ""), name), want, "{action}");
    }
}

#[test]
fn actions_refuse_what_they_do_not_understand() {
    let world = World::new();
    for (action, want) in [
        (r#"SetParameter {"Name":"Sum","Value":"many"}"#, "many"),
        (r#"SetParameter {"Name":"Sum"}"#, "lacks `Value`"),
        (r#"SetParameter {"Value":1}"#, "lacks `Name`"),
        (r#"SetParameter {"Name":"#, "neither an object"),
        (r#"SetParameter {"Name":"ProcessId","Value":1}"#, "System"),
        ("RemoveParameter", "lacks `Name`"),
        ("RemoveParameter SchemeCode", "System"),
        ("SetState Nowhere", "cannot be set to"),
        ("SetActivity Nowhere", "known: A, B"),
        (
            r#"SetActivity {"Name":"B","SetAfter":"Soon"}"#,
            "AfterAction",
        ),
        (
            r#"SetState {"Name":"B","ProcessId":"00000000-0000-0000-0000-000000000009"}"#,
            "`ProcessId` is not served",
        ),
        ("HTTPRequest {}", "no action named `HTTPRequest`"),
    ] {
        let scheme = scheme(&format!(
            "
            param Sum Decimal Persistence 1
            command go
            activity A initial
            activity B
            run B {action}
            go A B command:go
            "
        ));
        let process = world.create(&scheme, "");
        let (failure, after) = failed(world.try_command(&process, "go", "", "{}").unwrap());
        assert_eq!(failure.name(), "ActionFailed", "{action}");
        assert!(failure.to_string().contains(want), "{failure}");
        assert_eq!(stored(&after, "Sum"), "1", "{action}");
    }
}

#[test]
fn remove_parameter_forgets_and_no_initial_value_comes_back() {
    let world = World::new();
    for (action, name, want) in [
        ("Free", "Free", "-"),
        (r#""Free""#, "Free", "-"),
        (r#"{"Name":"Free"}"#, "Free", "-"),
        ("Sum", "Sum", "null"),
        ("Never", "Never", "-"),
    ] {
        let scheme = scheme(&format!(
            r#"
            param Sum Decimal Persistence 1
            activity A initial
            run A SetParameter {{"Name":"Free","Value":1}}
            run A RemoveParameter {action}
            "#
        ));
        assert_eq!(stored(&world.create(&scheme, ""), name), want, "{action}");
    }
}

#[test]
fn set_state_and_set_activity_jump_at_once_or_after_the_activity() {
    let world = World::new();
    for (jump, activity, last) in [
        ("SetActivity Hidden", "Hidden", "true"),
        (r#"SetActivity {"Name":"Hidden"}"#, "Hidden", "true"),
        (
            r#"SetActivity {"Name":"Hidden","SetAfter":"AfterAction"}"#,
            "Hidden",
            "-",
        ),
        ("SetState S", "Set", "true"),
        (
            r#"SetState {"Name":"S","SetAfter":"AfterAction"}"#,
            "Set",
            "-",
        ),
    ] {
        let scheme = scheme(&format!(
            r#"
            command go
            activity A initial
            activity B
            activity Hidden
            activity Set set state=S
            run B {jump}
            run B SetParameter {{"Name":"Last","Value":true}}
            go A B command:go
            go B A auto
            "#
        ));
        let process = world.command(&world.create(&scheme, ""), "go", "ann");
        assert_eq!(process.activity_name(), activity, "{jump}");
        assert_eq!(stored(&process, "Last"), last, "{jump}");
        assert_eq!(process.transitions_len(), 2);
    }
}

#[test]
fn check_parameter_compares_by_the_kind_of_the_parameter() {
    let world = World::new();
    for (name, compare, value, want) in [
        ("N", "Equal", "5", true),
        ("N", "Equal", "\"5.0\"", true),
        ("N", "NotEqual", "5", false),
        ("N", "Equal", "\"x\"", false),
        ("N", "Greater", "4.5", true),
        ("N", "Less", "4.5", false),
        ("N", "GreaterOrEqual", "5", true),
        ("N", "LessOrEqual", "5", true),
        ("N", "In", "\"1, 5, 9\"", true),
        ("N", "NotIn", "\"1,5,9\"", false),
        ("T", "Equal", "\"hello\"", true),
        ("T", "equal", "\"Hello\"", false),
        ("T", "Contains", "\"ell\"", true),
        ("T", "NotContains", "\"ell\"", false),
        ("T", "StartWith", "\"he\"", true),
        ("T", "NotStartWith", "\"he\"", false),
        ("T", "EndWith", "\"lo\"", true),
        ("T", "NotEndWith", "\"lo\"", false),
        ("T", "StartAndEndWith", "\"h\"", false),
        ("T", "NotStartAndEndWith", "\"h\"", true),
        ("T", "Greater", "\"abc\"", true),
        ("D", "Greater", "\"2026-01-01\"", true),
        ("B", "Equal", "true", true),
        ("J", "Contains", "\"two\"", true),
        ("J", "Contains", "3", true),
        ("J", "NotContains", "4", true),
        ("Absent", "IsNull", "null", true),
        ("Absent", "IsNotNull", "null", false),
        ("N", "IsNull", "null", false),
        ("Absent", "Equal", "1", false),
        ("Absent", "NotEqual", "1", true),
        ("Absent", "Less", "1", false),
        ("CurrentState", "Equal", "\"A\"", true),
    ] {
        let check = format!(r#"{{"Name":"{name}","CompareType":"{compare}","Value":{value}}}"#);
        let scheme = scheme(&format!(
            r#"
            param N Int32 Persistence 5
            param T String Persistence hello
            param D DateTime Persistence 2026-01-31
            param B Boolean Persistence true
            param J Object Persistence ["two",3]
            command go
            activity A initial
            activity B
            go A B command:go; check CheckParameter {check}
            "#
        ));
        let process = world.create(&scheme, "");
        let outcome = world.try_command(&process, "go", "", "{}");
        let holds = after(outcome.unwrap()).is_some();
        assert_eq!(holds, want, "{check}");
    }
}

#[test]
fn check_parameter_tells_what_it_cannot_compare() {
    let world = World::new();
    for (check, want) in [
        (
            r#"{"Name":"N","CompareType":"Greater","Value":"x"}"#,
            "no order",
        ),
        (
            r#"{"Name":"N","CompareType":"Equals","Value":1}"#,
            "did you mean `Equal`",
        ),
        (r#"{"Name":"N","Value":1}"#, "lacks `CompareType`"),
        (r#"{"Name":"N","CompareType":"Equal"}"#, "lacks `Value`"),
    ] {
        let scheme = scheme(&format!(
            "
            param N Int32 Persistence 5
            command go
            activity A initial
            activity B
            go A B command:go; check CheckParameter {check}
            "
        ));
        let process = world.create(&scheme, "");
        let failure = world.try_command(&process, "go", "", "{}").unwrap_err();
        assert_eq!(failure.name(), "ActionFailed");
        assert!(failure.to_string().contains(want), "{failure}");
    }
}

#[test]
fn is_process_finalized_asks_the_process_that_is_named() {
    let mut world = World::new();
    let done = world.create(&scheme("activity A initial final"), "");
    let open = world.create(&scheme("activity A initial"), "");
    world.others.0.insert(uuid::Uuid::from_u128(0xd), done);
    world.others.0.insert(uuid::Uuid::from_u128(0xe), open);
    for (id, want) in [("d", true), ("e", false), ("f", false)] {
        let scheme = scheme(&format!(
            r#"
            command go
            activity A initial
            activity B
            go A B command:go; check IsProcessFinalized {{"ProcessId":"00000000-0000-0000-0000-00000000000{id}"}}
            "#
        ));
        let process = world.create(&scheme, "");
        let outcome = world.try_command(&process, "go", "", "{}").unwrap();
        assert_eq!(after(outcome).is_some(), want, "{id}");
    }
}
