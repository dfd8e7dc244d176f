//! Text to a tree in which every name and value knows its place.
//!
//! In: text that passed the guard. Out: a [`Node`], with duplicate names reported, or the one
//! place at which the grammar ends.
//! Rules: RFC 8259 with comments and trailing commas; names are one when they differ in ASCII
//! case only.
//! Elsewhere: which names there are (`names`), what values mean (`object`).

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};

use crate::faults::{Fault, Faults, Mark, quoted};

/// A value and its place. No `Debug`: values may be secrets.
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) data: Data,
}

/// A value.
pub(crate) enum Data {
    Null,
    Bool(bool),
    /// As written; RFC 8259 form.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A name with its value.
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) mark: Mark,
    pub(crate) value: Node,
}

impl Data {
    /// What it is, for "expected …, found …"; never the value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Where the grammar ends, in words that hold nothing of the text.
pub(crate) struct Ungrammatical {
    pub(crate) at: std::ops::Range<usize>,
    pub(crate) what: &'static str,
}

/// Parses all of `text`. Marks are of `source`, moved by `offset`.
pub(crate) fn parse(
    text: &str,
    source: usize,
    offset: usize,
    faults: &mut Faults,
) -> Result<Option<Node>, Ungrammatical> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        let range = error.range();
        Ungrammatical {
            at: range.start..range.end,
            what: describe(error.kind()),
        }
    })?;
    let mut build = Build {
        source,
        offset,
        faults,
    };
    Ok(parsed.value.as_ref().map(|value| build.node(value)))
}

/// Our own words: the parser's may quote the text.
fn describe(kind: &ParseErrorKind) -> &'static str {
    use ParseErrorKind as K;
    match kind {
        K::ExpectedColonAfterObjectKey => "expected `:` after this name",
        K::ExpectedObjectValue => "expected a value after `:`",
        K::ExpectedDigit
        | K::ExpectedDigitFollowingNegativeSign
        | K::ExpectedPlusMinusOrDigitInNumberLiteral
        | K::BareDecimalPointNumbersNotAllowed
        | K::HexadecimalNumbersNotAllowed
        | K::NonFiniteNumbersNotAllowed
        | K::UnaryPlusNumbersNotAllowed => "not a JSON number",
        K::ExpectedStringObjectProperty => "expected a name in double quotes",
        K::ExpectedComma => "expected `,` here",
        K::MultipleRootJsonValues => "expected the end of the file after the closing `}`",
        K::SingleQuotedStringsNotAllowed => "strings take double quotes",
        K::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            "this string has no closing quote"
        }
        K::String(_) => "not a JSON escape sequence",
        K::UnexpectedCloseBrace => "unexpected `}`",
        K::UnexpectedCloseBracket => "unexpected `]`",
        K::UnexpectedColon => "unexpected `:`",
        K::UnexpectedComma => "unexpected `,`",
        K::UnexpectedWord => "not a JSON value; strings take double quotes",
        K::UnterminatedArray => "this list is never closed",
        K::UnterminatedObject => "this object is never closed",
        K::UnterminatedCommentBlock => "this comment is never closed",
        K::NestingDepthExceeded => "nested too deep",
        K::UnexpectedToken
        | K::UnexpectedTokenInObject
        | K::CommentsNotAllowed
        | K::TrailingCommasNotAllowed => "unexpected here",
    }
}

struct Build<'f> {
    source: usize,
    offset: usize,
    faults: &'f mut Faults,
}

impl Build<'_> {
    fn mark(&self, of: &impl Ranged) -> Mark {
        let range = of.range();
        Mark::new(
            self.source,
            range.start + self.offset..range.end + self.offset,
        )
    }

    fn node(&mut self, value: &ast::Value<'_>) -> Node {
        let data = match value {
            ast::Value::NullKeyword(_) => Data::Null,
            ast::Value::BooleanLit(literal) => Data::Bool(literal.value),
            ast::Value::NumberLit(literal) => Data::Number(literal.value.into()),
            ast::Value::StringLit(literal) => Data::Text(literal.value.as_ref().into()),
            ast::Value::Array(array) => {
                Data::List(array.elements.iter().map(|item| self.node(item)).collect())
            }
            ast::Value::Object(object) => Data::Object(self.members(object)),
        };
        Node {
            mark: self.mark(value),
            data,
        }
    }

    fn members(&mut self, object: &ast::Object<'_>) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::with_capacity(object.properties.len());
        let mut seen = std::collections::HashMap::with_capacity(object.properties.len());
        for property in &object.properties {
            let name: Box<str> = property.name.as_str().into();
            let mark = self.mark(&property.name);
            if let Some(first) = seen.insert(name.to_ascii_lowercase(), mark) {
                let message = format!("key {} stands twice", quoted(&name));
                self.faults.push(
                    Fault::error(mark, message)
                        .label("again here")
                        .also(first, "first here")
                        .help("keys are matched without case; keep one"),
                );
            }
            let value = self.node(&property.value);
            members.push(Member { name, mark, value });
        }
        members
    }
}
