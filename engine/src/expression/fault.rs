//! What can be wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

use super::{DEPTH_MAX, Function, LENGTH_MAX};

/// A fault of an expression, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Fault {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Nothing but space.
    #[error("expression is empty")]
    Empty,
    /// Over [`LENGTH_MAX`].
    #[error("expression has {0} bytes; at most {LENGTH_MAX} are allowed")]
    TooLong(usize),
    /// Over [`DEPTH_MAX`].
    #[error("expression is nested deeper than {DEPTH_MAX}")]
    TooDeep,
    /// A character that begins nothing.
    #[error("character `{}` has no meaning in an expression", .0.escape_debug())]
    Character(char),
    /// `=`, `&`, `|` or `<>`: an operator of another language.
    #[error("`{found}` is no operator here; write `{meant}`")]
    Operator {
        /// As written.
        found: &'static str,
        /// As it is written here.
        meant: &'static str,
    },
    /// A string without its closing quote.
    #[error("string has no closing quote")]
    UnclosedString,
    /// A backslash before a character that needs none.
    #[error("unknown escape `\\{}` in a string; known are \\\\ \\' \\\" \\n \\r \\t", .0.escape_debug())]
    Escape(char),
    /// Digits followed by what is no number.
    #[error("`{0}` is not a number in invariant form")]
    Number(Box<str>),
    /// `@` without a name.
    #[error("a parameter's name must follow `@`")]
    NoName,
    /// Something else than the grammar allows there.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could stand there.
        expected: &'static str,
        /// What stands there.
        found: Box<str>,
    },
    /// A bare word that is neither a constant nor a function call.
    #[error("unknown word `{0}`; parameters are written `@{0}`, texts in quotes")]
    Word(Box<str>),
    /// A name that is neither declared nor a System parameter.
    #[error("unknown parameter `{0}`")]
    Parameter(Box<str>),
    /// A function that is not in [`super::FUNCTIONS`].
    #[error("unknown function `{0}`")]
    Function(Box<str>),
    /// Too few or too many arguments.
    #[error("function `{function}` takes {takes} argument(s), found {found}")]
    Arguments {
        /// The function.
        function: Function,
        /// How many it takes.
        takes: usize,
        /// How many stand there.
        found: usize,
    },
    /// An operand or argument of the wrong type.
    #[error("`{of}` takes {takes}, found {found}")]
    Operand {
        /// The operator or function.
        of: &'static str,
        /// What it takes, in words.
        takes: &'static str,
        /// What stands there.
        found: Kind,
    },
    /// Two sides that have nothing to compare or to compute.
    #[error("`{operator}` cannot join {left} and {right}")]
    Sides {
        /// The operator.
        operator: &'static str,
        /// What stands left of it.
        left: Kind,
        /// What stands right of it.
        right: Kind,
    },
    /// A text beside a moment or a UUID that is none itself.
    #[error("`{text}` is not {kind}")]
    Literal {
        /// The text.
        text: Box<str>,
        /// What it would have to be.
        kind: Kind,
    },
    /// The whole is not Boolean.
    #[error("a condition must be a Boolean, this is {0}")]
    NotBoolean(Kind),
}

/// What kind of value a part of an expression has, as far as is known when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Of any of the number types.
    Number,
    /// Text.
    String,
    /// A moment.
    DateTime,
    /// A UUID.
    Guid,
    /// The constant `null`.
    Null,
    /// Known only when evaluated: a parameter of a type that is kept as JSON.
    Any,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "a Boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::DateTime => "a DateTime",
            Self::Guid => "a Guid",
            Self::Null => "null",
            Self::Any => "JSON",
        })
    }
}
