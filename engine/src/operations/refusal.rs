//! What is wrong with a request before any operation runs.

use std::borrow::Cow;

use workflow_api::{ErrorName, Parameter};

/// A request that is not carried out; knows its short name and its text.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// No path of ours.
    #[error("there is nothing at this path; operations are at /workflowapi/<operation>")]
    NoSuchPath,
    /// The path or the query names no operation of the table.
    #[error("there is no operation `{name}`{}", near(name))]
    NoSuchOperation { name: Box<str> },
    /// `Allow` lists the methods that serve the operation.
    #[error("`{operation}` is not served by this method; send {allow}")]
    Method {
        operation: &'static str,
        allow: &'static str,
    },
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("{expected}")]
    MediaType { expected: &'static str },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("parameter `{}` is missing: {}{hint}", .parameter.name, .parameter.doc)]
    Missing {
        parameter: &'static Parameter,
        hint: &'static str,
    },
    #[error("parameter `{name}` is {problem}")]
    Invalid {
        name: Cow<'static, str>,
        problem: Problem,
    },
    #[error("this version of the engine does not run {what}")]
    NotSupported { what: &'static str },
    #[error("the user operations are switched off (WorkflowApi.BlockUserApi)")]
    UserApiBlocked,
    #[error("the engine is {doing}; try again in a moment")]
    Unavailable { doing: &'static str },
}

/// The bytes do not say anything: HTTP, percent-encoding, UTF-8, JSON or form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("a `%` is not followed by two hexadecimal digits")]
    PercentEncoding,
    #[error("the text is not UTF-8")]
    Utf8,
    #[error("the body is not one JSON object: {0}")]
    Json(serde_json::Error),
    #[error("the JSON is nested deeper than {} levels", super::json::DEPTH_MAX)]
    JsonTooDeep,
    #[error("the body gives `{0}` twice")]
    Twice(Box<str>),
    #[error("the multipart body cannot be read: {0}")]
    Multipart(multer::Error),
    #[error("the multipart body has a field without a name")]
    FieldWithoutName,
    #[error("a GET request has no body; send its parameters in the query, or use POST")]
    BodyOfGet,
    #[error("the body broke off")]
    BrokenBody,
}

#[cfg(test)]
impl PartialEq for Unreadable {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Why a value does not fit its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("not a UUID such as 0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11")]
    NotUuid,
    #[error("not a list of UUIDs; send a JSON array, or one text separated by commas")]
    NotUuids,
    #[error("not a text; send a JSON string")]
    NotText,
    #[error("not a list of texts; send a JSON array of strings, or one text separated by commas")]
    NotTexts,
    #[error("not JSON")]
    NotJson,
    #[error("not a Boolean; send true or false")]
    NotBoolean,
    #[error("not a whole number from 0 to 9007199254740991")]
    NotInteger,
    #[error("given twice with different values; send it once")]
    Contradictory,
}

impl Refusal {
    /// The short name in the envelope.
    pub(crate) fn name(&self) -> ErrorName {
        match self {
            Self::NoSuchPath | Self::NoSuchOperation { .. } => ErrorName::NotFound,
            Self::Method { .. } => ErrorName::MethodNotAllowed,
            Self::TooLarge { .. } => ErrorName::PayloadTooLarge,
            Self::BodyTimeout => ErrorName::RequestTimeout,
            Self::MediaType { .. } => ErrorName::UnsupportedMediaType,
            Self::Unreadable(_) => ErrorName::BadRequest,
            Self::Missing { .. } => ErrorName::ParameterMissing,
            Self::Invalid { .. } => ErrorName::ParameterInvalid,
            Self::NotSupported { .. } => ErrorName::NotSupported,
            Self::UserApiBlocked => ErrorName::UserApiBlocked,
            Self::Unavailable { .. } => ErrorName::Unavailable,
        }
    }
}

/// Where the name comes close to one in the table, which one.
fn near(name: &str) -> String {
    workflow_api::OPERATIONS
        .iter()
        .map(|operation| (distance(name, operation.name), operation.name))
        .min()
        .filter(|&(distance, _)| distance <= 3)
        .map(|(_, known)| format!("; did you mean `{known}`?"))
        .unwrap_or_default()
}

/// Edits from `given`, without case, to `known`; only the first 32 bytes count, for a bound on
/// the work.
fn distance(given: &str, known: &str) -> usize {
    let given: Vec<u8> = given
        .bytes()
        .take(32)
        .map(|b| b.to_ascii_lowercase())
        .collect();
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for (i, known) in known.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, given) in given.iter().enumerate() {
            let edit = diagonal + usize::from(*given != known);
            diagonal = row[j + 1];
            row[j + 1] = edit.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[given.len()]
}
