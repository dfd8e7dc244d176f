//! The rules that every engine has.
//!
//! In: a rule's value and an identity. Out: whether the rule names it, and whom else.

use std::sync::Arc;

use super::{Answer, Call, Providers, Rule};

pub(super) fn register(providers: &mut Providers) {
    providers
        .rule("CheckRole", CheckRole)
        .rule("IsCreator", IsCreator)
        .rule("IsIdentity", IsIdentity)
        .rule("IsPreviousExecutor", IsPreviousExecutor);
}

/// Users who have the role that the value names.
struct CheckRole;

impl Rule for CheckRole {
    fn allows<'a>(&'a self, call: Call<'a>, identity: &'a str) -> Answer<'a, bool> {
        let role = call.parameter.unwrap_or_default();
        Answer::Now(Ok(call.process.users().has_role(identity, role)))
    }

    fn identities<'a>(&'a self, call: Call<'a>, max: usize) -> Answer<'a, Option<Vec<Arc<str>>>> {
        let role = call.parameter.unwrap_or_default();
        Answer::Now(Ok(Some(call.process.users().with_role(role, max))))
    }
}

/// Who created the process.
struct IsCreator;

impl Rule for IsCreator {
    fn allows<'a>(&'a self, call: Call<'a>, identity: &'a str) -> Answer<'a, bool> {
        Answer::Now(Ok(call.process.instance().creator() == Some(identity)))
    }

    fn identities<'a>(&'a self, call: Call<'a>, _max: usize) -> Answer<'a, Option<Vec<Arc<str>>>> {
        let creator = call.process.instance().creator.clone();
        Answer::Now(Ok(Some(creator.into_iter().collect())))
    }
}

/// The identities that the value lists, comma-separated.
struct IsIdentity;

impl Rule for IsIdentity {
    fn allows<'a>(&'a self, call: Call<'a>, identity: &'a str) -> Answer<'a, bool> {
        Answer::Now(Ok(listed(&call).any(|one| one == identity)))
    }

    fn identities<'a>(&'a self, call: Call<'a>, max: usize) -> Answer<'a, Option<Vec<Arc<str>>>> {
        Answer::Now(Ok(Some(listed(&call).take(max).map(Arc::from).collect())))
    }
}

fn listed<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a str> {
    let list = call.parameter.unwrap_or_default().split(',');
    list.map(str::trim).filter(|one| !one.is_empty())
}

/// Who made the last step on record, or for whom it was made: a four-eyes rule that a deputy
/// cannot get around.
struct IsPreviousExecutor;

impl Rule for IsPreviousExecutor {
    fn allows<'a>(&'a self, call: Call<'a>, identity: &'a str) -> Answer<'a, bool> {
        let names = previous(&call).any(|one| &**one == identity);
        Answer::Now(Ok(names))
    }

    fn identities<'a>(&'a self, call: Call<'a>, _max: usize) -> Answer<'a, Option<Vec<Arc<str>>>> {
        let mut identities: Vec<Arc<str>> = previous(&call).cloned().collect();
        identities.dedup();
        Answer::Now(Ok(Some(identities)))
    }
}

fn previous<'a>(call: &Call<'a>) -> impl Iterator<Item = &'a Arc<str>> {
    let last = call.process.instance().log.last();
    last.into_iter()
        .flat_map(|record| [&record.executor, &record.actor])
        .flatten()
}
