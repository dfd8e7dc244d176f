//! A scheme: the validated graph that an instance walks.
//!
//! In: scheme XML. Out: a [`Scheme`] whose names are resolved to indices and whose expressions
//! are compiled, with warnings, or every fault with its line, column and a hint.
//! Rules: strict about structure, lenient about the unknown: what is not understood is kept in
//! the source and warned about; a document type definition is refused before the parser sees it.
//! Elsewhere: walking it (`interpreter`), which versions exist (`registry`).

use std::collections::{HashMap, HashSet};
use std::ops::Index;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

mod check;
mod declarations;
mod document;
mod draw;
mod fault;
mod graph;
mod localization;
mod model;
mod names;
mod read;
mod reader;
mod scan;
#[cfg(test)]
mod tests;
pub mod timer;
mod vocabulary;

pub use fault::{Fault, Problem, SchemeFaults};
pub use model::{
    ActionRef, Activity, Actor, Classifier, CodeAction, Command, CommandInput, Concatenation,
    Condition, ConditionKind, Fork, ForkDirection, Localization, LocalizedKind,
    ParameterDefinition, Restriction, RestrictionKind, Timer, TimerKind, Transition, Trigger,
};
pub use scan::{ATTRIBUTES_MAX, BYTES_MAX, DEPTH_MAX};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident, $list:ident, $item:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The place in the scheme's list of its kind.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        /// # Panics
        /// With an id of another scheme version: ids are made by the parser, for its own scheme.
        impl Index<$name> for Scheme {
            type Output = $item;

            fn index(&self, id: $name) -> &$item {
                &self.$list[id.index()]
            }
        }
    };
}
index!(/// An activity of one scheme version.
    ActivityId, activities, Activity);
index!(/// A transition of one scheme version.
    TransitionId, transitions, Transition);
index!(/// A command of one scheme version.
    CommandId, commands, Command);
index!(/// An actor of one scheme version.
    ActorId, actors, Actor);
index!(/// A timer of one scheme version.
    TimerId, timers, Timer);
index!(/// A declared parameter of one scheme version.
    ParameterId, parameters, ParameterDefinition);

/// One immutable version of a scheme. Made only by the parser, so every id in it is in range.
#[derive(Debug)]
pub struct Scheme {
    /// Identifies exactly this version (`SchemeId` in the API). Nil until [`Scheme::with_id`].
    pub id: Uuid,
    /// The scheme's name (`SchemeCode` in the API).
    pub code: Arc<str>,
    /// The XML as it was read, byte for byte.
    pub source: Arc<str>,
    /// Words to find the scheme by.
    pub tags: Vec<Box<str>>,
    /// Whether other schemes may take this one in.
    pub can_be_inlined: bool,
    /// Whether its processes write a log.
    pub log_enabled: bool,
    /// In document order, as are the lists that follow.
    pub actors: Vec<Actor>,
    /// Those that the scheme declares; the System parameters are there without.
    pub parameters: Vec<ParameterDefinition>,
    /// What callers may execute.
    pub commands: Vec<Command>,
    /// What fires by itself.
    pub timers: Vec<Timer>,
    /// The nodes of the graph.
    pub activities: Vec<Activity>,
    /// The edges of the graph.
    pub transitions: Vec<Transition>,
    /// Code in other languages: kept, not run.
    pub code_actions: Vec<CodeAction>,
    /// Where a new instance starts.
    pub initial: ActivityId,
    /// Names for people.
    pub localization: Localization,
    places: Places,
}

/// What a parse gives: the scheme, and what its author should look at.
#[derive(Debug)]
pub struct Parsed {
    /// The scheme, with a nil id.
    pub scheme: Scheme,
    /// In document order: unknown elements and attributes, and what will not do what it seems to.
    pub warnings: Vec<Fault>,
}

/// Names to places, so that no request walks a list.
#[derive(Debug, Default)]
struct Places {
    activities: HashMap<Arc<str>, ActivityId, RandomState>,
    transitions: HashMap<Arc<str>, TransitionId, RandomState>,
    commands: HashMap<Arc<str>, CommandId, RandomState>,
    actors: HashMap<Arc<str>, ActorId, RandomState>,
    timers: HashMap<Arc<str>, TimerId, RandomState>,
    parameters: HashMap<Arc<str>, ParameterId, RandomState>,
    /// Each state once, in document order.
    states: Vec<Arc<str>>,
    /// The activity that setting a state leads to.
    settable: HashMap<Arc<str>, ActivityId, RandomState>,
    known_states: HashSet<Arc<str>, RandomState>,
}

