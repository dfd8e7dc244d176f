//! What a scheme consists of, with every name resolved.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{ActivityId, ActorId, CommandId, ParameterId, TimerId, TransitionId};
use crate::expression::Program;
use crate::parameter::{Purpose, Type, Value};

/// Who may act: a rule with its value.
#[derive(Debug)]
pub struct Actor {
    /// Its name, unique among actors.
    pub name: Arc<str>,
    /// The rule's name, such as `CheckRole`.
    pub rule: Arc<str>,
    /// The rule's value, such as a role.
    pub value: Arc<str>,
}

/// A parameter that the scheme declares.
#[derive(Debug)]
pub struct ParameterDefinition {
    /// Its name, unique among parameters.
    pub name: Arc<str>,
    /// What its values are.
    pub r#type: Type,
    /// How long a value lives.
    pub purpose: Purpose,
    /// What it has in a new process.
    pub initial: Option<Value>,
}

/// A command that callers may execute.
#[derive(Debug)]
pub struct Command {
    /// Its name, unique among commands.
    pub name: Arc<str>,
    /// What it takes.
    pub inputs: Vec<CommandInput>,
}

/// A parameter that a command takes.
#[derive(Debug)]
pub struct CommandInput {
    /// The name that the caller uses.
    pub name: Arc<str>,
    /// The parameter that it sets.
    pub parameter: ParameterId,
    /// Whether a caller must give it when there is no default.
    pub required: bool,
    /// What it is when not given.
    pub default: Option<Value>,
}

/// A timer, armed on entering an activity with a transition that it triggers.
#[derive(Debug)]
pub struct Timer {
    /// Its name, unique among timers.
    pub name: Arc<str>,
    /// How its value is read.
    pub kind: TimerKind,
    /// As written, and known to fit the kind; may be a parameter `@Name`.
    pub value: Arc<str>,
    /// Whether an armed timer goes on at a new entry (`NotOverrideIfExists`).
    pub keep_armed: bool,
}

/// How a timer's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// At once.
    Immediate,
    /// After a time: `1d 2h 30m`.
    Interval,
    /// At the next such time of day.
    Time,
    /// At the beginning of a day.
    Date,
    /// At a moment.
    DateAndTime,
    /// At what an expression says. Kept, not run.
    Expression,
}

/// A node of the graph.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of the format, each on its own"
)]
pub struct Activity {
    /// Its name, unique among activities.
    pub name: Arc<str>,
    /// Several activities may share a state.
    pub state: Option<Arc<str>>,
    /// Whether a new process starts here; exactly one does.
    pub is_initial: bool,
    /// Whether a process ends here.
    pub is_final: bool,
    /// Whether setting its state leads here.
    pub is_for_set_state: bool,
    /// Whether a process standing here moves to the newest version of the scheme.
    pub is_auto_scheme_update: bool,
    /// Whether entering it is stored as the process's state.
    pub persist_state: bool,
    /// Whether entering it is written to the history.
    pub persist_transition_history: bool,
    /// What runs on entering, in `Order`.
    pub implementation: Vec<ActionRef>,
    /// What runs instead in pre-execution, in `Order`.
    pub pre_execution: Vec<ActionRef>,
    /// Whether it has exception handlers or timeouts, which are kept and not run.
    pub has_handlers: bool,
    /// Transitions that leave this activity, in document order.
    pub outgoing: Vec<TransitionId>,
}

/// A call of an action by name.
#[derive(Debug)]
pub struct ActionRef {
    /// The action's name; who provides it is known only at run time.
    pub name: Arc<str>,
    /// `ActionParameter` as text.
    pub parameter: Option<Arc<str>>,
}

/// An edge of the graph.
#[derive(Debug)]
pub struct Transition {
    /// Its name, unique among transitions.
    pub name: Arc<str>,
    /// Where it leaves.
    pub from: ActivityId,
    /// Where it leads.
    pub to: ActivityId,
    /// Whether it goes forward or back, for the previous-state fields.
    pub classifier: Classifier,
    /// What makes it a candidate. None: it never is.
    pub triggers: Vec<Trigger>,
    /// Who may take it. None: everyone.
    pub restrictions: Vec<Restriction>,
    /// How Allow restrictions join.
    pub allow_concatenation: Concatenation,
    /// How Restrict restrictions join.
    pub restrict_concatenation: Concatenation,
    /// When it fires; never empty, since none written means Always.
    pub conditions: Vec<Condition>,
    /// How conditions join.
    pub conditions_concatenation: Concatenation,
    /// Present when the transition starts or ends a subprocess.
    pub fork: Option<Fork>,
}

/// Whether a transition goes forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Classifier {
    /// Neither.
    NotSpecified,
    /// Forward.
    Direct,
    /// Back.
    Reverse,
}

/// What makes a transition a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A caller's command.
    Command(CommandId),
    /// Standing in the activity.
    Auto,
    /// A timer that ran out.
    Timer(TimerId),
}

/// Lets an actor through, or keeps one out.
#[derive(Clone, Copy, Debug)]
pub struct Restriction {
    /// Which of both.
    pub kind: RestrictionKind,
    /// Whom.
    pub actor: ActorId,
}

/// What a restriction does with its actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestrictionKind {
    /// Lets through.
    Allow,
    /// Keeps out.
    Restrict,
}

/// How several of a kind join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concatenation {
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

/// When a candidate transition fires.
#[derive(Debug)]
pub struct Condition {
    /// What is asked.
    pub kind: ConditionKind,
    /// Whether the answer is turned round; only for Action and Expression.
    pub inverted: bool,
    /// The answer in pre-execution, where it is given.
    pub result_on_pre_execution: Option<bool>,
}

/// What a condition asks.
#[derive(Debug)]
pub enum ConditionKind {
    /// Nothing: it holds.
    Always,
    /// Whether no other candidate fired.
    Otherwise,
    /// A condition provider.
    Action(ActionRef),
    /// The parameters.
    Expression(Program),
}

/// How an `IsFork` transition starts or ends a subprocess.
#[derive(Clone, Copy, Debug)]
pub struct Fork {
    /// Whether it starts or ends one.
    pub direction: ForkDirection,
    /// Whether the parent is set to the target when the subprocess ends.
    pub merge_via_set_state: bool,
    /// Whether the subprocess lives on where the parent can no longer have started it.
    pub disable_parent_state_control: bool,
}

/// Whether a fork starts or ends a subprocess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkDirection {
    /// As the regions of the graph say.
    Auto,
    /// It starts one.
    Start,
    /// It ends one.
    Finalize,
}

/// Code in another language. It is kept; an action of its name runs only if somebody provides it.
#[derive(Debug)]
pub struct CodeAction {
    /// The name that action references use.
    pub name: Arc<str>,
    /// As written: `Action`, `Condition`, `RuleCheck`, `RuleGet`.
    pub kind: Arc<str>,
}

/// Names for people, by culture.
#[derive(Debug, Default)]
pub struct Localization {
    pub(super) entries: Vec<Localized>,
    /// By kind, then by object, in document order.
    pub(super) places: [HashMap<Box<str>, Vec<u32>, RandomState>; 3],
}

#[derive(Debug)]
pub(super) struct Localized {
    pub(super) is_default: bool,
    pub(super) culture: Box<str>,
    pub(super) value: Arc<str>,
}

/// What a name for people names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LocalizedKind {
    /// A command.
    Command,
    /// A state.
    State,
    /// A parameter.
    Parameter,
}
