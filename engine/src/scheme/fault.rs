//! What can be wrong with a scheme, and where.

use std::fmt;
use std::sync::Arc;

use super::draw::{self, Excerpt};
use super::{ATTRIBUTES_MAX, BYTES_MAX, DEPTH_MAX};
use crate::expression;
use crate::parameter::Mismatch;

/// What is wrong with a scheme, or worth a look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Over [`BYTES_MAX`].
    #[error("scheme has {bytes} bytes; at most {BYTES_MAX} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Over [`DEPTH_MAX`].
    #[error("elements are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// Over [`ATTRIBUTES_MAX`].
    #[error("element has more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
    /// More namespaces than any scheme has use for.
    #[error("scheme declares too many namespaces; it needs none")]
    TooManyNamespaces,
    /// Another encoding than UTF-8.
    #[error("encoding {} is not supported", quoted(.encoding))]
    Encoding {
        /// As declared.
        encoding: Box<str>,
    },
    /// Bytes that are no UTF-8.
    #[error("file is not UTF-8 text")]
    NotUtf8,
    /// `<!DOCTYPE …>` and its like.
    #[error("document type definitions and entities are not allowed")]
    Definition,
    /// Not well-formed.
    #[error("{0}")]
    Xml(Box<str>),
    /// Another document.
    #[error("root element is {}, not `Process`", quoted(.found))]
    Root {
        /// The element there is.
        found: Box<str>,
    },
    /// A section or child that must be there.
    #[error("element `{element}` is missing in `{parent}`")]
    MissingElement {
        /// Where it belongs.
        parent: &'static str,
        /// What is missing.
        element: &'static str,
    },
    /// A section that may be there once.
    #[error("element `{element}` occurs twice")]
    RepeatedElement {
        /// Which.
        element: &'static str,
    },
    /// An attribute that must be there, with content.
    #[error("attribute `{attribute}` of `{element}` is {}", if *.is_empty { "empty" } else { "missing" })]
    MissingAttribute {
        /// Of which element.
        element: Box<str>,
        /// Which.
        attribute: &'static str,
        /// Whether it is there, without content.
        is_empty: bool,
    },
    /// A value that is not of the set.
    #[error("{} is no value of `{attribute}`; known are {}", quoted(.value), listed(.known))]
    Outside {
        /// Of which attribute.
        attribute: &'static str,
        /// As written.
        value: Box<str>,
        /// The set.
        known: Box<[&'static str]>,
    },
    /// Not a whole number.
    #[error("{} is no whole number, which `{attribute}` must be", quoted(.value))]
    Number {
        /// Of which attribute.
        attribute: &'static str,
        /// As written.
        value: Box<str>,
    },
    /// A reference to nothing.
    #[error("unknown {kind} {}", quoted(.name))]
    Dangling {
        /// What it should be.
        kind: &'static str,
        /// The name.
        name: Box<str>,
    },
    /// A name that is taken.
    #[error("{kind} {} is already there, in line {line}", quoted(.name))]
    Duplicate {
        /// Of what.
        kind: &'static str,
        /// The name.
        name: Box<str>,
        /// Where the first one is.
        line: u32,
    },
    /// No start.
    #[error("no activity is initial")]
    NoInitial,
    /// More than one start.
    #[error("activity {} is initial, but {} is so already", quoted(.name), quoted(.first))]
    SecondInitial {
        /// This one.
        name: Box<str>,
        /// The first one.
        first: Box<str>,
    },
    /// An end that no path leads to.
    #[error("no chain of transitions reaches the final activity {}", quoted(.name))]
    UnreachableFinal {
        /// The activity.
        name: Box<str>,
    },
    /// Two that are each to fire when nothing else does.
    #[error("transition {} has another `Otherwise` for the same activity and trigger as {}", quoted(.name), quoted(.first))]
    SecondOtherwise {
        /// This transition.
        name: Box<str>,
        /// The one with the first.
        first: Box<str>,
    },
    /// An actor with two rules.
    #[error("actor {} has more than one of `Rule`, `RuleId` and `IdentityId`", quoted(.name))]
    TwoRules {
        /// The actor.
        name: Box<str>,
    },
    /// An expression that cannot be compiled.
    #[error("{0}")]
    Expression(expression::FaultKind),
    /// A value that does not fit its parameter's type.
    #[error("`{attribute}` does not fit its type: {mismatch}")]
    Value {
        /// Of which attribute.
        attribute: &'static str,
        /// Why.
        mismatch: Mismatch,
    },
    /// A timer's value of the wrong form.
    #[error("{} is no value of a timer of type {kind}", quoted(.value))]
    Timer {
        /// As written.
        value: Box<str>,
        /// The timer's type.
        kind: &'static str,
    },
    /// Warning: an element that is not understood.
    #[error("unknown element {} in `{parent}` is kept but has no effect", quoted(.element))]
    UnknownElement {
        /// Where.
        parent: Box<str>,
        /// Which.
        element: Box<str>,
    },
    /// Warning: an attribute that is not understood.
    #[error("unknown attribute {} of `{element}` is kept but has no effect", quoted(.attribute))]
    UnknownAttribute {
        /// Where.
        element: Box<str>,
        /// Which.
        attribute: Box<str>,
    },
    /// Warning: text between elements.
    #[error("text in `{element}` has no effect")]
    StrayText {
        /// Where.
        element: Box<str>,
    },
    /// Warning: an attribute that means nothing here.
    #[error("`{attribute}` has no effect with {value}")]
    NoEffect {
        /// Which.
        attribute: &'static str,
        /// With which value of the element's type.
        value: &'static str,
    },
    /// Warning: a transition that never fires.
    #[error("transition {} has no trigger and never fires", quoted(.name))]
    NoTrigger {
        /// The transition.
        name: Box<str>,
    },
    /// Warning: a name for what is not there.
    #[error("no {kind} is called {}, so this name is never shown", quoted(.name))]
    NothingToName {
        /// What it should be.
        kind: &'static str,
        /// The name.
        name: Box<str>,
    },
    /// Warning: a declared parameter that the engine's own one hides.
    #[error("parameter {} is hidden by the System parameter of that name", quoted(.name))]
    Hidden {
        /// The parameter.
        name: Box<str>,
    },
    /// Warning: the scheme takes its name from its file.
    #[error("`Process` has no `Name`; the scheme is called {} after its file", quoted(.code))]
    Unnamed {
        /// The code it gets.
        code: Box<str>,
    },
}

