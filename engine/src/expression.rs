//! Condition expressions: text to a checked [`Program`], and its evaluation.

/// A compiled, type-checked Boolean expression.
#[derive(Debug)]
pub struct Program;
