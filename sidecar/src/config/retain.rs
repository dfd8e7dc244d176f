//! What a running sidecar cannot change keeps its value, and is reported. Listeners move
//! (`server`).
//!
//! In: a new draft, the snapshot in force. Out: the draft with those values kept, the names of
//! the keys that wait for a restart.

use settings::{Fault, Mark, Reading};

use super::draft::Draft;
use super::{Endpoint, Snapshot};

/// Keeps what cannot change.
pub(super) fn retain(
    draft: &mut Draft,
    in_force: &Snapshot,
    reading: &mut Reading,
) -> Vec<&'static str> {
    let mut waiting = Vec::new();
    let mut report = |key: &'static str, mark: Mark| {
        reading.faults.push(
            Fault::warning(mark, format!("`{key}` needs a restart"))
                .label("the old value stays in force until then"),
        );
        waiting.push(key);
    };
    if draft.admin_url != in_force.admin_url {
        report("Admin.Url", draft.admin_mark);
        draft.admin_url = in_force.admin_url.clone();
    }
    if draft.data_folder != in_force.data_folder {
        report("DataFolder", draft.data_folder_mark);
        draft.data_folder.clone_from(&in_force.data_folder);
    }
    if draft
        .workers
        .is_some_and(|workers| workers != in_force.workers)
    {
        report("Workers", draft.workers_mark);
    }
    // Unset means the cores granted, as they were counted at the start.
    draft.workers = Some(in_force.workers);
    let embedded = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Embedded);
    if embedded(&draft.upstream.endpoint) != embedded(&in_force.upstream.endpoint) {
        report("Upstream", draft.upstream_mark);
        draft.upstream.endpoint = in_force.upstream.endpoint.clone();
        #[cfg(feature = "embedded")]
        {
            draft.engine = None;
        }
    }
    #[cfg(feature = "embedded")]
    if let (Some(next), Some(running)) = (&draft.engine, &in_force.engine) {
        for key in running.changed_keys(next) {
            report(key, draft.engine_mark);
        }
        draft.engine = None;
    }
    waiting
}
