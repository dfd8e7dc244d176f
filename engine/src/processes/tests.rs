//! Turns, durability, tenants: what holds however operations meet.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::*;
use crate::instance::Status;
use crate::interpreter::tests::fixture::{caller, given, xml};

const LINES: &str = "
    param N Int32 Persistence 0
    command go
    command end
    activity A initial set
    activity End final
    go A A command:go
    go A End command:end
";

/// A store that decides when it is told to.
#[derive(Clone, Default)]
struct Gate {
    waiting: Arc<Mutex<VecDeque<oneshot::Sender<bool>>>>,
    open: Arc<Mutex<bool>>,
}

impl Store for Gate {
    fn commit(&self, _changes: &Changes) -> Commit {
        if *self.open.lock() {
            return Commit::Done(Ok(()));
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().push_back(sender);
        Commit::Pending(Box::pin(async move {
            match receiver.await {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(CommitError::Closed),
            }
        }))
    }
}

impl Gate {
    /// Waits until a commit waits, then decides it.
    async fn decide(&self, durable: bool) {
        let next = loop {
            if let Some(next) = self.waiting.lock().pop_front() {
                break next;
            }
            tokio::task::yield_now().await;
        };
        next.send(durable).unwrap();
    }

    async fn reached(&self) {
        while self.waiting.lock().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(future)
}

/// Lets every other task go as far as it can without this one.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

fn with_scheme(processes: Processes) -> Processes {
    let parsed = Scheme::parse(&xml("Test", LINES), None).unwrap();
    processes.add_scheme(parsed.scheme).unwrap();
    processes
}

fn engine() -> Processes {
    with_scheme(Processes::default())
}

fn gated() -> (Processes, Gate) {
    let gate = Gate::default();
    let setup = Setup {
        store: Box::new(gate.clone()),
        ..Setup::default()
    };
    (with_scheme(Processes::new(setup)), gate)
}

fn create(id: u128, tenant: Option<&str>) -> CreateInstance {
    CreateInstance {
        process_id: Some(Uuid::from_u128(id)),
        scheme_code: "Test".into(),
        caller: caller("ann"),
        tenant: tenant.map(Into::into),
        parameters: Given::default(),
    }
}

fn target(id: u128, tenant: Option<&str>) -> Target {
    Target {
        process_id: Uuid::from_u128(id),
        tenant: tenant.map(Into::into),
    }
}

fn command(id: u128, name: &str) -> ExecuteCommand {
    ExecuteCommand {
        target: target(id, None),
        command: name.into(),
        ..ExecuteCommand::default()
    }
}

fn name<T>(result: Result<T, Failure>) -> &'static str {
    result.map_or_else(|failure| failure.name(), |_| "ok")
}

#[test]
fn an_operation_is_seen_as_soon_as_it_is_answered() {
    block_on(async {
        let engine = engine();
        let made = engine.create(create(1, None)).await.unwrap();
        assert_eq!(made.status(), Status::Idled);
        assert!(Arc::ptr_eq(
            &engine.instance(&target(1, None)).unwrap(),
            &made
        ));
        let executed = engine.execute(command(1, "go")).await.unwrap();
        assert!(executed.was_executed);
        assert_eq!(executed.instance.version(), 2);
        let state = SetState {
            target: target(1, None),
            state: "A".into(),
            parameters: given(r#"{"N":3}"#),
            ..SetState::default()
        };
        assert_eq!(engine.set_state(state).await.unwrap().version(), 3);
        assert_eq!(engine.instance(&target(1, None)).unwrap().version(), 3);
        assert!(engine.exists(&target(1, None)).unwrap());
        assert!(!engine.exists(&target(2, None)).unwrap());
        assert_eq!(engine.count(), 1);
        engine.delete(&target(1, None)).await.unwrap();
        assert_eq!(name(engine.instance(&target(1, None))), "ProcessNotFound");
        assert_eq!(engine.count(), 0);
    });
}

#[test]
fn without_an_id_one_is_made() {
    let request = CreateInstance {
        process_id: None,
        ..create(0, None)
    };
    let made = block_on(engine().create(request)).unwrap();
    assert_eq!(made.id().get_version_num(), 7);
}

#[test]
fn names_and_ids_that_are_not_there_are_told() {
    block_on(async {
        let engine = engine();
        let request = CreateInstance {
            scheme_code: "Tests".into(),
            ..create(1, None)
        };
        let failure = engine.create(request).await.unwrap_err();
        assert_eq!(failure.name(), "SchemeNotFound");
        assert!(
            failure.to_string().contains("did you mean `Test`"),
            "{failure}"
        );
        assert_eq!(
            name(engine.execute(command(1, "go")).await),
            "ProcessNotFound"
        );
        assert_eq!(
            name(engine.delete(&target(1, None)).await),
            "ProcessNotFound"
        );
        assert_eq!(engine.count(), 0);
    });
}

#[test]
fn of_two_creations_with_one_id_one_wins() {
    for durable in [true, false] {
        block_on(async {
            let (engine, gate) = gated();
            let first = tokio::spawn({
                let engine = engine.clone();
                async move { engine.create(create(1, None)).await }
            });
            gate.reached().await;
            let second = tokio::spawn({
                let engine = engine.clone();
                async move { engine.create(create(1, None)).await }
            });
            settle().await;
            assert!(!second.is_finished(), "the outcome is not known yet");
            assert_eq!(name(engine.instance(&target(1, None))), "ProcessNotFound");
            assert_eq!(
                name(engine.execute(command(1, "go")).await),
                "ProcessNotFound"
            );
            gate.decide(durable).await;
            if durable {
                assert_eq!(name(first.await.unwrap()), "ok");
                assert_eq!(name(second.await.unwrap()), "ProcessAlreadyExists");
            } else {
                assert_eq!(name(first.await.unwrap()), "StoreFailed");
                gate.decide(true).await;
                assert_eq!(name(second.await.unwrap()), "ok");
            }
            assert_eq!(engine.count(), 1);
        });
    }
}

#[test]
fn operations_of_one_instance_take_turns_and_too_many_are_told() {
    block_on(async {
        let (engine, gate) = gated();
        *gate.open.lock() = true;
        engine.create(create(1, None)).await.unwrap();
        *gate.open.lock() = false;
        let limits = Limits {
            waiting: 2,
            ..Limits::default()
        };
        engine.set_terms(Terms {
            limits,
            ..Terms::default()
        });
        let go = |name: &'static str| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.execute(command(1, name)).await })
        };
        let first = go("go");
        gate.reached().await;
        let given_up = go("go");
        settle().await;
        let second = go("end");
        settle().await;
        let failure = engine.execute(command(1, "go")).await.unwrap_err();
        assert_eq!(failure.name(), "InstanceBusy");
        given_up.abort();
        settle().await;
        let third = go("go"); // takes the place of the one that gave up
        settle().await;
        assert_eq!(engine.instance(&target(1, None)).unwrap().version(), 1);
        gate.decide(true).await;
        assert_eq!(first.await.unwrap().unwrap().instance.version(), 2);
        gate.decide(true).await;
        assert_eq!(second.await.unwrap().unwrap().instance.version(), 3);
        // In arrival order: the process has ended before the third one's turn.
        assert_eq!(name(third.await.unwrap()), "CommandNotAllowed");
        assert_eq!(engine.instance(&target(1, None)).unwrap().version(), 3);
    });
}

#[test]
fn a_turn_passes_over_those_who_gave_up() {
    block_on(async {
        let (engine, gate) = gated();
        *gate.open.lock() = true;
        engine.create(create(1, None)).await.unwrap();
        *gate.open.lock() = false;
        let go = || {
            let engine = engine.clone();
            tokio::spawn(async move { engine.execute(command(1, "go")).await })
        };
        let first = go();
        gate.reached().await;
        let given_up = go();
        settle().await;
        let last = go();
        settle().await;
        given_up.abort();
        settle().await;
        gate.decide(true).await;
        assert_eq!(name(first.await.unwrap()), "ok");
        gate.reached().await;
        let later = go();
        settle().await;
        assert_eq!(gate.waiting.lock().len(), 1, "one writer at a time");
        gate.decide(true).await;
        assert_eq!(last.await.unwrap().unwrap().instance.version(), 3);
        later.abort();
        settle().await;
        *gate.open.lock() = true;
        gate.waiting.lock().clear(); // the store did not take what was cancelled
        settle().await;
        let next = engine.execute(command(1, "end")).await.unwrap();
        assert_eq!(
            next.instance.version(),
            4,
            "nothing of the cancelled one is left"
        );
    });
}

#[test]
fn who_waits_for_a_process_that_is_deleted_finds_it_gone() {
    block_on(async {
        let (engine, gate) = gated();
        *gate.open.lock() = true;
        engine.create(create(1, None)).await.unwrap();
        *gate.open.lock() = false;
        let delete = tokio::spawn({
            let engine = engine.clone();
            async move { engine.delete(&target(1, None)).await }
        });
        gate.reached().await;
        let waiting = tokio::spawn({
            let engine = engine.clone();
            async move { engine.execute(command(1, "go")).await }
        });
        settle().await;
        assert!(engine.exists(&target(1, None)).unwrap(), "not durable yet");
        gate.decide(true).await;
        assert_eq!(name(delete.await.unwrap()), "ok");
        assert_eq!(name(waiting.await.unwrap()), "ProcessNotFound");
    });
}

#[test]
fn what_the_store_did_not_take_has_not_happened() {
    block_on(async {
        let (engine, gate) = gated();
        *gate.open.lock() = true;
        engine.create(create(1, None)).await.unwrap();
        *gate.open.lock() = false;
        let (failed, ()) = tokio::join!(engine.execute(command(1, "go")), gate.decide(false));
        assert_eq!(name(failed), "StoreFailed");
        assert_eq!(engine.instance(&target(1, None)).unwrap().version(), 1);
        let (done, ()) = tokio::join!(engine.execute(command(1, "go")), gate.decide(true));
        assert_eq!(name(done), "ok");
    });
}

#[test]
fn a_caller_that_goes_away_while_its_change_is_stored_does_not_undo_it() {
    block_on(async {
        let (engine, gate) = gated();
        *gate.open.lock() = true;
        engine.create(create(1, None)).await.unwrap();
        *gate.open.lock() = false;
        let caller = tokio::spawn({
            let engine = engine.clone();
            async move { engine.execute(command(1, "go")).await }
        });
        gate.reached().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        gate.decide(true).await;
        let (next, ()) = tokio::join!(engine.execute(command(1, "go")), gate.decide(true));
        assert_eq!(next.unwrap().instance.version(), 3);
    });
}

#[test]
fn a_failure_while_executing_is_committed_and_told() {
    block_on(async {
        let engine = Processes::default();
        let lines = "
            command go
            activity A initial
            activity B
            run B NotThere
            go A B command:go
        ";
        let parsed = Scheme::parse(&xml("Test", lines), None).unwrap();
        engine.add_scheme(parsed.scheme).unwrap();
        engine.create(create(1, None)).await.unwrap();
        assert_eq!(name(engine.execute(command(1, "go")).await), "ActionFailed");
        let instance = engine.instance(&target(1, None)).unwrap();
        assert_eq!(instance.status(), Status::Error);
        assert_eq!(instance.version(), 2);
    });
}

#[test]
fn a_tenant_that_is_given_must_be_the_instances() {
    for (assert_absent, own, given, want) in [
        (false, Some("north"), Some("north"), "ok"),
        (false, Some("north"), Some("south"), "TenantMismatch"),
        (false, Some("north"), None, "ok"),
        (false, Some("north"), Some(" "), "ok"),
        (false, None, Some("north"), "TenantMismatch"),
        (false, None, None, "ok"),
        (true, Some("north"), None, "TenantMismatch"),
        (true, Some("north"), Some(""), "TenantMismatch"),
        (true, None, None, "ok"),
        (true, None, Some("north"), "TenantMismatch"),
    ] {
        block_on(async {
            let engine = engine();
            engine.create(create(1, own)).await.unwrap();
            engine.set_terms(Terms {
                assert_absent_tenant: assert_absent,
                ..Terms::default()
            });
            let case = (assert_absent, own, given);
            let target = || target(1, given);
            assert_eq!(name(engine.instance(&target())), want, "{case:?}");
            assert_eq!(name(engine.exists(&target())), want, "{case:?}");
            assert_eq!(
                name(engine.available_states(&target(), None)),
                want,
                "{case:?}"
            );
            let query = CommandsQuery {
                target: target(),
                ..CommandsQuery::default()
            };
            assert_eq!(
                name(engine.available_commands(query).await),
                want,
                "{case:?}"
            );
            let execute = ExecuteCommand {
                target: target(),
                ..command(1, "go")
            };
            assert_eq!(name(engine.execute(execute).await), want, "{case:?}");
            let all = engine.delete_all(&[Uuid::from_u128(1)], given).await;
            assert_eq!(name(all), want, "{case:?}");
        });
    }
}

#[test]
fn many_are_deleted_all_or_none() {
    block_on(async {
        let engine = engine();
        for (id, tenant) in [(1, Some("north")), (2, Some("north")), (3, None)] {
            engine.create(create(id, tenant)).await.unwrap();
        }
        let ids = |ids: &[u128]| {
            ids.iter()
                .map(|id| Uuid::from_u128(*id))
                .collect::<Vec<_>>()
        };
        for (list, tenant, want) in [
            (ids(&[1, 2, 9]), None, "ProcessNotFound"),
            (ids(&[1, 2, 3]), Some("north"), "TenantMismatch"),
        ] {
            assert_eq!(name(engine.delete_all(&list, tenant).await), want);
            assert_eq!(engine.count(), 3);
        }
        assert_eq!(
            name(engine.execute(command(1, "go")).await),
            "ok",
            "no turn is kept"
        );
        assert_eq!(
            name(engine.delete_all(&ids(&[2, 1, 2]), Some("north")).await),
            "ok"
        );
        assert_eq!(engine.count(), 1);
        assert_eq!(name(engine.delete_all(&[], None).await), "ok");
    });
}

#[test]
fn instances_are_bounded_and_a_refused_creation_takes_no_place() {
    block_on(async {
        let engine = engine();
        let limits = Limits {
            instances: 1,
            ..Limits::default()
        };
        engine.set_terms(Terms {
            limits,
            ..Terms::default()
        });
        let refused = CreateInstance {
            parameters: given(r#"{"N":"many"}"#),
            ..create(1, None)
        };
        assert_eq!(name(engine.create(refused).await), "ParameterInvalid");
        assert_eq!(name(engine.create(create(2, None)).await), "ok");
        assert_eq!(name(engine.create(create(3, None)).await), "LimitExceeded");
        assert_eq!(
            name(engine.create(create(2, None)).await),
            "ProcessAlreadyExists"
        );
    });
}

#[test]
fn identities_and_tenants_are_short() {
    block_on(async {
        let engine = engine();
        let long = "x".repeat(2000);
        let by_tenant = engine.create(create(1, Some(&long))).await;
        assert_eq!(name(by_tenant), "ParameterInvalid");
        engine.create(create(1, None)).await.unwrap();
        let by_identity = ExecuteCommand {
            caller: caller(&long),
            ..command(1, "go")
        };
        assert_eq!(name(engine.execute(by_identity).await), "ParameterInvalid");
    });
}

#[test]
fn no_operation_is_lost_between_threads() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    let engine = engine();
    block_on(engine.create(create(1, None))).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                block_on(async {
                    for _ in 0..ROUNDS {
                        let executed = engine.execute(command(1, "go")).await.unwrap();
                        assert!(executed.was_executed);
                    }
                });
            });
        }
    });
    let instance = engine.instance(&target(1, None)).unwrap();
    assert_eq!(instance.transitions_len(), THREADS * ROUNDS);
    assert_eq!(instance.version(), 1 + (THREADS * ROUNDS) as u64);
}

#[test]
fn futures_may_move_between_threads() {
    fn sends<T: Send>(_: &T) {}
    let engine = engine();
    sends(&engine.create(create(1, None)));
    sends(&engine.execute(command(1, "go")));
    sends(&engine.available_commands(CommandsQuery::default()));
    sends(&engine.delete_all(&[], None));
}