impl Scheme {
    /// Reads a scheme from XML.
    ///
    /// `file_name` is for messages, and gives the scheme its code where `Process` has no `Name`,
    /// as in old files.
    ///
    /// # Errors
    /// Every fault of the scheme, up to [`SchemeFaults::FAULTS_MAX`]; of malformed XML the first.
    pub fn parse(source: &str, file_name: Option<&str>) -> Result<Parsed, SchemeFaults> {
        read::scheme(source, file_name)
    }

    /// Reads a scheme from the bytes of a file: UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// As [`Scheme::parse`]; other encodings are refused by name.
    pub fn parse_bytes(source: &[u8], file_name: Option<&str>) -> Result<Parsed, SchemeFaults> {
        match scan::decode(source) {
            Ok(text) => Self::parse(text, file_name),
            Err((readable, offset, problem)) => {
                Err(SchemeFaults::one(readable, file_name, offset, problem))
            }
        }
    }

    /// The same scheme under the id that the registry gave it.
    #[must_use]
    pub fn with_id(self, id: Uuid) -> Self {
        Self { id, ..self }
    }

    /// The activity of that name.
    pub fn activity(&self, name: &str) -> Option<ActivityId> {
        self.places.activities.get(name).copied()
    }

    /// The transition of that name.
    pub fn transition(&self, name: &str) -> Option<TransitionId> {
        self.places.transitions.get(name).copied()
    }

    /// The command of that name.
    pub fn command(&self, name: &str) -> Option<CommandId> {
        self.places.commands.get(name).copied()
    }

    /// The actor of that name.
    pub fn actor(&self, name: &str) -> Option<ActorId> {
        self.places.actors.get(name).copied()
    }

    /// The timer of that name.
    pub fn timer(&self, name: &str) -> Option<TimerId> {
        self.places.timers.get(name).copied()
    }

    /// The declared parameter of that name; System parameters need no declaration.
    pub fn parameter(&self, name: &str) -> Option<ParameterId> {
        self.places.parameters.get(name).copied()
    }

    /// Every state, once, in document order.
    pub fn states(&self) -> impl Iterator<Item = &Arc<str>> {
        self.places.states.iter()
    }

    /// Whether any activity has that state.
    pub fn has_state(&self, state: &str) -> bool {
        self.places.known_states.contains(state)
    }

    /// Where setting that state leads: its first activity, in document order, that allows it.
    pub fn settable(&self, state: &str) -> Option<ActivityId> {
        self.places.settable.get(state).copied()
    }

    /// The states that can be set, in document order.
    pub fn settable_states(&self) -> impl Iterator<Item = &Arc<str>> {
        self.states().filter(|state| self.settable(state).is_some())
    }

    /// Fills the places from the lists, which do not change any more.
    fn placed(mut self) -> Self {
        let mut places = Places::default();
        for (number, activity) in (0..).zip(&self.activities) {
            let id = ActivityId(number);
            places.activities.insert(Arc::clone(&activity.name), id);
            let Some(state) = &activity.state else {
                continue;
            };
            if places.known_states.insert(Arc::clone(state)) {
                places.states.push(Arc::clone(state));
            }
            if activity.is_for_set_state {
                places.settable.entry(Arc::clone(state)).or_insert(id);
            }
        }
        places.transitions = of(&self.transitions, |item| &item.name, TransitionId);
        places.commands = of(&self.commands, |item| &item.name, CommandId);
        places.actors = of(&self.actors, |item| &item.name, ActorId);
        places.timers = of(&self.timers, |item| &item.name, TimerId);
        places.parameters = of(&self.parameters, |item| &item.name, ParameterId);
        self.places = places;
        self
    }
}

fn of<T, I>(
    list: &[T],
    name: fn(&T) -> &Arc<str>,
    id: fn(u32) -> I,
) -> HashMap<Arc<str>, I, RandomState> {
    (0..)
        .zip(list)
        .map(|(number, item)| (Arc::clone(name(item)), id(number)))
        .collect()
}
