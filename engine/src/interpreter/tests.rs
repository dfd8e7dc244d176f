//! The rules of execution, one test each.

pub(crate) mod fixture;
mod parameters;
mod properties;
mod providers;
mod samples;

use std::sync::Arc;

use super::Outcome;
use crate::failure::Failure;
use crate::instance::{Instance, Status};
use fixture::{World, after, scheme};

/// The failure and the snapshot that it leaves, of an outcome that failed while executing.
fn failed(outcome: Outcome) -> (Failure, Arc<Instance>) {
    match outcome {
        Outcome::Failed { failure, changes } => {
            let after = changes.unwrap().own.after().cloned().unwrap();
            (failure, after)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_1_a_new_process_runs_its_initial_activity_and_goes_on() {
    let world = World::new();
    let scheme = scheme(
        r#"
        param Seen String Persistence
        activity A initial
        activity B
        run A SetParameter {"Name":"Seen","Value":"yes"}
        go A B auto; if @Seen == 'yes'
        "#,
    );
    let process = world.create(&scheme, "ann");
    assert_eq!(process.activity_name(), "B");
    assert_eq!(process.status(), Status::Idled);
    assert_eq!(process.version(), 1);
    assert_eq!(process.root_process_id(), process.id());
    assert_eq!(process.parent_process_id(), None);
    assert_eq!(process.creator(), Some("ann"));
    assert_eq!(
        process.transitions_len(),
        1,
        "the creation is no transition"
    );
}

#[test]
fn rule_2_a_final_activity_finalizes_and_takes_no_commands() {
    let world = World::new();
    let scheme = scheme(
        "
        command go
        activity A initial
        activity End final
        go A End command:go
        go End A command:go
        go End A auto
        ",
    );
    let process = world.command(&world.create(&scheme, ""), "go", "");
    assert_eq!(process.status(), Status::Finalized);
    assert!(process.transitions().last().unwrap().is_finalised());
    assert_eq!(world.offered(&process, ""), "");
    let failure = world.try_command(&process, "go", "", "{}").unwrap_err();
    assert_eq!(failure.name(), "CommandNotAllowed");
    assert!(failure.to_string().contains("Finalized"), "{failure}");
}

#[test]
fn rule_3_restrictions_decide_who_may_give_a_command() {
    let world = World::new();
    world.user("both", &["Director", "Auditor"]);
    world.user("director", &["Director"]);
    world.user("auditor", &["Auditor"]);
    for (clauses, yes, no) in [
        ("", "both,director,auditor,eve,", "-"),
        ("; allow D", "both,director", "auditor,eve,"),
        ("; allow D; allow A", "both", "director,auditor,eve,"),
        (
            "; any-allow; allow D; allow A",
            "both,director,auditor",
            "eve,",
        ),
        ("; restrict D", "auditor,eve", "both,director,"),
        ("; restrict D; restrict A", "director,auditor,eve", "both,"),
        (
            "; any-restrict; restrict D; restrict A",
            "eve",
            "both,director,auditor,",
        ),
        ("; allow D; restrict A", "director", "both,auditor,eve,"),
        ("; allow Owner", "creator", "both,director,"),
        ("; allow Listed", "x1,x2", "x,x3,"),
    ] {
        let scheme = scheme(&format!(
            "
            actor D CheckRole Director
            actor A CheckRole Auditor
            actor Owner IsCreator
            actor Listed IsIdentity x1, x2
            command go
            activity A initial
            activity B
            go A B command:go{clauses}
            "
        ));
        let process = world.create(&scheme, "creator");
        for who in yes.split(',') {
            assert_eq!(world.offered(&process, who), "go", "{clauses} {who:?}");
            let after = world.command(&process, "go", who);
            assert_eq!(after.activity_name(), "B", "{clauses} {who:?}");
        }
        for who in no.split(',').filter(|who| *who != "-") {
            assert_eq!(world.offered(&process, who), "", "{clauses} {who:?}");
            let failure = world.try_command(&process, "go", who, "{}").unwrap_err();
            assert_eq!(failure.name(), "CommandNotAllowed", "{clauses} {who:?}");
        }
    }
}

#[test]
fn rule_3_a_deputy_has_the_rights_of_the_impersonated_and_both_are_on_record() {
    let world = World::new();
    world.user("boss", &["Manager"]);
    let scheme = scheme(
        "
        actor Boss CheckRole Manager
        command go
        activity A initial
        activity B
        go A B command:go; allow Boss
        ",
    );
    let process = world.create(&scheme, "");
    let refused = world.try_command(&process, "go", "boss as eve", "{}");
    assert_eq!(refused.unwrap_err().name(), "CommandNotAllowed");
    let after = world.command(&process, "go", "deputy as boss");
    let step = after.transitions().next().unwrap();
    assert_eq!(step.executor_identity_id(), Some("deputy"));
    assert_eq!(step.actor_identity_id(), Some("boss"));
    let item = after.history().next().unwrap();
    assert_eq!(item.identity_id(), Some("deputy"));
    assert_eq!(item.allowed_to_employee_names(), Some("Name of boss"));
}

#[test]
fn rule_3_the_previous_executor_is_known_also_when_a_deputy_acted() {
    let world = World::new();
    let scheme = scheme(
        "
        actor Last IsPreviousExecutor
        command go
        command check
        activity A initial
        activity B
        activity C
        go A B command:go
        go B C command:check; restrict Last
        ",
    );
    let process = world.command(&world.create(&scheme, ""), "go", "ann as bob");
    for (who, offered) in [
        ("ann", ""),
        ("bob", ""),
        ("eve", "check"),
        ("eve as bob", ""),
    ] {
        assert_eq!(world.offered(&process, who), offered, "{who}");
    }
}

#[test]
fn rule_4_the_first_transition_whose_conditions_hold_fires_and_otherwise_is_last() {
    let world = World::new();
    for (sum, want) in [(1, "Small"), (50, "Middle"), (500, "Large")] {
        let scheme = scheme(
            "
            param Sum Int32 Persistence 0
            command go Sum!
            activity A initial
            activity Small
            activity Middle
            activity Large
            go A Small command:go; otherwise
            go A Large command:go; if @Sum > 100
            go A Middle command:go; if @Sum > 10
            ",
        );
        let process = world.create(&scheme, "");
        let parameters = format!(r#"{{"Sum":{sum}}}"#);
        let outcome = world.try_command(&process, "go", "", &parameters).unwrap();
        assert_eq!(after(outcome).unwrap().activity_name(), want);
    }
}

#[test]
fn rule_4_conditions_are_joined_and_inverted_as_asked() {
    let world = World::new();
    for (clauses, want) in [
        ("", true),
        ("; if @N == 1", true),
        ("; unless @N == 1", false),
        ("; if @N == 1; if @N == 2", false),
        ("; if @N == 1; unless @N == 2", true),
        ("; any-condition; if @N == 2; if @N == 1", true),
        ("; any-condition; if @N == 2; if @N == 3", false),
        (
            r#"; check CheckParameter {"Name":"N","CompareType":"Equal","Value":1}"#,
            true,
        ),
        (
            r#"; not CheckParameter {"Name":"N","CompareType":"Equal","Value":1}"#,
            false,
        ),
        ("; check CheckAllSubprocessesCompleted", true),
        ("; check IsProcessFinalized", false),
        ("; not IsProcessFinish", true),
    ] {
        let scheme = scheme(&format!(
            "
            param N Int32 Persistence 1
            command go
            activity A initial
            activity B
            go A B command:go{clauses}
            "
        ));
        let process = world.create(&scheme, "");
        let outcome = world.try_command(&process, "go", "", "{}").unwrap();
        assert_eq!(after(outcome).is_some(), want, "{clauses}");
    }
}

#[test]
fn rule_4_auto_transitions_go_on_until_none_fires() {
    let world = World::new();
    let scheme = scheme(
        r#"
        param N Int32 Persistence 0
        command go
        activity A initial
        activity B
        activity C
        activity D
        run C SetParameter {"Name":"N","Value":1}
        go A B command:go direct
        go B C auto direct
        go C B auto; if @N == 5
        go C D auto direct; if @N == 1
        "#,
    );
    let process = world.command(&world.create(&scheme, "ann"), "go", "ann");
    assert_eq!(process.activity_name(), "D");
    let steps: Vec<_> = process
        .transitions()
        .map(|step| {
            (
                step.from_activity_name(),
                step.to_activity_name(),
                step.trigger_name(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [("A", "B", "go"), ("B", "C", "Auto"), ("C", "D", "Auto")]
    );
    assert!(
        process
            .transitions()
            .all(|step| step.executor_identity_id() == Some("ann"))
    );
    let orders: Vec<_> = process.history().map(|item| item.order()).collect();
    assert_eq!(orders, [1, 2, 3]);
    let mut ids: Vec<_> = process.history().map(|item| item.id()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn rule_4_an_endless_auto_loop_ends_at_the_bound_with_error() {
    let mut world = World::new();
    world.limits.auto_hops = 100;
    let scheme = scheme(
        "
        command go
        activity A initial
        activity B
        activity C
        go A B command:go
        go B C auto
        go C B auto
        ",
    );
    let process = world.create(&scheme, "");
    let outcome = world.try_command(&process, "go", "", "{}").unwrap();
    let (failure, after) = failed(outcome);
    assert_eq!(failure.name(), "LimitExceeded");
    assert!(failure.to_string().contains("limit is 100"), "{failure}");
    assert_eq!(after.status(), Status::Error);
    assert_eq!(after.activity_name(), "A");
    assert_eq!(after.transitions_len(), 0);
}

#[test]
fn rule_4_the_bound_counts_auto_transitions() {
    let mut world = World::new();
    let scheme = scheme(
        "
        command go
        activity A initial
        activity B
        activity C
        activity D
        go A B command:go
        go B C auto
        go C D auto
        ",
    );
    let process = world.create(&scheme, "");
    world.limits.auto_hops = 2;
    assert_eq!(world.command(&process, "go", "").activity_name(), "D");
    world.limits.auto_hops = 1;
    let outcome = world.try_command(&process, "go", "", "{}").unwrap();
    assert_eq!(failed(outcome).0.name(), "LimitExceeded");
}

#[test]
fn rule_5_previous_fields_follow_the_classifier() {
    let world = World::new();
    let scheme = scheme(
        "
        command on
        command back
        command side
        activity A initial set state=SA
        activity B state=SB
        activity C state=SC
        go A B command:on direct
        go B A command:back reverse
        go B C command:side
        ",
    );
    let previous = |process: &Instance| {
        [
            process.previous_state(),
            process.previous_state_for_direct(),
            process.previous_state_for_reverse(),
        ]
        .map(|state| state.unwrap_or("-").to_owned())
        .join(" ")
    };
    let process = world.create(&scheme, "");
    assert_eq!(previous(&process), "- - -");
    let process = world.command(&process, "on", "");
    assert_eq!(previous(&process), "SA SA -");
    let process = world.command(&process, "back", "");
    assert_eq!(previous(&process), "SB SA SB");
    let process = world.command(&world.command(&process, "on", ""), "side", "");
    assert_eq!(previous(&process), "SB SA SB");
    assert_eq!(process.previous_activity(), Some("B"));
    assert_eq!(process.previous_activity_for_direct(), Some("A"));
    assert_eq!(process.previous_activity_for_reverse(), Some("B"));
    let process = world.set(&process, "SA");
    assert_eq!(previous(&process), "SC SA SB");
}

#[test]
fn rule_5_an_activity_may_keep_itself_out_of_state_and_history() {
    let world = World::new();
    let scheme = scheme(
        "
        command go
        activity A initial
        activity Quiet nostate norecord
        activity B
        go A Quiet command:go direct
        go Quiet B command:go direct
        ",
    );
    let process = world.command(&world.create(&scheme, ""), "go", "");
    assert_eq!(process.activity_name(), "Quiet");
    assert_eq!(process.state_name(), Some("A"));
    assert_eq!(process.previous_state(), None);
    assert_eq!(process.transitions_len(), 0);
    let process = world.command(&process, "go", "");
    assert_eq!(process.state_name(), Some("B"));
    assert_eq!(process.previous_state(), Some("A"));
    assert_eq!(
        process.transitions().next().unwrap().from_activity_name(),
        "Quiet"
    );
}

#[test]
fn rule_7_setstate_asks_neither_restrictions_nor_conditions() {
    let world = World::new();
    let scheme = scheme(
        r#"
        actor Nobody IsIdentity
        command go
        param Ran Boolean Persistence
        activity A initial
        activity First set state=S
        activity Second set state=S
        activity End final set
        activity Hidden state=H
        run First SetParameter {"Name":"Ran","Value":true}
        go A First command:go; allow Nobody; if 1 == 2
        "#,
    );
    let process = world.create(&scheme, "");
    let set = world.set(&process, "S");
    assert_eq!(set.activity_name(), "First", "the first in document order");
    assert!(set.parameters().get("Ran").is_some());
    assert_eq!(set.transitions().next().unwrap().trigger_name(), "SetState");
    let end = world.set(&set, "End");
    assert_eq!(end.status(), Status::Finalized);
    assert_eq!(world.set(&end, "S").status(), Status::Idled);
    for state in ["H", "s", "nowhere", ""] {
        let failure = world.try_set(&process, state, "{}").unwrap_err();
        assert_eq!(failure.name(), "StateNotFound", "{state:?}");
        assert!(failure.to_string().contains("S, End"), "{failure}");
    }
}

#[test]
fn rule_11_an_activity_that_follows_its_scheme_moves_with_the_next_operation() {
    let mut world = World::new();
    let old = scheme(
        "
        command start
        command go
        activity S initial
        activity A update
        activity B
        go S A command:start direct
        go A B command:go direct
        ",
    );
    let newer = |lines: &str| {
        let parsed = crate::scheme::Scheme::parse(&fixture::xml("Test", lines), None);
        Arc::new(parsed.unwrap().scheme.with_id(uuid::Uuid::from_u128(8)))
    };
    let process = world.command(&world.create(&old, ""), "start", "");
    world.newest = Some(newer("activity Z initial set"));
    let stays = world.try_set(&process, "Z", "{}").unwrap_err();
    assert_eq!(stays.name(), "StateNotFound", "A is not in that version");

    world.newest = Some(newer(
        "
        command extra
        activity X initial
        activity B update
        activity A update
        go X A auto
        go A B command:extra direct
        ",
    ));
    assert_eq!(world.offered(&process, ""), "extra");
    assert_eq!(process.scheme().id, old.id, "a read moves nothing");
    let refused = world.try_command(&process, "go", "", "{}").unwrap_err();
    assert_eq!(refused.name(), "CommandNotFound");
    let moved = world.command(&process, "extra", "");
    assert_eq!(moved.scheme().id, world.newest.as_ref().unwrap().id);
    assert_eq!(moved.activity_name(), "B");
    assert_eq!(moved.previous_state(), Some("A"));
    let steps: Vec<_> = moved
        .transitions()
        .map(|step| {
            (
                step.from_activity_name(),
                step.to_activity_name(),
                step.trigger_name(),
            )
        })
        .collect();
    assert_eq!(steps, [("S", "A", "start"), ("A", "B", "extra")]);
}

#[test]
fn rule_13_what_is_refused_before_the_first_action_changes_nothing() {
    let world = World::new();
    let scheme = scheme(
        "
        param Sum Decimal Persistence 0
        command pay Sum!
        command odd
        command nobody
        activity A initial
        activity B
        go A B command:pay
        go A B command:odd; check NotThere
        go B A command:nobody
        ",
    );
    let process = world.create(&scheme, "");
    for (command, parameters, want) in [
        ("pay", "{}", "ParameterMissing"),
        ("pay", r#"{"Sum":null}"#, "ParameterMissing"),
        ("pay", r#"{"Sum":"many"}"#, "ParameterInvalid"),
        ("pay", r#"{"Sum":true}"#, "ParameterInvalid"),
        ("pay", r#"{"Sum":1,"ProcessId":"x"}"#, "ParameterInvalid"),
        ("odd", "{}", "ActionFailed"),
        ("Pay", "{}", "CommandNotFound"),
        ("nobody", "{}", "CommandNotAllowed"),
    ] {
        let refused = world.try_command(&process, command, "", parameters);
        assert_eq!(refused.unwrap_err().name(), want, "{command} {parameters}");
    }
    let hint = world.try_command(&process, "pai", "", "{}").unwrap_err();
    assert!(hint.to_string().contains("did you mean `pay`"), "{hint}");
}

#[test]
fn rule_13_what_fails_while_executing_leaves_only_status_and_reason() {
    let world = World::new();
    let scheme = scheme(
        r#"
        param Sum Decimal Persistence 0
        command pay Sum
        activity A initial set
        activity B
        run B SetParameter {"Name":"Sum","Value":5}
        run B NotThere
        go A B command:pay direct
        "#,
    );
    let process = world.create(&scheme, "");
    let outcome = world.try_command(&process, "pay", "", r#"{"Sum":3}"#);
    let (failure, after) = failed(outcome.unwrap());
    assert_eq!(failure.name(), "ActionFailed");
    assert!(
        failure.to_string().contains("no action named `NotThere`"),
        "{failure}"
    );
    assert_eq!(after.status(), Status::Error);
    assert_eq!(after.fault(), Some(&*failure.to_string()));
    assert_eq!(after.version(), process.version() + 1);
    assert_eq!(after.activity_name(), "A");
    assert_eq!(after.previous_state(), None);
    assert_eq!(after.transitions_len(), 0);
    assert_eq!(
        after.parameters().get("Sum"),
        process.parameters().get("Sum")
    );
    assert_eq!(world.offered(&after, ""), "");
    let refused = world.try_command(&after, "pay", "", "{}").unwrap_err();
    assert_eq!(refused.name(), "CommandNotAllowed");
    let healed = world.set(&after, "A");
    assert_eq!(healed.status(), Status::Idled);
    assert_eq!(healed.fault(), None);
}

#[test]
fn rule_13_a_process_that_fails_while_being_made_is_not_there() {
    let world = World::new();
    let scheme = scheme("activity A initial\nrun A NotThere");
    match world.try_create(&scheme, "", "{}").unwrap() {
        Outcome::Failed { failure, changes } => {
            assert_eq!(failure.name(), "ActionFailed");
            assert!(changes.is_none());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn timers_and_forks_are_clear_failures_that_name_themselves() {
    let world = World::new();
    for (go, want) in [
        ("go B C timer:later", "timer `later`"),
        ("go B C auto; fork", "is a fork"),
    ] {
        let scheme = scheme(&format!(
            "
            timer later 2s
            command go
            command fork
            activity A initial
            activity B
            activity C
            go A B command:go
            {go}
            go A C command:fork; fork
            "
        ));
        let process = world.create(&scheme, "");
        let (failure, after) = failed(world.try_command(&process, "go", "", "{}").unwrap());
        assert_eq!(failure.name(), "ActionFailed");
        assert!(failure.to_string().contains(want), "{failure}");
        assert_eq!(after.activity_name(), "A");
        let (failure, _) = failed(world.try_command(&process, "fork", "", "{}").unwrap());
        assert!(failure.to_string().contains("is a fork"), "{failure}");
    }
}

#[test]
fn a_full_history_refuses_before_anything_happens() {
    let mut world = World::new();
    world.limits.history = 2;
    let scheme = scheme(
        "
        command go
        activity A initial
        go A A command:go
        ",
    );
    let mut process = world.create(&scheme, "");
    for _ in 0..2 {
        process = world.command(&process, "go", "");
    }
    let failure = world.try_command(&process, "go", "", "{}").unwrap_err();
    assert_eq!(failure.name(), "LimitExceeded");
}

#[test]
fn offers_are_one_per_command_with_identities_and_parameters() {
    let world = World::new();
    world.user("m1", &["Manager"]);
    world.user("m2", &["Manager", "Auditor"]);
    let scheme = scheme(
        "
        actor M CheckRole Manager
        actor X CheckRole Auditor
        param Sum Decimal Persistence
        command go Amount:Sum!
        activity A initial
        activity B
        activity C
        go A B command:go reverse; allow M; restrict X
        go A C command:go direct
        ",
    );
    let process = world.create(&scheme, "");
    let environment = world.environment();
    let offers = |who: &str| {
        let caller = fixture::caller(who);
        let offers = super::available_commands(&process, &caller, None, None, &environment);
        fixture::ready(offers).unwrap()
    };
    let both = offers("m1");
    assert_eq!(both.len(), 1);
    let offer = &both[0];
    assert_eq!(offer.identities().collect::<Vec<_>>(), ["m1"]);
    assert_eq!(offer.classifier(), crate::scheme::Classifier::Reverse);
    assert_eq!(offer.activity_name(), "A");
    assert_eq!(offer.process_id(), process.id());
    let parameter = offer.parameters().next().unwrap();
    assert_eq!(parameter.name(), "Amount");
    assert_eq!(parameter.type_name(), "System.Decimal");
    assert!(parameter.is_required());
    let nobody = &offers("")[0];
    assert_eq!(nobody.identities().len(), 0);
    assert_eq!(nobody.classifier(), crate::scheme::Classifier::Direct);
}
