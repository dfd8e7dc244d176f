//! A program and the parameters' values to true or false.
//!
//! `null` counts as false where a Boolean is wanted, makes every computation `null`, is before or
//! after nothing, and equals only `null`.

use std::cmp::Ordering;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::token::Binary;
use super::{Action, Function, Kind, Program};
use crate::parameter::{Numbers, Value};

/// The longest text that an expression can make, in bytes, so that joining cannot fill the memory.
const TEXT_MAX: usize = 1 << 20;

/// Why an expression has no result with these values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}, at offset {offset} of the expression")]
pub struct EvaluationError {
    /// Byte of the expression.
    pub offset: usize,
    /// What went wrong.
    pub problem: Problem,
}

/// What can go wrong while an expression is evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A JSON value where a Boolean was wanted.
    #[error("expected a Boolean, found {0}")]
    NotBoolean(Kind),
    /// A JSON value where a number was wanted.
    #[error("`{operator}` cannot compute with {left} and {right}")]
    NotNumbers {
        /// The operator.
        operator: &'static str,
        /// What is left of it.
        left: Kind,
        /// What is right of it.
        right: Kind,
    },
    /// Values without an order.
    #[error("`{operator}` cannot order {left} and {right}")]
    NoOrder {
        /// The operator.
        operator: &'static str,
        /// What is left of it.
        left: Kind,
        /// What is right of it.
        right: Kind,
    },
    /// An argument that is no text.
    #[error("`{function}` takes a string, found {found}")]
    NotText {
        /// The function.
        function: Function,
        /// What was given.
        found: Kind,
    },
    /// The divisor is zero.
    #[error("division by zero")]
    DivisionByZero,
    /// The result fits no number type.
    #[error("the result of `{0}` is too large")]
    Overflow(&'static str),
    /// The joined text is too long.
    #[error("the joined text has more than {TEXT_MAX} bytes")]
    TooLong,
}

impl Program {
    /// Whether the condition holds. `lookup` gives a parameter's value by name; `None` is `null`.
    ///
    /// Numbers are computed exactly: whole numbers stay whole until they no longer fit 64 bits,
    /// division gives a Decimal; one Double makes all Double.
    pub fn evaluate(
        &self,
        lookup: impl Fn(&str) -> Option<Value>,
    ) -> Result<bool, EvaluationError> {
        let mut stack = Stack(Vec::with_capacity(8));
        let mut place = 0;
        while let Some(step) = self.steps.get(place) {
            place += 1;
            match run(&step.action, &mut stack, &lookup) {
                Ok(None) => {}
                Ok(Some(target)) => place = target,
                Err(problem) => {
                    let offset = step.offset as usize;
                    return Err(EvaluationError { offset, problem });
                }
            }
        }
        Ok(matches!(stack.pop(), Value::Boolean(true)))
    }
}

/// The compiler leaves as many values as are taken, so an empty stack is never popped.
struct Stack(Vec<Value>);

impl Stack {
    fn pop(&mut self) -> Value {
        self.0.pop().unwrap_or(Value::Null)
    }

    fn push(&mut self, value: Value) {
        self.0.push(value);
    }
}

/// Runs one step; returns where to go on, if not at the next.
fn run(
    action: &Action,
    stack: &mut Stack,
    lookup: &impl Fn(&str) -> Option<Value>,
) -> Result<Option<usize>, Problem> {
    match action {
        Action::Push(value) => stack.push(value.clone()),
        Action::Load { name, members } => {
            let value = lookup(name).unwrap_or(Value::Null);
            stack.push(
                members
                    .iter()
                    .fold(value, |value, name| member(&value, name)),
            );
        }
        Action::Not => {
            let truth = truth(&stack.pop())?;
            stack.push(Value::Boolean(!truth));
        }
        Action::Negate => {
            let value = compute(Binary::Subtract, &Value::Integer(0), &stack.pop())?;
            stack.push(value);
        }
        Action::And(target) | Action::Or(target) => {
            let truth = truth(&stack.pop())?;
            if truth == matches!(action, Action::Or(_)) {
                stack.push(Value::Boolean(truth));
                return Ok(Some(*target));
            }
        }
        Action::Truth => {
            let truth = truth(&stack.pop())?;
            stack.push(Value::Boolean(truth));
        }
        Action::Binary(operator) => {
            let right = stack.pop();
            let left = stack.pop();
            stack.push(binary(*operator, &left, &right)?);
        }
        Action::Call(function, count) => {
            let first = stack.0.len().saturating_sub(usize::from(*count));
            let arguments = stack.0.split_off(first);
            stack.push(function.call(&arguments)?);
        }
    }
    Ok(None)
}

