//! Everything that one operation alters, as one value.
//!
//! In: the interpreter's result. Out: what the store makes durable and what is published then.
//! A change holds the snapshots before and after, so that what a store writes (fields, new
//! records, edited parameters) is their difference and cannot disagree with what readers see.
//! Timers and inbox entries belong to a snapshot; children are changes of their own in
//! [`Changes::others`].

use std::sync::Arc;

use uuid::Uuid;

use crate::instance::Instance;

/// What one operation alters: all of it becomes durable, or nothing.
#[derive(Debug)]
pub struct Changes {
    /// What happens to the instance that the operation was for.
    pub own: Change,
    /// What happens to other instances with it.
    pub others: Vec<Change>,
}

impl Changes {
    /// A change of one instance only.
    pub fn of(own: Change) -> Self {
        Self {
            own,
            others: Vec::new(),
        }
    }

    /// All changes, the own one first.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        std::iter::once(&self.own).chain(&self.others)
    }
}

/// What happens to one instance.
#[derive(Debug)]
pub enum Change {
    /// It is new.
    Created(Arc<Instance>),
    /// It has a next snapshot.
    Updated {
        /// The snapshot that the operation started from.
        before: Arc<Instance>,
        /// The snapshot that it leads to.
        after: Arc<Instance>,
    },
    /// It is gone.
    Deleted(Arc<Instance>),
}

impl Change {
    /// The instance's id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Created(instance) | Self::Deleted(instance) => instance.id(),
            Self::Updated { after, .. } => after.id(),
        }
    }

    /// The snapshot that stands afterwards.
    pub fn after(&self) -> Option<&Arc<Instance>> {
        match self {
            Self::Created(after) | Self::Updated { after, .. } => Some(after),
            Self::Deleted(_) => None,
        }
    }
}
