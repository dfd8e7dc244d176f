//! Requests to typed operations, and results to answers.
//!
//! In: the head and body of a request. Out: the operation with its parameters, decoded from
//! whichever form they came in; or a [`Refusal`] with its short name.
//! Rules: Workflow API §1 (forms, names, precedence), §2 (envelope). The table in `workflow-api`
//! says which operations and parameters there are; nothing here repeats it.
//! Elsewhere: what an operation does (`processes`, `registry`, `users`).

pub(crate) mod answer;
mod arguments;
mod content;
mod json;
mod refusal;
mod request;
mod target;
mod urlencoded;

#[cfg(test)]
mod tests;

pub(crate) use arguments::Arguments;
#[cfg(test)]
use arguments::Given;
pub(crate) use content::read;
pub(crate) use refusal::Refusal;
pub(crate) use request::{Level, NewUser, Page, Request, UserEdit, UserRequest, is_about_users};
pub(crate) use target::Target;
