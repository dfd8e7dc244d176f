//! The gate's judgement of tokens, for code in this process that serves something of its own.

use std::sync::Arc;

use super::{Judging, Principal, recognise};
use crate::Shared;
use crate::clock::unix_time;
use crate::config::Snapshot;
use crate::policy;
use crate::refusal::Reason;

/// Judges access tokens as the gate does, by the configuration in force, with the same memory of
/// tokens that were good. Clones are the same one. Failure budgets are not spent here, for nothing
/// is known of who asks.
///
/// ```no_run
/// # use sidecar::Sidecar;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let running = Sidecar::builder().config_file("config.json").build()?.start()?;
/// let validator = running.validator();
/// match validator.check("a token that somebody sent") {
///     Ok(principal) => println!("{} calls", principal.client_id),
///     Err(reason) => println!("refused: {}", reason.code()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Validator {
    shared: Arc<Shared>,
}

impl Validator {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Who presents `token`, which is what follows `Bearer ` in a header. A token that is bound to a
    /// key or a certificate is refused: nothing is proved here.
    ///
    /// # Errors
    /// The token is not good; the reason's code is for a log, its status for an answer.
    pub fn check(&self, token: &str) -> Result<Arc<Principal>, Reason> {
        let token = token.as_bytes();
        let snapshot = self.shared.live.snapshot();
        if token.len() > snapshot.limits.token {
            return Err(Reason::TokenTooLong);
        }
        let now = unix_time();
        let judging = Judging::new(&self.shared, &snapshot, now);
        let principal = recognise(token, &self.shared.tokens, &judging)?;
        bare(principal, &snapshot)
    }
}

/// Nothing was proved here but that somebody has the token: a bound one is not good by itself.
fn bare(principal: Arc<Principal>, snapshot: &Snapshot) -> Result<Arc<Principal>, Reason> {
    policy::accepted(&principal).map_err(|refusal| refusal.reason)?;
    match &principal.binding {
        None if snapshot.dpop.required => Err(Reason::TokenUnbound),
        None => Ok(principal),
        Some(binding) if binding.key.is_some() => Err(Reason::TokenBound),
        Some(_) => Err(Reason::CertificateMissing),
    }
}
