//! Operations of those who run the engine: log, timers, stuck instances.

use super::{
    BASE, Data, E, Id, MANAGE, MESSAGE, Methods, OPERATE, Operation, PROCESS_ID, REASON, TENANT_ID,
};

pub(super) const LOG_INFO: Operation = Operation {
    id: Id::LogInfo,
    name: "loginfo",
    methods: Methods::Post,
    path_id: None,
    parameters: &[MESSAGE],
    errors: &[E::ParameterMissing, E::ParameterInvalid],
    doc: "Writes to the engine's log, as information.",
    ..BASE
};

pub(super) const LOG_ERROR: Operation = Operation {
    id: Id::LogError,
    name: "logerror",
    methods: Methods::Post,
    path_id: None,
    parameters: &[MESSAGE],
    errors: &[E::ParameterMissing, E::ParameterInvalid],
    doc: "Writes to the engine's log, as an error.",
    ..BASE
};

pub(super) const LOG_DEBUG: Operation = Operation {
    id: Id::LogDebug,
    name: "logdebug",
    methods: Methods::Post,
    path_id: None,
    parameters: &[MESSAGE],
    errors: &[E::ParameterMissing, E::ParameterInvalid],
    doc: "Writes to the engine's log, for finding faults.",
    ..BASE
};

pub(super) const START_TIMERS: Operation = Operation {
    id: Id::StartTimers,
    name: "starttimers",
    errors: &[E::NotSupported],
    doc: "Lets timers fire again; those that are overdue fire now.",
    ..MANAGE
};

pub(super) const STOP_TIMERS: Operation = Operation {
    id: Id::StopTimers,
    name: "stoptimers",
    errors: &[E::NotSupported],
    doc: "Keeps timers from firing until they are started or the engine is.",
    ..MANAGE
};

pub(super) const IS_TIMERS_STARTED: Operation = Operation {
    id: Id::IsTimersStarted,
    name: "istimersstarted",
    methods: Methods::GetAndPost,
    read_only: true,
    data: Data::Bool,
    errors: &[E::NotSupported],
    doc: "Tells whether timers fire.",
    ..MANAGE
};

pub(super) const SUSPEND_INSTANCE: Operation = Operation {
    id: Id::SuspendInstance,
    name: "suspendinstance",
    path_id: Some("processId"),
    parameters: &[PROCESS_ID.required(), TENANT_ID, REASON],
    errors: OPERATE,
    doc: "Keeps an instance from moving until it is resumed.",
    ..MANAGE
};

pub(super) const RESUME_INSTANCE: Operation = Operation {
    id: Id::ResumeInstance,
    name: "resumeinstance",
    path_id: Some("processId"),
    parameters: &[PROCESS_ID.required(), TENANT_ID, REASON],
    errors: OPERATE,
    doc: "Lets a suspended instance move again.",
    ..MANAGE
};

pub(super) const TERMINATE_INSTANCE: Operation = Operation {
    id: Id::TerminateInstance,
    name: "terminateinstance",
    path_id: Some("processId"),
    parameters: &[PROCESS_ID.required(), TENANT_ID, REASON],
    errors: OPERATE,
    doc: "Ends an instance where it stands.",
    ..MANAGE
};

pub(super) const RETRY_INSTANCE: Operation = Operation {
    id: Id::RetryInstance,
    name: "retryinstance",
    path_id: Some("processId"),
    parameters: &[PROCESS_ID.required(), TENANT_ID, REASON],
    errors: OPERATE,
    doc: "Tries again what left an instance in Error.",
    ..MANAGE
};
