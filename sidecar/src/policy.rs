//! What a principal may do: scopes, operations, failure budgets.

/// The operations that a client may call, from `Operations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operations {}

/// Failure budgets by address, in a bounded table.
pub struct Failures {}
