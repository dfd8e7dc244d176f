//! Actions, conditions and rules by name: built in, registered in code, or hosted elsewhere.
//!
//! In: a [`Call`] with the process as it stands. Out: what should happen ([`Effect`]s), a
//! Boolean, or identities; a provider changes nothing itself.
//! Rules: Workflow API, built-in providers.
//! Elsewhere: when they are called and what their effects do (`interpreter`).

mod builtin;
mod check_parameter;
mod rules;

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::value::RawValue;
use thiserror::Error;

use crate::failure::{ExecutionFault, Known, ParameterFault};
pub use crate::interpreter::View;
use crate::scheme::{ConditionKind, Scheme};

/// What a provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Run on entering an activity.
    Action,
    /// Decides whether a transition fires.
    Condition,
    /// Decides who may give a command.
    Rule,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Action => "action",
            Self::Condition => "condition",
            Self::Rule => "rule",
        })
    }
}

/// One use of a provider.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The name that it was found by.
    pub name: &'a str,
    /// `ActionParameter` of an action or condition, the `Value` of a rule's actor; as written.
    pub parameter: Option<&'a str>,
    /// The process as it stands in the middle of the operation.
    pub process: &'a View<'a>,
}

/// A provider's answer: built-in ones know it at once and need no allocation.
pub enum Answer<'a, T> {
    /// It is known.
    Now(Result<T, Error>),
    /// It is known when the future ends. Dropping it must be safe at any time.
    Later(Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>),
}

impl<T> Answer<'_, T> {
    /// Waits where there is something to wait for.
    pub async fn get(self) -> Result<T, Error> {
        match self {
            Self::Now(result) => result,
            Self::Later(future) => future.await,
        }
    }
}

impl<T> From<Result<T, Error>> for Answer<'_, T> {
    fn from(result: Result<T, Error>) -> Self {
        Self::Now(result)
    }
}

/// Does something on entering an activity.
pub trait Action: Send + Sync {
    /// What should happen, in order.
    fn execute<'a>(&'a self, call: Call<'a>) -> Answer<'a, Vec<Effect>>;
}

/// Decides whether a transition fires.
pub trait Condition: Send + Sync {
    /// Whether it holds.
    fn holds<'a>(&'a self, call: Call<'a>) -> Answer<'a, bool>;
}

/// Decides who may give a command.
pub trait Rule: Send + Sync {
    /// Whether it names `identity`.
    fn allows<'a>(&'a self, call: Call<'a>, identity: &'a str) -> Answer<'a, bool>;

    /// At most `max` of those whom it names; `None` where they cannot be listed.
    fn identities<'a>(&'a self, _call: Call<'a>, _max: usize) -> Answer<'a, Option<Vec<Arc<str>>>> {
        Answer::Now(Ok(None))
    }
}

/// What an action wants to happen.
#[derive(Debug)]
pub enum Effect {
    /// Gives a parameter a value. The declared type and purpose count; an undeclared parameter
    /// is kept with the instance.
    SetParameter {
        /// Its name.
        name: Arc<str>,
        /// Its value, as JSON.
        value: Box<RawValue>,
    },
    /// Forgets a parameter's value.
    RemoveParameter {
        /// Its name.
        name: Arc<str>,
    },
    /// Goes on in the first activity of a state that can be set.
    SetState {
        /// The state.
        name: Box<str>,
        /// When.
        after: SetAfter,
    },
    /// Goes on in an activity.
    SetActivity {
        /// The activity.
        name: Box<str>,
        /// When.
        after: SetAfter,
    },
}

/// When a jump is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetAfter {
    /// At once; the activity's remaining actions are not run.
    AfterAction,
    /// When all actions of the activity have run.
    #[default]
    AfterActivity,
}

