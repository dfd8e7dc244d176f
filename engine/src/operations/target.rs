//! Which operation a request is for: the path, or the query's `operation`.
//!
//! In: path and query as sent. Out: the table's entry and what the path's third segment says.
//! Rules: Workflow API §1. `/workflowapi/{operation}/{id}`, `/workflowapi/{operation}?…`,
//! `/workflowapi?operation={operation}&…`, names without ASCII case; what the path says wins.
//! Never the body: a policy in front sees path and query, and must see what we run.

use std::borrow::Cow;

use workflow_api::Operation;

use super::refusal::{Problem, Refusal};
use super::urlencoded;

/// The first segment of every path.
const PREFIX: &str = "workflowapi";

/// The query's name of the operation.
const OPERATION: &str = "operation";

/// What path and query name.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) operation: &'static Operation,
    /// The third segment, when there is one.
    pub(crate) id: Option<Cow<'a, str>>,
    /// The query, still encoded.
    pub(crate) query: &'a str,
}

impl<'a> Target<'a> {
    /// Finds the operation that `uri` names.
    pub(crate) fn of(uri: &'a http::Uri) -> Result<Self, Refusal> {
        let query = uri.query().unwrap_or("");
        let path = uri.path();
        let path = path.strip_prefix('/').ok_or(Refusal::NoSuchPath)?;
        // One trailing slash is a habit of clients, and means nothing.
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = path.split('/').map(urlencoded::segment);

        let prefix = segments.next().transpose()?;
        if !prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX)) {
            return Err(Refusal::NoSuchPath);
        }
        let name = match segments.next().transpose()? {
            Some(name) => name,
            None => named_by_query(query)?.ok_or(Refusal::NoSuchPath)?,
        };
        let operation = workflow_api::find(&name).ok_or_else(|| Refusal::NoSuchOperation {
            name: shortened(&name),
        })?;
        let id = segments.next().transpose()?;
        if segments.next().is_some() || (id.is_some() && operation.path_id.is_none()) {
            return Err(Refusal::NoSuchPath);
        }
        Ok(Self {
            operation,
            id,
            query,
        })
    }
}

fn named_by_query(query: &str) -> Result<Option<Cow<'_, str>>, Refusal> {
    let mut named: Option<Cow<'_, str>> = None;
    for pair in urlencoded::pairs(query) {
        let (name, value) = pair?;
        if !name.eq_ignore_ascii_case(OPERATION) {
            continue;
        }
        if named
            .as_ref()
            .is_some_and(|earlier| !earlier.eq_ignore_ascii_case(&value))
        {
            return Err(Refusal::Invalid {
                name: Cow::Borrowed(OPERATION),
                problem: Problem::Contradictory,
            });
        }
        named = Some(value);
    }
    Ok(named.filter(|name| !name.is_empty()))
}

/// As much of a name as a message needs.
fn shortened(name: &str) -> Box<str> {
    name.chars()
        .take(40)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use workflow_api::{ErrorName, Id};

    use super::*;

    #[test]
    fn an_operation_is_named_by_the_path_or_by_the_query() {
        const ID: &str = "0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11";
        let with_id = |text: &str| text.replace("ID", ID);
        for (uri, want) in [
            (
                "/workflowapi/getinstanceinfo/ID",
                Ok((Id::GetInstanceInfo, true)),
            ),
            (
                "/workflowapi/getinstanceinfo/ID/",
                Ok((Id::GetInstanceInfo, true)),
            ),
            (
                "/WorkflowAPI/GetInstanceInfo",
                Ok((Id::GetInstanceInfo, false)),
            ),
            (
                "/workflowapi/getinstanceinfo/",
                Ok((Id::GetInstanceInfo, false)),
            ),
            ("/workflowapi?operation=Inbox", Ok((Id::Inbox, false))),
            ("/workflowapi/?OPERATION=inbox", Ok((Id::Inbox, false))),
            (
                "/workflowapi?operation=inbox&operation=INBOX",
                Ok((Id::Inbox, false)),
            ),
            (
                "/workflowapi/outbox?operation=inbox",
                Ok((Id::Outbox, false)),
            ),
            (
                "/workflowapi/isprocessexists",
                Ok((Id::IsExistProcess, false)),
            ),
            (
                "http://engine.example/workflowapi/inbox",
                Ok((Id::Inbox, false)),
            ),
            ("/workflowapi/%69nbox", Ok((Id::Inbox, false))),
            ("/workflowapi", Err(ErrorName::NotFound)),
            ("/workflowapi?operation=", Err(ErrorName::NotFound)),
            (
                "/workflowapi?operation=inbox&operation=outbox",
                Err(ErrorName::ParameterInvalid),
            ),
            ("/", Err(ErrorName::NotFound)),
            ("/other/inbox", Err(ErrorName::NotFound)),
            ("//workflowapi/inbox", Err(ErrorName::NotFound)),
            ("/workflowapi//inbox", Err(ErrorName::NotFound)),
            ("/workflowapi/inboxes", Err(ErrorName::NotFound)),
            ("/workflowapi/getschemelist/x", Err(ErrorName::NotFound)),
            (
                "/workflowapi/getinstanceinfo/ID/x",
                Err(ErrorName::NotFound),
            ),
            ("/workflowapi/inbox/%zz", Err(ErrorName::BadRequest)),
            ("/workflowapi/%ff", Err(ErrorName::BadRequest)),
            ("/workflowapi?operation=%ff", Err(ErrorName::BadRequest)),
        ] {
            let uri: http::Uri = with_id(uri).parse().expect("a URI");
            let got = Target::of(&uri)
                .map(|target| (target.operation.id, target.id.as_deref() == Some(ID)))
                .map_err(|refusal| refusal.name());
            assert_eq!(got, want, "{uri}");
        }
    }

    #[test]
    fn an_unknown_operation_is_told_the_nearest_name() {
        let uri = http::Uri::from_static("/workflowapi/createinstanse");
        let refusal = Target::of(&uri).expect_err("no such operation");
        assert_eq!(
            refusal.to_string(),
            "there is no operation `createinstanse`; did you mean `createinstance`?"
        );
    }
}
