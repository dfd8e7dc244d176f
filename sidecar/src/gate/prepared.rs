//! What the gate makes of a snapshot once, instead of for every request.

use std::sync::OnceLock;

use super::cors::Cors;
use super::route::{Table, public_path};
use crate::config::Snapshot;
use crate::oauth::Published;
use crate::refusal::Manner;

/// The gate's part of a snapshot: made when the first request asks for it.
#[derive(Default)]
pub struct Prepared(OnceLock<Box<Ready>>);

pub(crate) struct Ready {
    pub(super) table: Table,
    /// For questions; `None`: the same.
    pub(super) asked_about: Option<Table>,
    pub(super) manner: Manner,
    pub(super) cors: Cors,
    pub(super) published: Published,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}

impl Prepared {
    pub(super) fn of(snapshot: &Snapshot) -> &Ready {
        snapshot.prepared.0.get_or_init(|| {
            let base = &*snapshot.authority.base;
            // RFC 9728 §3.1: the well-known name goes before the path of the resource.
            let public = public_path(base);
            let origin = &base[..base.trim_end_matches('/').len() - public.len()];
            let metadata =
                format!("{origin}/.well-known/oauth-protected-resource{public}/workflowapi");
            Box::new(Ready {
                table: Table::new(snapshot),
                asked_about: Table::asked_about(snapshot),
                manner: Manner::new(base, &metadata, snapshot.detailed_refusals)
                    .with_dpop(&snapshot.dpop.algorithm_names(), snapshot.dpop.required),
                cors: Cors::new(&snapshot.cors_origins),
                published: Published::new(snapshot),
            })
        })
    }
}
