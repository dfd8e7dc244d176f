//! Tokens to steps, by precedence climbing; names and types are checked in `check` on the way.

use std::ops::Range;

use serde_json::value::RawValue;

use super::token::{Binary, Token, Tokens};
use super::{
    Action, DEPTH_MAX, FAULTS_MAX, Fault, FaultKind, Function, Kind, LENGTH_MAX, Program, Scope,
    Step,
};
use crate::parameter::Value;

impl Program {
    /// Compiles an expression, and checks its names and types.
    ///
    /// # Errors
    /// Every fault of types and names, up to [`FAULTS_MAX`]; of the grammar only the first, since what follows it means
    /// nothing.
    pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Self, Vec<Fault>> {
        if text.len() > LENGTH_MAX {
            let kind = FaultKind::TooLong(text.len());
            return Err(vec![Fault { span: 0..1, kind }]);
        }
        let mut compiler = Compiler {
            tokens: Tokens::new(text),
            token: Token::End,
            span: 0..0,
            scope,
            steps: Vec::new(),
            faults: Vec::new(),
            depth: 0,
        };
        if let Err(fault) = compiler.whole() {
            compiler.faults.push(fault);
        }
        if compiler.faults.is_empty() {
            Ok(Self {
                source: text.into(),
                steps: compiler.steps,
            })
        } else {
            compiler.faults.sort_by_key(|fault| fault.span.start);
            Err(compiler.faults)
        }
    }
}

/// A part whose steps are already there.
pub(super) struct Operand {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    /// The step that pushes it, when it is a literal.
    pub(super) literal: Option<usize>,
}

pub(super) struct Compiler<'a, 'b> {
    tokens: Tokens<'a>,
    /// The token to look at, and where it stands.
    token: Token<'a>,
    span: Range<usize>,
    pub(super) scope: &'b Scope<'b>,
    pub(super) steps: Vec<Step>,
    /// Of names and types, which do not stop the reading.
    faults: Vec<Fault>,
    depth: usize,
}