/// Why a provider failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The parameter in the scheme is not what the provider takes.
    #[error("its parameter is neither an object nor the text that it takes")]
    Malformed(#[source] serde_json::Error),
    /// A member is not there.
    #[error("its parameter lacks `{0}`")]
    Lacks(&'static str),
    /// A member has a value outside the list.
    #[error("its `{member}` is `{found}`{known}")]
    Unknown {
        /// The member.
        member: &'static str,
        /// What it has.
        found: Box<str>,
        /// What it may have.
        known: Known,
    },
    /// A member or combination that this engine does not serve.
    #[error("its `{member}` is not served by this version")]
    NotServed {
        /// The member.
        member: &'static str,
    },
    /// Two values have no order, or are of different kinds.
    #[error("parameter `{parameter}` has no order with `{value}`")]
    NoOrder {
        /// The parameter's name.
        parameter: Box<str>,
        /// What it was compared with.
        value: Box<str>,
    },
    /// An effect's value does not fit the parameter.
    #[error("parameter `{name}` {fault}")]
    Parameter {
        /// The parameter's name.
        name: Arc<str>,
        /// Why.
        fault: ParameterFault,
    },
    /// What a provider of others reports.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// The providers of an engine, by name. Names have case.
#[derive(Clone)]
pub struct Providers {
    actions: Named<dyn Action>,
    conditions: Named<dyn Condition>,
    rules: Named<dyn Rule>,
}

type Named<T> = HashMap<Box<str>, Arc<T>, foldhash::fast::RandomState>;

impl Default for Providers {
    fn default() -> Self {
        Self::builtin()
    }
}

impl Providers {
    /// Nothing at all.
    pub fn none() -> Self {
        Self {
            actions: Named::default(),
            conditions: Named::default(),
            rules: Named::default(),
        }
    }

    /// What every engine has.
    pub fn builtin() -> Self {
        let mut providers = Self::none();
        builtin::register(&mut providers);
        rules::register(&mut providers);
        providers
    }

    /// Adds an action; the last of a name counts.
    pub fn action(&mut self, name: &str, action: impl Action + 'static) -> &mut Self {
        self.actions.insert(name.into(), Arc::new(action));
        self
    }

    /// Adds a condition; the last of a name counts.
    pub fn condition(&mut self, name: &str, condition: impl Condition + 'static) -> &mut Self {
        self.conditions.insert(name.into(), Arc::new(condition));
        self
    }

    /// Adds a rule; the last of a name counts.
    pub fn rule(&mut self, name: &str, rule: impl Rule + 'static) -> &mut Self {
        self.rules.insert(name.into(), Arc::new(rule));
        self
    }

    pub(crate) fn find_action(&self, name: &Arc<str>) -> Result<&dyn Action, ExecutionFault> {
        find(&self.actions, Kind::Action, name)
    }

    pub(crate) fn find_condition(&self, name: &Arc<str>) -> Result<&dyn Condition, ExecutionFault> {
        find(&self.conditions, Kind::Condition, name)
    }

    pub(crate) fn find_rule(&self, name: &Arc<str>) -> Result<&dyn Rule, ExecutionFault> {
        find(&self.rules, Kind::Rule, name)
    }

    /// What `scheme` uses and nobody provides: a warning at load, a failure on use.
    pub fn missing_for(&self, scheme: &Scheme) -> Vec<ExecutionFault> {
        let mut faults = Vec::new();
        for activity in &scheme.activities {
            for action in activity
                .implementation
                .iter()
                .chain(&activity.pre_execution)
            {
                faults.extend(self.find_action(&action.name).err());
            }
        }
        for condition in scheme.transitions.iter().flat_map(|edge| &edge.conditions) {
            match &condition.kind {
                ConditionKind::Action(action) => {
                    faults.extend(self.find_condition(&action.name).err());
                }
                ConditionKind::Always | ConditionKind::Otherwise | ConditionKind::Expression(_) => {
                }
            }
        }
        for actor in &scheme.actors {
            faults.extend(self.find_rule(&actor.rule).err());
        }
        faults
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers")
            .field("actions", &self.actions.keys())
            .field("conditions", &self.conditions.keys())
            .field("rules", &self.rules.keys())
            .finish()
    }
}

fn find<'a, T: ?Sized>(
    providers: &'a Named<T>,
    kind: Kind,
    name: &Arc<str>,
) -> Result<&'a T, ExecutionFault> {
    providers
        .get(&**name)
        .map(|provider| &**provider)
        .ok_or_else(|| {
            let mut names: Vec<&str> = providers.keys().map(|name| &**name).collect();
            names.sort_unstable();
            ExecutionFault::NotProvided {
                kind,
                name: Arc::clone(name),
                hint: Known::of(names, name),
            }
        })
}

/// An `ActionParameter`: a JSON object whose keys have no case, or one plain text.
pub(crate) struct Members<'a> {
    members: HashMap<String, &'a RawValue, foldhash::fast::RandomState>,
    plain: Option<&'a str>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(call: &Call<'a>) -> Result<Self, Error> {
        let text = call.parameter.unwrap_or_default().trim();
        if !text.starts_with('{') {
            return Ok(Self {
                members: HashMap::default(),
                plain: (!text.is_empty()).then_some(text),
            });
        }
        let members: HashMap<String, &RawValue> =
            serde_json::from_str(text).map_err(Error::Malformed)?;
        Ok(Self {
            members: members
                .into_iter()
                .map(|(name, value)| (name.to_lowercase(), value))
                .collect(),
            plain: None,
        })
    }

    /// The member as JSON.
    pub(crate) fn raw(&self, name: &'static str) -> Option<&'a RawValue> {
        self.members.get(&name.to_lowercase()).copied()
    }

    /// The member as text; JSON other than a string as it is written, `null` as absent.
    pub(crate) fn text(&self, name: &'static str) -> Option<Box<str>> {
        let raw = self.raw(name)?.get();
        match serde_json::from_str::<Option<String>>(raw) {
            Ok(text) => text.map(Into::into),
            Err(_) => Some(raw.into()),
        }
    }

    /// The member as text, which must be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<Box<str>, Error> {
        self.text(name).ok_or(Error::Lacks(name))
    }

    /// The one parameter of a provider that has only one: the member, or the plain text.
    pub(crate) fn only(&self, name: &'static str) -> Option<Box<str>> {
        match self.plain {
            Some(text) => Some(match serde_json::from_str::<String>(text) {
                Ok(quoted) => quoted.into(),
                Err(_) => text.into(),
            }),
            None => self.text(name),
        }
    }
}
