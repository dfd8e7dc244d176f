//! The table itself.

mod instances;
mod lists;
mod operators;
mod schemes;
mod users;

use crate::ErrorName as E;
use crate::operation::{Data, Group, Id, Kind, Methods, Operation, Parameter};
use crate::schema;

const PROCESS_ID: Parameter = Parameter::new("processId", Kind::Uuid, "The process instance.");
const PROCESS_IDS: Parameter =
    Parameter::new("processIds", Kind::UuidList, "The process instances.").in_body();
const SCHEME_CODE: Parameter = Parameter::new("schemeCode", Kind::Text, "The scheme's name.");
const IDENTITY_ID: Parameter = Parameter::new(
    "identityId",
    Kind::Text,
    "Who acts; without it nobody in particular does.",
);
const IMPERSONATED_IDENTITY_ID: Parameter = Parameter::new(
    "impersonatedIdentityId",
    Kind::Text,
    "For whom `identityId` acts; the rights are this one's.",
);
const TENANT_ID: Parameter = Parameter::new(
    "tenantId",
    Kind::Text,
    "The tenant that the instance must belong to.",
);
const CULTURE: Parameter = Parameter::new(
    "culture",
    Kind::Text,
    "The language of names for people, such as `de-DE`.",
);
const PERSIST: Parameter = Parameter::new(
    "persist",
    Kind::TextList,
    "Names of process parameters to keep with the instance.",
);
const PAGE: Parameter = Parameter::new("page", Kind::Integer, "Which page, from 0.");
const PAGE_SIZE: Parameter = Parameter::new("pageSize", Kind::Integer, "Entries on a page.");
const REASON: Parameter = Parameter::new("reason", Kind::Text, "Why, for the history.");
const MESSAGE: Parameter = Parameter::new("message", Kind::Text, "The text to log.").required();
const USER_ID: Parameter = Parameter::new("id", Kind::Text, "The user's id.").required();
const NAME: Parameter = Parameter::new("name", Kind::Text, "The user's name.");
const LOGIN: Parameter =
    Parameter::new("login", Kind::Text, "The name that the user logs in with.");
const ROLES: Parameter = Parameter::new("roles", Kind::TextList, "Roles, as rules name them.");

/// What most entries have in common; each changes what differs.
const BASE: Operation = Operation {
    id: Id::CreateInstance,
    name: "",
    aliases: &[],
    group: Group::Run,
    methods: Methods::GetAndPost,
    read_only: false,
    process_parameters: false,
    path_id: Some("processId"),
    parameters: &[],
    data: Data::None,
    errors: &[],
    doc: "",
};
/// Looks at something.
const READ: Operation = Operation {
    group: Group::Read,
    read_only: true,
    ..BASE
};
/// Administers something.
const MANAGE: Operation = Operation {
    group: Group::Manage,
    methods: Methods::Post,
    path_id: None,
    ..BASE
};

/// Every operation of the API, in the order of [`Id`].
pub static OPERATIONS: [Operation; Id::ALL.len()] = [
    instances::CREATE_INSTANCE,
    instances::BULK_CREATE_INSTANCE,
    instances::GET_INSTANCE_INFO,
    instances::GET_AVAILABLE_COMMANDS,
    instances::EXECUTE_COMMAND,
    instances::GET_AVAILABLE_STATE_TO_SET,
    instances::SET_STATE,
    instances::IS_EXIST_PROCESS,
    instances::DELETE_INSTANCE,
    instances::DELETE_INSTANCES,
    lists::INBOX,
    lists::OUTBOX,
    lists::INBOX_RECALC,
    schemes::GET_FORM_BY_FLOW,
    schemes::GET_SCHEME_LIST,
    schemes::GET_SCHEME,
    schemes::CREATE_OR_UPDATE_SCHEME,
    schemes::DELETE_SCHEME,
    operators::LOG_INFO,
    operators::LOG_ERROR,
    operators::LOG_DEBUG,
    operators::START_TIMERS,
    operators::STOP_TIMERS,
    operators::IS_TIMERS_STARTED,
    users::GET_USERS,
    users::GET_USER,
    users::CREATE_USER,
    users::UPDATE_USER,
    users::DELETE_USER,
    lists::FIND_INSTANCES,
    operators::SUSPEND_INSTANCE,
    operators::RESUME_INSTANCE,
    operators::TERMINATE_INSTANCE,
    operators::RETRY_INSTANCE,
    schemes::SCHEME_DIAGRAM,
    schemes::INSTANCE_DIAGRAM,
    lists::EVENTS,
    instances::GET_PROCESS_HISTORY,
    instances::GET_APPROVAL_HISTORY,
];

/// Of looking at one instance.
const LOOK: &[E] = &[
    E::ParameterMissing,
    E::ParameterInvalid,
    E::ProcessNotFound,
    E::TenantMismatch,
];
/// Of looking at a list.
const PAGED: &[E] = &[E::ParameterMissing, E::ParameterInvalid, E::NotSupported];
/// Of operating one instance.
const OPERATE: &[E] = &[
    E::ParameterMissing,
    E::ParameterInvalid,
    E::ProcessNotFound,
    E::TenantMismatch,
    E::InstanceBusy,
    E::NotSupported,
];
/// Of one user.
const USER: &[E] = &[
    E::ParameterMissing,
    E::ParameterInvalid,
    E::UserNotFound,
    E::UserApiBlocked,
    E::NotSupported,
];
