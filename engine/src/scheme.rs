//! A scheme: the validated graph that an instance walks.
//!
//! In: scheme XML. Out: a [`Scheme`] whose names are resolved to indices and whose expressions
//! are compiled, or every fault with its line, column and a hint.
//! Elsewhere: walking it (`interpreter`), which versions exist (`registry`).

use std::sync::Arc;

use uuid::Uuid;

use crate::expression::Program;
use crate::parameter::{Purpose, Type, Value};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The place in the scheme's list of its kind.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
index!(/// An activity of one scheme version.
    ActivityId);
index!(/// A transition of one scheme version.
    TransitionId);
index!(/// A command of one scheme version.
    CommandId);
index!(/// An actor of one scheme version.
    ActorId);
index!(/// A timer of one scheme version.
    TimerId);
index!(/// A declared parameter of one scheme version.
    ParameterId);

/// One immutable version of a scheme. Made only by the parser, so every id in it is in range.
#[derive(Debug)]
pub struct Scheme {
    /// Identifies exactly this version (`SchemeId` in the API).
    pub id: Uuid,
    /// The scheme's name (`SchemeCode` in the API).
    pub code: Arc<str>,
    /// The XML as it was read, byte for byte.
    pub source: Arc<str>,
    /// Words to find the scheme by.
    pub tags: Vec<Box<str>>,
    pub actors: Vec<Actor>,
    pub parameters: Vec<ParameterDefinition>,
    pub commands: Vec<Command>,
    pub timers: Vec<Timer>,
    pub activities: Vec<Activity>,
    pub transitions: Vec<Transition>,
    /// Where a new instance starts.
    pub initial: ActivityId,
    pub localization: Localization,
}

/// Who may act: a rule with its value.
#[derive(Debug)]
pub struct Actor {
    pub name: Arc<str>,
    /// The rule's name, such as `CheckRole`.
    pub rule: Arc<str>,
    /// The rule's value, such as a role.
    pub value: Arc<str>,
}

/// A parameter that the scheme declares.
#[derive(Debug)]
pub struct ParameterDefinition {
    pub name: Arc<str>,
    pub r#type: Type,
    pub purpose: Purpose,
    pub initial: Option<Value>,
}

/// A command that callers may execute.
#[derive(Debug)]
pub struct Command {
    pub name: Arc<str>,
    pub inputs: Vec<CommandInput>,
}

/// A parameter that a command takes.
#[derive(Debug)]
pub struct CommandInput {
    /// The name that the caller uses.
    pub name: Arc<str>,
    pub parameter: ParameterId,
    pub required: bool,
    pub default: Option<Value>,
}

/// A timer, armed on entering an activity with a transition that it triggers.
#[derive(Debug)]
pub struct Timer {
    pub name: Arc<str>,
    pub kind: TimerKind,
    /// As written; may be a parameter `@Name`.
    pub value: Arc<str>,
    pub keep_armed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    Immediate,
    Interval,
    Time,
    Date,
    DateAndTime,
    Expression,
}

/// A node of the graph.
#[derive(Debug)]
pub struct Activity {
    pub name: Arc<str>,
    /// Several activities may share a state.
    pub state: Option<Arc<str>>,
    pub is_initial: bool,
    pub is_final: bool,
    pub is_for_set_state: bool,
    pub is_auto_scheme_update: bool,
    pub persist_state: bool,
    pub persist_transition_history: bool,
    /// In `Order`.
    pub implementation: Vec<ActionRef>,
    pub pre_execution: Vec<ActionRef>,
    /// Transitions that leave this activity, in document order.
    pub outgoing: Vec<TransitionId>,
}

/// A call of an action by name.
#[derive(Debug)]
pub struct ActionRef {
    pub name: Arc<str>,
    /// `ActionParameter` as text.
    pub parameter: Option<Arc<str>>,
}

/// An edge of the graph.
#[derive(Debug)]
pub struct Transition {
    pub name: Arc<str>,
    pub from: ActivityId,
    pub to: ActivityId,
    pub classifier: Classifier,
    pub triggers: Vec<Trigger>,
    pub restrictions: Vec<Restriction>,
    pub allow_concatenation: Concatenation,
    pub restrict_concatenation: Concatenation,
    pub conditions: Vec<Condition>,
    pub conditions_concatenation: Concatenation,
    /// Present when the transition starts or ends a subprocess.
    pub fork: Option<Fork>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classifier {
    NotSpecified,
    Direct,
    Reverse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    Command(CommandId),
    Auto,
    Timer(TimerId),
}

/// Lets an actor through, or keeps one out.
#[derive(Clone, Copy, Debug)]
pub struct Restriction {
    pub kind: RestrictionKind,
    pub actor: ActorId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestrictionKind {
    Allow,
    Restrict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concatenation {
    And,
    Or,
}

/// When a candidate transition fires.
#[derive(Debug)]
pub struct Condition {
    pub kind: ConditionKind,
    pub inverted: bool,
    pub result_on_pre_execution: Option<bool>,
}

#[derive(Debug)]
pub enum ConditionKind {
    Always,
    Otherwise,
    Action(ActionRef),
    Expression(Program),
}

/// How an `IsFork` transition starts or ends a subprocess.
#[derive(Clone, Copy, Debug)]
pub struct Fork {
    pub direction: ForkDirection,
    pub merge_via_set_state: bool,
    pub disable_parent_state_control: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkDirection {
    Auto,
    Start,
    Finalize,
}

/// Names for people, by culture.
#[derive(Debug, Default)]
pub struct Localization {
    pub(crate) entries: Vec<Localized>,
}

impl Localization {
    /// The name for people in a culture.
    pub fn name(&self, kind: LocalizedKind, object: &str, culture: Option<&str>) -> Option<&str> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| {
            entry.kind == kind
                && *entry.object == *object
                && culture.map_or(entry.is_default, |culture| *entry.culture == *culture)
        });
        entry.map(|entry| &*entry.value)
    }
}

#[derive(Debug)]
pub(crate) struct Localized {
    pub kind: LocalizedKind,
    pub is_default: bool,
    pub culture: Box<str>,
    pub object: Box<str>,
    pub value: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalizedKind {
    Command,
    State,
    Parameter,
}
