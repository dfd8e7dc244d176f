//! The actions and conditions that every engine has.
//!
//! In: their parameters as the basic plugin of the other product documents them.
//! Out: effects and decisions.
//! Elsewhere: `CheckParameter` (its own file), rules (`rules`).

use std::sync::Arc;

use uuid::Uuid;

use super::check_parameter::CheckParameter;
use super::{Action, Answer, Call, Condition, Effect, Error, Members, Providers, SetAfter};
use crate::failure::Known;
use crate::instance::Status;

pub(super) fn register(providers: &mut Providers) {
    providers
        .action("SetParameter", SetParameter)
        .action("RemoveParameter", RemoveParameter)
        .action("SetState", SetState)
        .action("SetActivity", SetActivity)
        .condition("CheckParameter", CheckParameter)
        .condition(
            "CheckAllSubprocessesCompleted",
            CheckAllSubprocessesCompleted,
        )
        .condition("IsProcessFinalized", IsProcessFinalized)
        .condition("IsProcessFinish", IsProcessFinalized);
}

/// `SetParameter` `{Name, Value, ForRootProcess}`.
struct SetParameter;

impl Action for SetParameter {
    fn execute<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Effect>> {
        let effects = || {
            let members = Members::of(&call)?;
            own_process(&call, &members)?;
            Ok(vec![Effect::SetParameter {
                name: members.required("Name")?.into(),
                value: members
                    .raw("Value")
                    .ok_or(Error::Lacks("Value"))?
                    .to_owned(),
            }])
        };
        effects().into()
    }
}

/// `RemoveParameter` `{Name, ForRootProcess}`, or the name alone.
struct RemoveParameter;

impl Action for RemoveParameter {
    fn execute<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Effect>> {
        let effects = || {
            let members = Members::of(&call)?;
            own_process(&call, &members)?;
            let name = members.only("Name").ok_or(Error::Lacks("Name"))?;
            Ok(vec![Effect::RemoveParameter { name: name.into() }])
        };
        effects().into()
    }
}

/// `SetState` `{Name, SetAfter, ProcessId}`, or the name alone.
struct SetState;

impl Action for SetState {
    fn execute<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Effect>> {
        let effects = || {
            let members = Members::of(&call)?;
            let other = members.text("ProcessId");
            if other.is_some_and(|id| Uuid::try_parse(&id) != Ok(call.process.instance().id())) {
                return Err(Error::NotServed {
                    member: "ProcessId",
                });
            }
            Ok(vec![Effect::SetState {
                name: members.only("Name").ok_or(Error::Lacks("Name"))?,
                after: set_after(&members)?,
            }])
        };
        effects().into()
    }
}

/// `SetActivity` `{Name, SetAfter}`, or the name alone.
struct SetActivity;

impl Action for SetActivity {
    fn execute<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Effect>> {
        let effects = || {
            let members = Members::of(&call)?;
            Ok(vec![Effect::SetActivity {
                name: members.only("Name").ok_or(Error::Lacks("Name"))?,
                after: set_after(&members)?,
            }])
        };
        effects().into()
    }
}

fn set_after(members: &Members<'_>) -> Result<SetAfter, Error> {
    match members.text("SetAfter").as_deref() {
        None | Some("" | "AfterActivity") => Ok(SetAfter::AfterActivity),
        Some("AfterAction") => Ok(SetAfter::AfterAction),
        Some(found) => Err(Error::Unknown {
            member: "SetAfter",
            known: Known::of(["AfterAction", "AfterActivity"], found),
            found: found.into(),
        }),
    }
}

/// `ForRootProcess` reaches beyond this process only from a subprocess.
pub(super) fn own_process(call: &Call<'_>, members: &Members<'_>) -> Result<(), Error> {
    let for_root = members
        .text("ForRootProcess")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if for_root && call.process.instance().parent_process_id().is_some() {
        return Err(Error::NotServed {
            member: "ForRootProcess",
        });
    }
    Ok(())
}

/// `CheckAllSubprocessesCompleted` `{Mode}`: no version starts subprocesses yet, so none is open.
struct CheckAllSubprocessesCompleted;

impl Condition for CheckAllSubprocessesCompleted {
    fn holds<'a>(&'a self, _call: Call<'a>) -> Answer<'a, bool> {
        Answer::Now(Ok(true))
    }
}

/// `IsProcessFinalized` `{ProcessId}`, or the id alone; this process without one. A process that
/// is not there is not finalized.
struct IsProcessFinalized;

impl Condition for IsProcessFinalized {
    fn holds<'a>(&'a self, call: Call<'a>) -> Answer<'a, bool> {
        let holds = || {
            let Some(id) = Members::of(&call)?.only("ProcessId") else {
                return Ok(call.process.activity().is_final);
            };
            let Some(id) = crate::parameter::parse_guid(&id) else {
                return Err(Error::Unknown {
                    member: "ProcessId",
                    found: id,
                    known: Known::none(),
                });
            };
            let status = call.process.other(id).map(|other: Arc<_>| other.status());
            Ok(status == Some(Status::Finalized))
        };
        holds().into()
    }
}
