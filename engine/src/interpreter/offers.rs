//! What a caller could do with an instance now.
//!
//! In: an instance, a caller, a culture. Out: the commands that [`super::step`] would take from
//! that caller (conditions not asked), and the states that may be set.

use std::sync::Arc;

use uuid::Uuid;

use super::draft::Draft;
use super::input::Caller;
use super::{effective, restrict};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::instance::{Instance, Status};
use crate::parameter::Value;
use crate::scheme::{
    ActivityId, Classifier, CommandId, CommandInput, LocalizedKind, Scheme, TransitionId, Trigger,
};

/// A command that the caller may give: the API's `Command`.
#[derive(Clone, Debug)]
pub struct AvailableCommand {
    scheme: Arc<Scheme>,
    command: CommandId,
    activity: ActivityId,
    classifier: Classifier,
    culture: Option<Box<str>>,
    process: Uuid,
    identities: Vec<Arc<str>>,
}

impl AvailableCommand {
    /// `CommandName`.
    pub fn name(&self) -> &str {
        &self.scheme[self.command].name
    }

    /// `LocalizedName`: in the culture asked for, the scheme's default, or the name itself.
    pub fn localized_name(&self) -> &str {
        self.localized(LocalizedKind::Command, self.name())
    }

    /// `Classifier` of the transition that it would fire first.
    pub fn classifier(&self) -> Classifier {
        self.classifier
    }

    /// `IsForSubprocess`: a child would execute it.
    pub fn is_for_subprocess(&self) -> bool {
        false // no version starts subprocesses yet
    }

    /// `ValidForActivityName`.
    pub fn activity_name(&self) -> &str {
        &self.scheme[self.activity].name
    }

    /// `ValidForStateName`.
    pub fn state_name(&self) -> Option<&str> {
        self.scheme[self.activity].state.as_deref()
    }

    /// `ProcessId`: the instance that would execute it.
    pub fn process_id(&self) -> Uuid {
        self.process
    }

    /// `Identities` who may give it: the asking one, and those that the restrictions list; none
    /// listed where everyone may.
    pub fn identities(&self) -> impl ExactSizeIterator<Item = &str> {
        self.identities.iter().map(|identity| &**identity)
    }

    /// `Parameters`.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = CommandParameter<'_>> {
        let inputs = &self.scheme[self.command].inputs;
        inputs.iter().map(|input| CommandParameter {
            command: self,
            input,
        })
    }

    fn localized<'a>(&'a self, kind: LocalizedKind, name: &'a str) -> &'a str {
        let localization = &self.scheme.localization;
        let localized = localization.name(kind, name, self.culture.as_deref());
        localized.unwrap_or(name)
    }
}

/// A parameter that a command takes.
#[derive(Clone, Copy, Debug)]
pub struct CommandParameter<'a> {
    command: &'a AvailableCommand,
    input: &'a CommandInput,
}

impl<'a> CommandParameter<'a> {
    /// `ParameterName`, as the caller gives it.
    pub fn name(&self) -> &'a str {
        &self.input.name
    }

    /// `LocalizedName`.
    pub fn localized_name(&self) -> &'a str {
        self.command
            .localized(LocalizedKind::Parameter, &self.input.name)
    }

    /// `TypeName`: the CLR name.
    pub fn type_name(&self) -> &'a str {
        let definition = &self.command.scheme[self.input.parameter];
        definition.r#type.clr_name()
    }

    /// `IsRequired`.
    pub fn is_required(&self) -> bool {
        self.input.required
    }

    /// `DefaultValue`.
    pub fn default_value(&self) -> Option<&'a Value> {
        self.input.default.as_ref()
    }
}

/// A state that may be set: the API's `State`.
#[derive(Clone, Debug)]
pub struct AvailableState {
    scheme: Arc<Scheme>,
    name: Arc<str>,
    culture: Option<Box<str>>,
}

impl AvailableState {
    /// `Name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `VisibleName`: in the culture asked for, the scheme's default, or the name itself.
    pub fn visible_name(&self) -> &str {
        let localization = &self.scheme.localization;
        let culture = self.culture.as_deref();
        let localized = localization.name(LocalizedKind::State, &self.name, culture);
        localized.unwrap_or(&self.name)
    }

    /// `SchemeCode`.
    pub fn scheme_code(&self) -> &str {
        &self.scheme.code
    }
}

/// The commands that the caller may give now, in the order of the transitions; only `wanted`
/// where it is named.
pub(crate) async fn available_commands(
    instance: &Instance,
    caller: &Caller,
    culture: Option<&str>,
    wanted: Option<&str>,
    environment: &Environment<'_>,
) -> Result<Vec<AvailableCommand>, Failure> {
    let (versions, activity) = effective(instance, environment);
    let draft = Draft::new(instance, &versions, activity, caller);
    let mut offers: Vec<AvailableCommand> = Vec::new();
    for (command, transition) in open(&draft) {
        let name = &*draft.scheme[command].name;
        if wanted.is_some_and(|wanted| wanted != name)
            || !restrict::allows(&draft, transition, environment).await?
        {
            continue;
        }
        let max = environment.limits.identities;
        let listed = restrict::identities(&draft, transition, max, environment).await?;
        let place = offers.iter().position(|offer| offer.command == command);
        let place = place.unwrap_or_else(|| {
            offers.push(AvailableCommand {
                scheme: Arc::clone(&versions.current),
                command,
                activity,
                classifier: draft.scheme[transition].classifier,
                culture: culture.map(Into::into),
                process: instance.id,
                identities: draft.actor.iter().cloned().collect(),
            });
            offers.len() - 1
        });
        let identities = &mut offers[place].identities;
        for identity in listed {
            if identities.len() < max && !identities.contains(&identity) {
                identities.push(identity);
            }
        }
    }
    Ok(offers)
}

/// The states that may be set, in any status of the instance.
pub(crate) fn available_states(
    instance: &Instance,
    culture: Option<&str>,
    environment: &Environment<'_>,
) -> Vec<AvailableState> {
    let (versions, _) = effective(instance, environment);
    let scheme = versions.current;
    scheme
        .settable_states()
        .map(|name| AvailableState {
            scheme: Arc::clone(&scheme),
            name: Arc::clone(name),
            culture: culture.map(Into::into),
        })
        .collect()
}

/// The names of the commands that the draft's caller may give now.
pub(super) async fn names_available(
    draft: &Draft<'_>,
    environment: &Environment<'_>,
) -> Result<Vec<Arc<str>>, Failure> {
    let mut names: Vec<Arc<str>> = Vec::new();
    for (command, transition) in open(draft) {
        let name = &draft.scheme[command].name;
        if !names.contains(name) && restrict::allows(draft, transition, environment).await? {
            names.push(Arc::clone(name));
        }
    }
    Ok(names)
}

/// The command transitions that leave where the process waits.
fn open(draft: &Draft<'_>) -> Vec<(CommandId, TransitionId)> {
    match draft.before.status {
        Status::Initialized | Status::Running | Status::Idled => {}
        Status::Finalized | Status::Terminated | Status::Error => return Vec::new(),
    }
    let scheme = draft.scheme;
    let mut open = Vec::new();
    for id in &draft.standing().outgoing {
        for trigger in &scheme[*id].triggers {
            match trigger {
                Trigger::Command(command) => open.push((*command, *id)),
                Trigger::Auto | Trigger::Timer(_) => {}
            }
        }
    }
    open
}
