//! Names and types of an expression's parts, checked before the scheme is accepted.

use std::ops::Range;

use super::compile::{Compiler, Operand, part};
use super::token::Binary;
use super::{Action, FaultKind, Kind};
use crate::parameter::{Type, Value, parse_date_time, parse_guid};

impl Compiler<'_, '_> {
    /// A parameter, or a member of a JSON parameter: `@Order.Total`.
    pub(super) fn name(&mut self, name: &str, span: &Range<usize>) -> Kind {
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

    pub(super) fn binary(
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
        if let Some(value) = value {
            self.steps[step].action = Action::Push(value);
        } else {
            let text = (**text).into();
            self.fault(&operand.span, FaultKind::Literal { text, kind });
        }
    }

    pub(super) fn want_boolean(&mut self, operator: &'static str, operand: &Operand) {
        if !matches!(operand.kind, Kind::Boolean | Kind::Any) {
            self.operand_fault(operator, "a Boolean", operand);
        }
    }

    pub(super) fn operand_fault(
        &mut self,
        of: &'static str,
        takes: &'static str,
        operand: &Operand,
    ) {
        let found = operand.kind;
        self.fault(&operand.span, FaultKind::Operand { of, takes, found });
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