impl Problem {
    /// What to do about it, where that does not depend on the scheme.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Encoding { .. } | Self::NotUtf8 => Some("save the file as UTF-8"),
            Self::Definition => Some("write texts out instead of referring to entities"),
            _ => None,
        }
    }
}

/// A name as found, for messages: in backticks, cut short, without control characters.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", shown(name))
}

fn shown(name: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut shown: String = name
        .chars()
        .take(CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if name.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn listed(known: &[&str]) -> String {
    let known: Vec<_> = known.iter().map(|value| format!("`{value}`")).collect();
    known.join(", ")
}

/// One fault, or one warning, with its place.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Line in the source, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// What is wrong.
    pub problem: Problem,
    /// What would be right.
    pub hint: Option<Box<str>>,
    pub(super) excerpt: Excerpt,
}

impl Fault {
    /// What is wrong, with the offending name.
    pub fn message(&self) -> String {
        self.problem.to_string()
    }
}

impl fmt::Display for Fault {
    /// On one line: place, message, hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {problem}")?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a scheme, in the order of the document; never empty.
///
/// Its `Display` tells each fault on one line; [`SchemeFaults::draw`] draws them.
#[derive(Debug)]
pub struct SchemeFaults(Box<Inner>);

#[derive(Debug)]
struct Inner {
    file_name: Option<Arc<str>>,
    faults: Vec<Fault>,
    omitted: usize,
}

impl SchemeFaults {
    /// The most faults that are listed; the rest is counted.
    pub const FAULTS_MAX: usize = 1000;

    pub(super) fn new(file_name: Option<&str>, faults: Vec<Fault>, omitted: usize) -> Self {
        Self(Box::new(Inner {
            file_name: file_name.map(|name| Arc::from(shown(name))),
            faults,
            omitted,
        }))
    }

    pub(super) fn one(
        source: &str,
        file_name: Option<&str>,
        offset: usize,
        problem: Problem,
    ) -> Self {
        let mut reader = super::reader::Reader::new(source);
        reader.fault(offset..offset, problem, None);
        reader.refuse(file_name)
    }

    /// The file's name as messages show it, if the source came from a file.
    pub fn file_name(&self) -> Option<&str> {
        self.0.file_name.as_deref()
    }

    /// The faults, up to [`SchemeFaults::FAULTS_MAX`].
    pub fn faults(&self) -> &[Fault] {
        &self.0.faults
    }

    /// How many more there are.
    pub fn omitted(&self) -> usize {
        self.0.omitted
    }

    /// The faults with their source lines, for a terminal; with colours where it has them.
    pub fn draw(&self, colours: bool) -> String {
        draw::faults(self, colours)
    }
}

impl fmt::Display for SchemeFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file_name() {
            Some(file_name) => write!(f, "scheme {} is invalid", quoted(file_name))?,
            None => f.write_str("scheme is invalid")?,
        }
        for (place, fault) in self.faults().iter().enumerate() {
            let before = if place == 0 { ": " } else { "; " };
            write!(f, "{before}{fault}")?;
        }
        match self.omitted() {
            0 => Ok(()),
            omitted => write!(f, "; and {omitted} more"),
        }
    }
}

impl std::error::Error for SchemeFaults {}