fn truth(value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Boolean(truth) => Ok(*truth),
        Value::Null => Ok(false),
        _ => Err(Problem::NotBoolean(value.kind())),
    }
}

/// A member of an object; `null` where there is none.
fn member(value: &Value, name: &str) -> Value {
    match value {
        Value::Json(tree) => tree.get(name).map_or(Value::Null, Value::from_tree),
        _ => Value::Null,
    }
}

fn binary(operator: Binary, left: &Value, right: &Value) -> Result<Value, Problem> {
    let holds: fn(Ordering) -> bool = match operator {
        Binary::Equal => return Ok(Value::Boolean(left.same(right))),
        Binary::NotEqual => return Ok(Value::Boolean(!left.same(right))),
        Binary::Less => Ordering::is_lt,
        Binary::LessOrEqual => Ordering::is_le,
        Binary::Greater => Ordering::is_gt,
        Binary::GreaterOrEqual => Ordering::is_ge,
        Binary::Add
        | Binary::Subtract
        | Binary::Multiply
        | Binary::Divide
        | Binary::Remainder
        | Binary::And
        | Binary::Or => return compute(operator, left, right),
    };
    if *left == Value::Null || *right == Value::Null {
        return Ok(Value::Boolean(false));
    }
    match left.order(right) {
        Some(order) => Ok(Value::Boolean(holds(order))),
        None => Err(Problem::NoOrder {
            operator: operator.symbol(),
            left: left.kind(),
            right: right.kind(),
        }),
    }
}

fn compute(operator: Binary, left: &Value, right: &Value) -> Result<Value, Problem> {
    match (operator, left, right) {
        (_, Value::Null, _) | (_, _, Value::Null) => Ok(Value::Null),
        (Binary::Add, Value::String(left), Value::String(right)) => join(left, right),
        (_, _, _) => match left.numbers(right) {
            Some(Numbers::Integers(left, right)) => integers(operator, left, right),
            Some(Numbers::Decimals(left, right)) => decimals(operator, left, right),
            Some(Numbers::Doubles(left, right)) => doubles(operator, left, right),
            None => Err(Problem::NotNumbers {
                operator: operator.symbol(),
                left: left.kind(),
                right: right.kind(),
            }),
        },
    }
}

fn join(left: &Arc<str>, right: &Arc<str>) -> Result<Value, Problem> {
    if left.len() + right.len() > TEXT_MAX {
        return Err(Problem::TooLong);
    }
    Ok(Value::String([&**left, &**right].concat().into()))
}

fn integers(operator: Binary, left: i64, right: i64) -> Result<Value, Problem> {
    let result = match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Remainder => left.checked_rem(right),
        _ => None, // a quotient of whole numbers need not be whole
    };
    match result {
        Some(number) => Ok(Value::Integer(number)),
        None => decimals(operator, left.into(), right.into()),
    }
}

fn decimals(operator: Binary, left: Decimal, right: Decimal) -> Result<Value, Problem> {
    let divides = matches!(operator, Binary::Divide | Binary::Remainder);
    if divides && right.is_zero() {
        return Err(Problem::DivisionByZero);
    }
    match operator {
        Binary::Add => left.checked_add(right),
        Binary::Subtract => left.checked_sub(right),
        Binary::Multiply => left.checked_mul(right),
        Binary::Divide => left.checked_div(right),
        Binary::Remainder => left.checked_rem(right),
        _ => None,
    }
    .map(Value::Decimal)
    .ok_or(Problem::Overflow(operator.symbol()))
}

fn doubles(operator: Binary, left: f64, right: f64) -> Result<Value, Problem> {
    let divides = matches!(operator, Binary::Divide | Binary::Remainder);
    if divides && right == 0.0 {
        return Err(Problem::DivisionByZero);
    }
    let result = match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        Binary::Multiply => left * right,
        Binary::Divide => left / right,
        Binary::Remainder => left % right,
        _ => f64::NAN,
    };
    if result.is_finite() {
        Ok(Value::Double(result))
    } else {
        Err(Problem::Overflow(operator.symbol()))
    }
}

impl Value {
    /// Its kind, for messages.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Integer(_) | Self::Decimal(_) | Self::Double(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::DateTime(_) => Kind::DateTime,
            Self::Guid(_) => Kind::Guid,
            Self::Json(_) => Kind::Any,
        }
    }
}