impl<'a> Compiler<'a, '_> {
    fn whole(&mut self) -> Result<(), Fault> {
        self.advance()?;
        if self.token == Token::End {
            return Err(self.here(FaultKind::Empty));
        }
        let whole = self.level(1)?;
        if self.token != Token::End {
            return Err(self.unexpected("an operator or the end"));
        }
        match whole.kind {
            Kind::Boolean => {}
            Kind::Any => self.emit(Action::Truth, &whole.span),
            kind => self.fault(&whole.span, FaultKind::NotBoolean(kind)),
        }
        Ok(())
    }

    /// Everything that binds at least as tightly as `least`.
    fn level(&mut self, least: u8) -> Result<Operand, Fault> {
        let mut left = self.prefix()?;
        while let Token::Binary(operator) = self.token {
            if operator.level() < least {
                break;
            }
            let at = self.advance()?;
            left = match operator {
                Binary::And | Binary::Or => self.logical(&left, operator, &at)?,
                _ => {
                    let right = self.level(operator.level() + 1)?;
                    self.binary(&left, operator, &at, &right)
                }
            };
        }
        Ok(left)
    }

    fn logical(
        &mut self,
        left: &Operand,
        operator: Binary,
        at: &Range<usize>,
    ) -> Result<Operand, Fault> {
        self.want_boolean(operator.symbol(), left);
        let jump = self.steps.len();
        self.emit(Action::Truth, &left.span); // its place is taken below, when the target is known
        let right = self.level(operator.level() + 1)?;
        self.want_boolean(operator.symbol(), &right);
        self.emit(Action::Truth, &right.span);
        let target = self.steps.len();
        self.steps[jump].action = match operator {
            Binary::Or => Action::Or(target),
            _ => Action::And(target),
        };
        let span = left.span.start..right.span.end.max(at.end);
        Ok(part(Kind::Boolean, span))
    }

    fn prefix(&mut self) -> Result<Operand, Fault> {
        let start = self.span.start;
        let (symbol, least) = match self.token {
            // The word takes a whole comparison: `not @Sum > 100`.
            Token::Not => ("not", Binary::Equal.level()),
            Token::Bang => ("!", u8::MAX),
            Token::Binary(operator @ (Binary::Subtract | Binary::Add)) => {
                (operator.symbol(), u8::MAX)
            }
            _ => return self.primary(),
        };
        let at = self.advance()?;
        let operand = self.nested(|this| this.level(least))?;
        let span = start..operand.span.end;
        if matches!(symbol, "not" | "!") {
            self.want_boolean(symbol, &operand);
            self.emit(Action::Not, &at);
            return Ok(part(Kind::Boolean, span));
        }
        if !matches!(operand.kind, Kind::Number | Kind::Any) {
            let takes = "a number";
            self.operand_fault(symbol, takes, &operand);
        }
        if symbol == "-" {
            self.emit(Action::Negate, &at);
        }
        Ok(part(Kind::Number, span))
    }

    fn primary(&mut self) -> Result<Operand, Fault> {
        let span = self.span.clone();
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Number(text) => {
                let value =
                    number(text).ok_or_else(|| self.here(FaultKind::Number(text.into())))?;
                self.literal(value, Kind::Number, span)
            }
            Token::String(text) => self.literal(Value::String(text.into()), Kind::String, span),
            Token::Name(name) => {
                let kind = self.name(&name, &span);
                self.advance()?;
                Ok(part(kind, span))
            }
            Token::Word(word) => self.word(word, span),
            Token::Open => {
                self.advance()?;
                let inner = self.nested(|this| this.level(1))?;
                let end = self.close()?;
                Ok(Operand {
                    span: span.start..end,
                    ..inner
                })
            }
            token => {
                self.token = token;
                Err(self.unexpected("a value"))
            }
        }
    }

    fn word(&mut self, word: &'a str, span: Range<usize>) -> Result<Operand, Fault> {
        for (constant, value, kind) in [
            ("true", Value::Boolean(true), Kind::Boolean),
            ("false", Value::Boolean(false), Kind::Boolean),
            ("null", Value::Null, Kind::Null),
        ] {
            if word.eq_ignore_ascii_case(constant) {
                return self.literal(value, kind, span);
            }
        }
        self.advance()?;
        if self.token != Token::Open {
            let kind = FaultKind::Word(word.into());
            return Err(Fault { span, kind });
        }
        self.advance()?;
        let mut arguments = Vec::new();
        while self.token != Token::Close {
            arguments.push(self.nested(|this| this.level(1))?);
            if self.token != Token::Comma {
                break;
            }
            self.advance()?;
            if self.token == Token::Close {
                return Err(self.unexpected("an argument"));
            }
        }
        let end = self.close()?;
        let kind = self.call(word, &span, &arguments);
        Ok(part(kind, span.start..end))
    }

    fn call(&mut self, word: &str, span: &Range<usize>, arguments: &[Operand]) -> Kind {
        let Some(function) = Function::find(word) else {
            self.fault(span, FaultKind::Function(word.into()));
            return Kind::Any;
        };
        let (takes, found) = (function.arguments(), arguments.len());
        if takes != found {
            let kind = FaultKind::Arguments {
                function,
                takes,
                found,
            };
            self.fault(span, kind);
        }
        for (place, argument) in arguments.iter().enumerate() {
            let in_text = arguments[0].kind == Kind::String;
            if !function.takes(place, argument.kind, in_text) {
                self.operand_fault(function.name(), "a string", argument);
            }
        }
        // As many as the function takes, else there is a fault and nothing will run.
        let count = u8::try_from(found).unwrap_or(u8::MAX);
        self.emit(Action::Call(function, count), span);
        let kinds: Vec<_> = arguments.iter().map(|argument| argument.kind).collect();
        function.result(&kinds)
    }

    fn literal(&mut self, value: Value, kind: Kind, span: Range<usize>) -> Result<Operand, Fault> {
        let literal = Some(self.steps.len());
        self.emit(Action::Push(value), &span);
        self.advance()?;
        Ok(Operand {
            kind,
            span,
            literal,
        })
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.here(FaultKind::TooDeep));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Goes on to the next token; returns where the last one stood.
    fn advance(&mut self) -> Result<Range<usize>, Fault> {
        let (token, span) = self.tokens.next()?;
        self.token = token;
        Ok(std::mem::replace(&mut self.span, span))
    }

    /// Takes a closing parenthesis; returns its end.
    fn close(&mut self) -> Result<usize, Fault> {
        if self.token != Token::Close {
            return Err(self.unexpected("`)`"));
        }
        Ok(self.advance()?.end)
    }

    pub(super) fn emit(&mut self, action: Action, at: &Range<usize>) {
        // Fits: the text is no longer than LENGTH_MAX.
        let offset = u32::try_from(at.start).unwrap_or(u32::MAX);
        self.steps.push(Step { action, offset });
    }

    pub(super) fn fault(&mut self, span: &Range<usize>, kind: FaultKind) {
        if self.faults.len() < FAULTS_MAX {
            let span = span.clone();
            self.faults.push(Fault { span, kind });
        }
    }

    fn here(&self, kind: FaultKind) -> Fault {
        let span = self.span.clone();
        Fault { span, kind }
    }

    fn unexpected(&self, expected: &'static str) -> Fault {
        let found = match &self.token {
            Token::Number(text) | Token::Word(text) => format!("`{text}`"),
            Token::String(text) => format!("the string `{}`", text.escape_debug()),
            Token::Name(name) => format!("`@{name}`"),
            Token::Binary(operator) => format!("`{}`", operator.symbol()),
            Token::Bang => "`!`".to_owned(),
            Token::Not => "`not`".to_owned(),
            Token::Open => "`(`".to_owned(),
            Token::Close => "`)`".to_owned(),
            Token::Comma => "`,`".to_owned(),
            Token::End => "the end".to_owned(),
        };
        let found = found.into();
        self.here(FaultKind::Unexpected { expected, found })
    }
}

/// A part that is no literal.
pub(super) fn part(kind: Kind, span: Range<usize>) -> Operand {
    Operand {
        kind,
        span,
        literal: None,
    }
}

/// A number literal: whole where it can be, else exact, else the nearest Double.
fn number(text: &str) -> Option<Value> {
    // JSON forbids leading zeros, people do not.
    let digits = text.trim_start_matches('0');
    let text = if digits.starts_with(|c: char| c.is_ascii_digit()) {
        digits.to_owned()
    } else {
        format!("0{digits}")
    };
    Value::from_json(serde_json::from_str::<&RawValue>(&text).ok()?).ok()
}
