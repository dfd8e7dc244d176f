//! Condition expressions: text to a checked [`Program`], and its evaluation.
//!
//! In: text such as `@Sum > 100 && not IsNull(@Comment)` and a [`Scope`] with the parameters that
//! it may name. Out: a [`Program`], or every [`Fault`] with its place in the text; from a program
//! and the parameters' values, `true`, `false` or an [`EvaluationError`].
//! Rules: names and types are checked when the scheme is loaded; the whole is Boolean; nothing in
//! it can loop, allocate without bound, or panic. `docs/schemes.md` describes the language.
//! Elsewhere: where the text stood in the scheme (`scheme`), the parameters (`interpreter`).

use std::collections::HashMap;

use crate::parameter::{Type, Value, system_type};

mod check;
mod compile;
mod evaluate;
mod fault;
mod function;
#[cfg(test)]
mod tests;
mod token;

pub use evaluate::{EvaluationError, Problem};
pub use fault::{Fault, FaultKind, Kind};
pub use function::{FUNCTIONS, Function};

use token::Binary;

/// The longest expression, in bytes. The longest seen in public schemes has some hundred.
pub const LENGTH_MAX: usize = 8192;

/// How deep parentheses, calls and prefix operators may be nested.
pub const DEPTH_MAX: usize = 64;

/// The most faults of one expression that are told.
pub const FAULTS_MAX: usize = 50;

/// A compiled, type-checked Boolean expression.
///
/// A list of steps for a stack, so that evaluation needs no recursion however long it is.
#[derive(Debug)]
pub struct Program {
    source: Box<str>,
    steps: Vec<Step>,
}

impl Program {
    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The parameters that an expression may name: the declared ones and the System parameters.
#[derive(Debug, Default)]
pub struct Scope<'a> {
    declared: HashMap<&'a str, &'a Type>,
}

impl<'a> Scope<'a> {
    /// A scope with the declared parameters, beside the System parameters, which win.
    pub fn new(declared: impl IntoIterator<Item = (&'a str, &'a Type)>) -> Self {
        Self {
            declared: declared.into_iter().collect(),
        }
    }

    fn type_of(&self, name: &str) -> Option<&Type> {
        system_type(name).or_else(|| self.declared.get(name).copied())
    }
}

#[derive(Debug)]
struct Step {
    action: Action,
    /// Where in the source an error of this step belongs.
    offset: u32,
}

#[derive(Debug)]
enum Action {
    Push(Value),
    /// A parameter, then members of its JSON.
    Load {
        name: Box<str>,
        members: Box<[Box<str>]>,
    },
    Not,
    Negate,
    Binary(Binary),
    /// Keeps `false` and goes to that step if the top is false, else drops the top.
    And(usize),
    /// Keeps `true` and goes to that step if the top is true, else drops the top.
    Or(usize),
    /// Makes the top a Boolean; `null` is false.
    Truth,
    Call(Function, u8),
}
