//! The Workflow API as one table.

/// One operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// In lower case, as in the URL.
    pub name: &'static str,
}
