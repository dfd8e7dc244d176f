//! A process instance as it stands after its last operation: an immutable snapshot.
//!
//! In: nothing; only the interpreter makes a next snapshot from one. Out: every field that the
//! API shows of a process, as borrowed text and numbers.
//! Rules: the objects `ProcessInstance`, `ProcessInfo`, `Transition` and `HistoryItem`.
//! Kept small: names are indices into the scheme versions that the instance has walked.

mod log;
mod parameters;
mod records;

pub use log::Log;
pub use parameters::Parameters;
pub(crate) use records::{Cause, Record};
pub use records::{HistoryItem, Transition};

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::scheme::{Activity, ActivityId, Scheme};

/// What an instance is doing; the numbers are the API's `InstanceStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Made, nothing executed yet.
    Initialized = 0,
    /// An operation is executing.
    Running = 1,
    /// Waiting for a command.
    Idled = 2,
    /// In a final activity.
    Finalized = 3,
    /// Ended by an operator.
    Terminated = 4,
    /// An operation failed; [`Instance::fault`] tells why.
    Error = 5,
}

impl Status {
    /// The number in the API.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialized => "Initialized",
            Self::Running => "Running",
            Self::Idled => "Idled",
            Self::Finalized => "Finalized",
            Self::Terminated => "Terminated",
            Self::Error => "Error",
        }
    }
}

/// An activity of one of the scheme versions that an instance has walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) version: u16,
    pub(crate) activity: ActivityId,
}

/// Where an instance came from: before its last step, its last Direct one, its last Reverse one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) any: Option<Place>,
    pub(crate) direct: Option<Place>,
    pub(crate) reverse: Option<Place>,
}

/// The scheme versions that an instance has walked; mostly one.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    pub(crate) current: Arc<Scheme>,
    /// Oldest first; a [`Place`]'s version counts from its start, `current` is past its end.
    older: Option<Arc<[Arc<Scheme>]>>,
}

impl Versions {
    pub(crate) fn new(current: Arc<Scheme>) -> Self {
        Self {
            current,
            older: None,
        }
    }

    /// The number of the current version.
    pub(crate) fn number(&self) -> u16 {
        let older = self.older.as_deref().map_or(0, <[_]>::len);
        u16::try_from(older).unwrap_or(u16::MAX)
    }

    /// With `scheme` as the current version. The same versions when no number is left.
    pub(crate) fn moved_to(&self, scheme: Arc<Scheme>) -> Self {
        if self.number() == u16::MAX {
            return self.clone();
        }
        let older = self.older.as_deref().unwrap_or_default();
        let older = older.iter().cloned().chain([Arc::clone(&self.current)]);
        Self {
            older: Some(older.collect()),
            current: scheme,
        }
    }

    pub(crate) fn scheme(&self, version: u16) -> &Scheme {
        let older = self.older.as_deref().unwrap_or_default();
        older.get(usize::from(version)).unwrap_or(&self.current)
    }

    pub(crate) fn activity(&self, place: Place) -> &Activity {
        &self.scheme(place.version)[place.activity]
    }
}

/// One snapshot of a process instance.
#[derive(Clone, Debug)]
pub struct Instance {
    pub(crate) id: Uuid,
    pub(crate) root: Uuid,
    pub(crate) parent: Option<Uuid>,
    pub(crate) version: u64,
    pub(crate) versions: Versions,
    pub(crate) status: Status,
    /// Where it stands.
    pub(crate) activity: ActivityId,
    /// The activity whose state it shows: where it stands, or the last one that persists state.
    pub(crate) shown: Place,
    pub(crate) previous: Previous,
    pub(crate) fault: Option<Arc<str>>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) creator: Option<Arc<str>>,
    pub(crate) created: OffsetDateTime,
    pub(crate) changed: OffsetDateTime,
    pub(crate) parameters: Parameters,
    pub(crate) log: Log<Record>,
}

impl Instance {
    /// The process id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The topmost ancestor's id; its own without a parent.
    pub fn root_process_id(&self) -> Uuid {
        self.root
    }

    /// The parent's id, of a subprocess.
    pub fn parent_process_id(&self) -> Option<Uuid> {
        self.parent
    }

    /// Counts the committed changes, from 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The scheme version that it walks.
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.versions.current
    }

    /// What it is doing.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why it is in status Error.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The tenant that it belongs to.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Who created it (with impersonation, for whom).
    pub fn creator(&self) -> Option<&str> {
        self.creator.as_deref()
    }

    /// When it was created, UTC.
    pub fn created(&self) -> OffsetDateTime {
        self.created
    }

    /// When its last change was committed, UTC.
    pub fn changed(&self) -> OffsetDateTime {
        self.changed
    }

    /// The activity where it stands.
    pub fn activity(&self) -> &Activity {
        &self.versions.current[self.activity]
    }

    /// `ActivityName`.
    pub fn activity_name(&self) -> &str {
        &self.activity().name
    }

    /// `StateName`. An activity with `DisablePersistState` leaves the state as it was.
    pub fn state_name(&self) -> Option<&str> {
        self.state_of(Some(self.shown))
    }

    /// `PreviousActivity`.
    pub fn previous_activity(&self) -> Option<&str> {
        self.activity_of(self.previous.any)
    }

    /// `PreviousActivityForDirect`.
    pub fn previous_activity_for_direct(&self) -> Option<&str> {
        self.activity_of(self.previous.direct)
    }

    /// `PreviousActivityForReverse`.
    pub fn previous_activity_for_reverse(&self) -> Option<&str> {
        self.activity_of(self.previous.reverse)
    }

    /// `PreviousState`.
    pub fn previous_state(&self) -> Option<&str> {
        self.state_of(self.previous.any)
    }

    /// `PreviousStateForDirect`.
    pub fn previous_state_for_direct(&self) -> Option<&str> {
        self.state_of(self.previous.direct)
    }

    /// `PreviousStateForReverse`.
    pub fn previous_state_for_reverse(&self) -> Option<&str> {
        self.state_of(self.previous.reverse)
    }

    /// The stored parameters (`ProcessParameters`).
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// How many transitions are on record.
    pub fn transitions_len(&self) -> usize {
        self.log.len()
    }

    /// `Transitions`, oldest first.
    pub fn transitions(&self) -> impl Iterator<Item = Transition<'_>> {
        self.log.iter().map(|record| Transition::new(self, record))
    }

    /// `History`, oldest first: an item for each transition on record.
    pub fn history(&self) -> impl Iterator<Item = HistoryItem<'_>> {
        (1..)
            .zip(self.log.iter())
            .map(|(order, record)| HistoryItem::new(self, order, record))
    }

    /// Where it stands, for records.
    pub(crate) fn place(&self) -> Place {
        Place {
            version: self.versions.number(),
            activity: self.activity,
        }
    }

    fn activity_of(&self, place: Option<Place>) -> Option<&str> {
        place.map(|place| &*self.versions.activity(place).name)
    }

    fn state_of(&self, place: Option<Place>) -> Option<&str> {
        self.versions.activity(place?).state.as_deref()
    }
}
