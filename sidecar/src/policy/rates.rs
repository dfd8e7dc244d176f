//! How many requests a client may make.
//!
//! In: who asks, the rates that the configuration gives it, an instant. Out: nothing, or 429 with
//! the seconds to wait. A refused request costs the budget nothing, and neither does one that policy
//! refuses before. Without a rate nothing is looked up.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Instant;

use super::{Budgets, Source};
use crate::bearer::{Origin, Principal};
use crate::config::{Client, Limits, RouteSettings};
use crate::refusal::{Reason, Refusal};

/// Clients choose neither each other's keys nor their places in the table.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Who asks: a client by its issuer and id, or an address where nobody has to say who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Caller(u64);

impl Caller {
    /// A client. Two issuers may have clients of the same id.
    pub(crate) fn client(issuer: &str, id: &str) -> Self {
        Self(KEY.hash_one((issuer, id)))
    }

    fn address(source: Source) -> Self {
        Self(KEY.hash_one(source))
    }
}

/// Routes of one pattern are told apart by their methods and operations.
fn route_key(route: &RouteSettings) -> u64 {
    KEY.hash_one((route.pattern.as_str(), &route.methods, route.operations))
}

/// What a budget is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Tokens,
    Requests,
    /// By the place of the route's prefix in a hash.
    Route(u64),
}

/// The budgets of all callers.
#[derive(Default)]
pub struct Rates(Budgets<(Caller, Of)>);

impl Rates {
    /// One token for `client`.
    pub(crate) fn token(
        &self,
        client: &Client,
        issuer: &str,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(rate) = limits.token_requests else {
            return Ok(());
        };
        let caller = Caller::client(issuer, &client.id);
        self.0
            .take((caller, Of::Tokens), rate, now)
            .map_err(|wait| Refusal::new(Reason::TokenRateExceeded).retry_after(wait))
    }

    /// One request on `route`, of a principal or from an address.
    pub(crate) fn request(
        &self,
        principal: Option<&Principal>,
        source: Source,
        route: &RouteSettings,
        limits: &Limits,
        now: Instant,
    ) -> Result<(), Refusal> {
        let own = principal.and_then(|principal| match &principal.origin {
            Origin::Registered(client) => client.rate.or(limits.requests),
            Origin::External(_) => limits.requests,
        });
        if own.is_none() && route.rate.is_none() {
            return Ok(());
        }
        let caller = principal.map_or_else(|| Caller::address(source), |one| one.caller);
        if let Some(rate) = route.rate {
            let of = Of::Route(route_key(route));
            self.0
                .take((caller, of), rate, now)
                .map_err(|wait| Refusal::new(Reason::RouteRateExceeded).retry_after(wait))?;
        }
        match own {
            Some(rate) => self
                .0
                .take((caller, Of::Requests), rate, now)
                .map_err(|wait| Refusal::new(Reason::ClientRateExceeded).retry_after(wait)),
            None => Ok(()),
        }
    }

    /// Budgets that are kept now.
    pub(crate) fn kept(&self) -> usize {
        self.0.kept()
    }
}
