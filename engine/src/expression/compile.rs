//! Tokens to steps, with names and types checked on the way.

use std::ops::Range;

use serde_json::value::RawValue;

use super::token::{Binary, Token, Tokens};
use super::{
    Action, DEPTH_MAX, Fault, FaultKind, Function, Kind, LENGTH_MAX, Program, Scope, Step,
};
use crate::parameter::{Type, Value, parse_date_time, parse_guid};

impl Program {
    /// Compiles an expression, and checks its names and types.
    ///
    /// # Errors
    /// Every fault of types and names; of the grammar only the first, since what follows it means
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
struct Operand {
    kind: Kind,
    span: Range<usize>,
    /// The step that pushes it, when it is a literal.
    literal: Option<usize>,
}

struct Compiler<'a, 'b> {
    tokens: Tokens<'a>,
    /// The token to look at, and where it stands.
    token: Token<'a>,
    span: Range<usize>,
    scope: &'b Scope<'b>,
    steps: Vec<Step>,
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
                Binary::And | Binary::Or => self.logical(left, operator, &at)?,
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
        left: Operand,
        operator: Binary,
        at: &Range<usize>,
    ) -> Result<Operand, Fault> {
        self.want_boolean(operator.symbol(), &left);
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

    /// A parameter, or a member of a JSON parameter: `@Order.Total`.
    fn name(&mut self, name: &str, span: &Range<usize>) -> Kind {
        let (root, members): (&str, Box<[Box<str>]>) =
            match (self.scope.type_of(name), name.split_once('.')) {
                (None, Some((root, members))) => {
                    (root, members.split('.').map(Box::from).collect())
                }
                (_, _) => (name, Box::default()),
            };
        let kind = match self.scope.type_of(root) {
            Some(Type::Json { .. }) => Kind::Any,
            Some(r#type) if members.is_empty() => kind(r#type),
            Some(_) | None => {
                self.fault(span, FaultKind::Parameter(name.into()));
                Kind::Any
            }
        };
        let name = root.into();
        self.emit(Action::Load { name, members }, span);
        kind
    }

    fn binary(
        &mut self,
        left: &Operand,
        operator: Binary,
        at: &Range<usize>,
        right: &Operand,
    ) -> Operand {
        let fits = match operator {
            Binary::Equal | Binary::NotEqual => {
                self.alike(left, right) || [left.kind, right.kind].contains(&Kind::Null)
            }
            Binary::Less | Binary::LessOrEqual | Binary::Greater | Binary::GreaterOrEqual => {
                self.alike(left, right) && ordered(left.kind) && ordered(right.kind)
            }
            Binary::Add => {
                (addable(left.kind) && addable(right.kind) && self.alike(left, right))
                    || (left.kind, right.kind) == (Kind::String, Kind::String)
            }
            Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => {
                [left.kind, right.kind]
                    .iter()
                    .all(|kind| matches!(kind, Kind::Number | Kind::Any))
            }
            // Joined in `logical`, since they may skip a side.
            Binary::And | Binary::Or => false,
        };
        if !fits {
            let kind = FaultKind::Sides {
                operator: operator.symbol(),
                left: left.kind,
                right: right.kind,
            };
            self.fault(at, kind);
        }
        self.emit(Action::Binary(operator), at);
        let kind = match operator {
            Binary::Add if [left.kind, right.kind].contains(&Kind::Any) => Kind::Any,
            Binary::Add if left.kind == Kind::String => Kind::String,
            Binary::Add
            | Binary::Subtract
            | Binary::Multiply
            | Binary::Divide
            | Binary::Remainder => Kind::Number,
            _ => Kind::Boolean,
        };
        part(kind, left.span.start..right.span.end)
    }

    /// Whether two sides can be compared. A text literal beside a moment or a UUID is read as one
    /// here and now, so that a slip shows at load.
    fn alike(&mut self, left: &Operand, right: &Operand) -> bool {
        match (left.kind, right.kind) {
            (Kind::String, kind @ (Kind::DateTime | Kind::Guid)) => {
                self.read_literal(left, kind);
                true
            }
            (kind @ (Kind::DateTime | Kind::Guid), Kind::String) => {
                self.read_literal(right, kind);
                true
            }
            (a, b) => a == b || a == Kind::Any || b == Kind::Any,
        }
    }

    fn read_literal(&mut self, operand: &Operand, kind: Kind) {
        let Some(step) = operand.literal else {
            return; // a parameter, read when it is evaluated
        };
        let Action::Push(Value::String(text)) = &self.steps[step].action else {
            return;
        };
        let value = if kind == Kind::Guid {
            parse_guid(text).map(Value::Guid)
        } else {
            parse_date_time(text).map(Value::DateTime)
        };
        match value {
            Some(value) => self.steps[step].action = Action::Push(value),
            None => {
                let text = (**text).into();
                self.fault(&operand.span, FaultKind::Literal { text, kind });
            }
        }
    }

    fn want_boolean(&mut self, operator: &'static str, operand: &Operand) {
        if !matches!(operand.kind, Kind::Boolean | Kind::Any) {
            self.operand_fault(operator, "a Boolean", operand);
        }
    }

    fn operand_fault(&mut self, of: &'static str, takes: &'static str, operand: &Operand) {
        let found = operand.kind;
        self.fault(&operand.span, FaultKind::Operand { of, takes, found });
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

    fn emit(&mut self, action: Action, at: &Range<usize>) {
        // Fits: the text is no longer than LENGTH_MAX.
        let offset = u32::try_from(at.start).unwrap_or(u32::MAX);
        self.steps.push(Step { action, offset });
    }

    fn fault(&mut self, span: &Range<usize>, kind: FaultKind) {
        let span = span.clone();
        self.faults.push(Fault { span, kind });
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
fn part(kind: Kind, span: Range<usize>) -> Operand {
    Operand {
        kind,
        span,
        literal: None,
    }
}

fn kind(r#type: &Type) -> Kind {
    match r#type {
        Type::String => Kind::String,
        Type::Int32 | Type::Int64 | Type::Decimal | Type::Double => Kind::Number,
        Type::Boolean => Kind::Boolean,
        Type::DateTime => Kind::DateTime,
        Type::Guid => Kind::Guid,
        Type::Json { .. } => Kind::Any,
    }
}

fn ordered(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Number | Kind::String | Kind::DateTime | Kind::Any
    )
}

fn addable(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::String | Kind::Any)
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
