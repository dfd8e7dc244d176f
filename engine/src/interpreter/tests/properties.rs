//! What holds for every scheme and every sequence of operations.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::{World, scheme};
use crate::instance::{Instance, Status};
use crate::interpreter::Outcome;

const COMMANDS: [&str; 4] = ["c0", "c1", "c2", "unknown"];

#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    to: usize,
    /// A command's number; beyond them, Auto.
    trigger: usize,
    /// Which value of `@N` it wants; none, any.
    wants: Option<u8>,
    owner_only: bool,
}

#[derive(Clone, Debug)]
enum Operation {
    Command {
        name: usize,
        who: bool,
        n: Option<u8>,
    },
    SetState(usize),
}

fn edges() -> impl Strategy<Value = Vec<Edge>> {
    let edge = (
        0..5_usize,
        0..5_usize,
        0..5_usize,
        prop::option::of(0..3_u8),
        any::<bool>(),
    );
    let edge = edge.prop_map(|(from, to, trigger, wants, owner_only)| Edge {
        from,
        to,
        trigger,
        wants,
        owner_only,
    });
    prop::collection::vec(edge, 0..12)
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let command = (0..COMMANDS.len(), any::<bool>(), prop::option::of(0..3_u8));
    let command = command.prop_map(|(name, who, n)| Operation::Command { name, who, n });
    let operation = prop_oneof![4 => command, 1 => (0..6_usize).prop_map(Operation::SetState)];
    prop::collection::vec(operation, 0..20)
}

fn lines(edges: &[Edge]) -> String {
    let mut lines = String::from(
        "
        actor Owner IsCreator
        param N Int32 Persistence 0
        command c0 N
        command c1 N
        command c2 N
        activity A0 initial set
        activity A1 set
        activity A2
        activity A3 set nostate
        activity A4 final set
        ",
    );
    for Edge {
        from,
        to,
        trigger,
        wants,
        owner_only,
    } in edges
    {
        let trigger = match trigger {
            0..3 => format!("command:c{trigger}"),
            _ => "auto".to_owned(),
        };
        write!(lines, "\ngo A{from} A{to} {trigger} direct").unwrap();
        if let Some(wants) = wants {
            write!(lines, "; if @N == {wants}").unwrap();
        }
        if *owner_only {
            lines += "; allow Owner";
        }
    }
    // What no transition reaches may still be set, so that every such scheme is valid.
    lines
}

/// The new records lead without a gap from where the process stood to where it stands.
fn check_change(before: &Arc<Instance>, next: &Instance) {
    assert_eq!(next.version(), before.version() + 1);
    assert_eq!(next.id(), before.id());
    let mut place = before.activity_name().to_owned();
    for step in next.transitions().skip(before.transitions_len()) {
        assert_eq!(step.from_activity_name(), place);
        step.to_activity_name().clone_into(&mut place);
    }
    assert_eq!(place, next.activity_name());
    let old = before
        .transitions()
        .map(|step| format!("{:?}", step.trigger_name()));
    let new = next
        .transitions()
        .map(|step| format!("{:?}", step.trigger_name()));
    assert!(old.eq(new.take(before.transitions_len())));
    assert_eq!(next.history().count(), next.transitions_len());
    assert_eq!(next.activity().is_final, next.status() == Status::Finalized);
    if next.activity().persist_state {
        assert_eq!(next.state_name(), next.activity().state.as_deref());
    }
}

fn apply(world: &World, before: &Arc<Instance>, operation: &Operation) -> Option<Arc<Instance>> {
    let (offered, outcome) = match operation {
        Operation::SetState(state) => (None, world.try_set(before, &format!("A{state}"), "{}")),
        Operation::Command { name, who, n } => {
            let who = if *who { "owner" } else { "eve" };
            let given = n.map_or("{}".to_owned(), |n| format!(r#"{{"N":{n}}}"#));
            let offers = world.offered(before, who);
            let offered = offers.split(' ').any(|one| one == COMMANDS[*name]);
            let outcome = world.try_command(before, COMMANDS[*name], who, &given);
            (Some(offered), outcome)
        }
    };
    match outcome {
        Err(failure) => {
            let by_state = failure.name() == "StateNotFound";
            let by_command = ["CommandNotFound", "CommandNotAllowed"].contains(&failure.name());
            assert!(by_state == offered.is_none() && by_command == offered.is_some());
            assert_ne!(offered, Some(true), "what is offered is not refused");
            None
        }
        Ok(outcome) => {
            assert_ne!(offered, Some(false), "what is not offered is refused");
            match outcome {
                Outcome::NotExecuted => None,
                Outcome::Done(changes) => {
                    let next = changes.own.after().cloned().unwrap();
                    check_change(before, &next);
                    Some(next)
                }
                Outcome::Failed { failure, changes } => {
                    assert_eq!(failure.name(), "LimitExceeded");
                    let next = changes.unwrap().own.after().cloned().unwrap();
                    assert_eq!(next.status(), Status::Error);
                    assert_eq!(next.activity_name(), before.activity_name());
                    assert_eq!(next.transitions_len(), before.transitions_len());
                    Some(next)
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_operation_leads_from_one_whole_snapshot_to_the_next(
        edges in edges(),
        operations in operations(),
    ) {
        let mut world = World::new();
        world.limits.auto_hops = 30;
        let scheme = scheme(&lines(&edges));
        let Ok(Outcome::Done(changes)) = world.try_create(&scheme, "owner", "{}") else {
            return Ok(()); // an endless loop from the start
        };
        let mut process = changes.own.after().cloned().unwrap();
        prop_assert_eq!(process.version(), 1);
        for operation in &operations {
            if let Some(next) = apply(&world, &process, operation) {
                process = next;
            }
        }
    }
}
