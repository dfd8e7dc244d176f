//! The Workflow API as one table: operations, their parameters, objects and errors.
//!
//! Everything that speaks the API is derived from here: the engine's decoder, the sidecar's
//! policy by operation, and whatever describes the API to people and programs. The table lists
//! every operation that the API defines, whether or not an engine runs it yet: a policy stands
//! in front of any engine. No I/O.
//!
//! ```
//! let operation = workflow_api::find("IsProcessExists").expect("an alias, without case");
//! assert_eq!(operation.name, "isexistprocess");
//! assert_eq!(operation.group, workflow_api::Group::Read);
//! ```

mod envelope;
mod error;
mod find;
mod object;
mod operation;
mod process_id;
mod schema;
mod table;

pub use envelope::{Failure, Success, SuccessWithoutData};
pub use error::ErrorName;
pub use find::find;
pub use object::{
    Command, CommandParameter, CreatedInstance, ExecutedCommand, HistoryItem, InboxItem,
    InstanceStatus, OutboxItem, ProcessInfo, ProcessInstance, SchemeFault, SchemeFaults, State,
    StoredScheme, Timestamp, Transition, TransitionClassifier, User,
};
pub use operation::{Data, Group, Id, Kind, Methods, Operation, Parameter, Place};
pub use process_id::{BadProcessId, parse_process_id};
pub use schema::{Field, Object, Type};
pub use table::OPERATIONS;
