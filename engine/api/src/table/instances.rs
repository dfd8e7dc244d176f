//! Operations on process instances.

use super::{
    BASE, CULTURE, Data, E, IDENTITY_ID, IMPERSONATED_IDENTITY_ID, Id, Kind, LOOK, Methods,
    Operation, PAGE, PAGE_SIZE, PERSIST, PROCESS_ID, PROCESS_IDS, Parameter, READ, SCHEME_CODE,
    TENANT_ID, schema,
};

pub(super) const CREATE_INSTANCE: Operation = Operation {
    id: Id::CreateInstance,
    name: "createinstance",
    process_parameters: true,
    parameters: &[
        Parameter::new(
            "processId",
            Kind::Uuid,
            "The id of the new instance; without it one is made, and returned.",
        ),
        SCHEME_CODE.required(),
        IDENTITY_ID,
        IMPERSONATED_IDENTITY_ID,
        Parameter::new(
            "schemeParameters",
            Kind::Json,
            "Parameters for generating the scheme.",
        ),
        TENANT_ID,
        PERSIST,
    ],
    data: Data::Object(&schema::CREATED_INSTANCE),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::SchemeNotFound,
        E::ProcessAlreadyExists,
        E::ActionFailed,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Creates an instance of a scheme and lets it run until it waits.",
    ..BASE
};

pub(super) const BULK_CREATE_INSTANCE: Operation = Operation {
    id: Id::BulkCreateInstance,
    name: "bulkcreateinstance",
    methods: Methods::Post,
    process_parameters: true,
    path_id: None,
    parameters: &[
        SCHEME_CODE.required(),
        PROCESS_IDS,
        Parameter::new(
            "count",
            Kind::Integer,
            "How many to create with new ids, where no ids are given.",
        ),
        Parameter::new(
            "instances",
            Kind::Json,
            "Objects with a `processId` and process parameters of that instance alone.",
        )
        .in_body(),
        IDENTITY_ID,
        IMPERSONATED_IDENTITY_ID,
        TENANT_ID,
        PERSIST,
    ],
    data: Data::List(&schema::BULK_CREATED),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::SchemeNotFound,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Creates several instances of a scheme; each succeeds or fails by itself.",
    ..BASE
};

pub(super) const GET_INSTANCE_INFO: Operation = Operation {
    id: Id::GetInstanceInfo,
    name: "getinstanceinfo",
    parameters: &[PROCESS_ID.required(), TENANT_ID],
    data: Data::Object(&schema::PROCESS_INFO),
    errors: LOOK,
    doc: "Tells where an instance stands and how it came there.",
    ..READ
};

pub(super) const GET_AVAILABLE_COMMANDS: Operation = Operation {
    id: Id::GetAvailableCommands,
    name: "getavailablecommands",
    parameters: &[
        PROCESS_ID.required(),
        IDENTITY_ID,
        IMPERSONATED_IDENTITY_ID,
        TENANT_ID,
        CULTURE,
        Parameter::new("commandName", Kind::Text, "Only the command of this name."),
    ],
    data: Data::List(&schema::COMMAND),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::ProcessNotFound,
        E::TenantMismatch,
        E::ActionFailed,
    ],
    doc: "Lists the commands that an identity can give an instance now.",
    ..READ
};

pub(super) const EXECUTE_COMMAND: Operation = Operation {
    id: Id::ExecuteCommand,
    name: "executecommand",
    process_parameters: true,
    parameters: &[
        PROCESS_ID.required(),
        Parameter::new("command", Kind::Text, "The command's name.").required(),
        IDENTITY_ID,
        IMPERSONATED_IDENTITY_ID,
        TENANT_ID,
        PERSIST,
        Parameter::new(
            "dryRun",
            Kind::Bool,
            "Answer as if it had been executed, and change nothing.",
        ),
    ],
    data: Data::Object(&schema::EXECUTED_COMMAND),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::ProcessNotFound,
        E::TenantMismatch,
        E::CommandNotFound,
        E::CommandNotAllowed,
        E::InstanceBusy,
        E::ActionFailed,
        E::CallbackFailed,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Gives an instance a command.",
    ..BASE
};

pub(super) const GET_AVAILABLE_STATE_TO_SET: Operation = Operation {
    id: Id::GetAvailableStateToSet,
    name: "getavailablestatetoset",
    aliases: &["getavailablestatestoset"],
    parameters: &[PROCESS_ID.required(), TENANT_ID, CULTURE],
    data: Data::List(&schema::STATE),
    errors: LOOK,
    doc: "Lists the states that an instance can be set to.",
    ..READ
};

pub(super) const SET_STATE: Operation = Operation {
    id: Id::SetState,
    name: "setstate",
    process_parameters: true,
    parameters: &[
        PROCESS_ID.required(),
        Parameter::new("state", Kind::Text, "The state's name.").required(),
        IDENTITY_ID,
        IMPERSONATED_IDENTITY_ID,
        TENANT_ID,
    ],
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::ProcessNotFound,
        E::TenantMismatch,
        E::StateNotFound,
        E::InstanceBusy,
        E::ActionFailed,
        E::CallbackFailed,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Sets an instance to a state, whatever its transitions say.",
    ..BASE
};

pub(super) const IS_EXIST_PROCESS: Operation = Operation {
    id: Id::IsExistProcess,
    name: "isexistprocess",
    aliases: &["isprocessexists", "isprocessexist"],
    parameters: &[PROCESS_ID.required(), TENANT_ID],
    data: Data::Bool,
    errors: &[E::ParameterMissing, E::ParameterInvalid, E::TenantMismatch],
    doc: "Tells whether an instance exists.",
    ..READ
};

pub(super) const DELETE_INSTANCE: Operation = Operation {
    id: Id::DeleteInstance,
    name: "deleteinstance",
    methods: Methods::Post,
    parameters: &[PROCESS_ID.required(), TENANT_ID],
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::ProcessNotFound,
        E::TenantMismatch,
        E::InstanceBusy,
    ],
    doc: "Deletes an instance with its subprocesses.",
    ..BASE
};

pub(super) const DELETE_INSTANCES: Operation = Operation {
    id: Id::DeleteInstances,
    name: "deleteinstances",
    methods: Methods::Post,
    path_id: None,
    parameters: &[PROCESS_IDS.required(), TENANT_ID],
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::ProcessNotFound,
        E::TenantMismatch,
        E::InstanceBusy,
    ],
    doc: "Deletes several instances, all of them or none.",
    ..BASE
};

pub(super) const GET_PROCESS_HISTORY: Operation = Operation {
    id: Id::GetProcessHistory,
    name: "getprocesshistory",
    parameters: &[PROCESS_ID.required(), TENANT_ID, PAGE, PAGE_SIZE],
    data: Data::List(&schema::TRANSITION),
    errors: LOOK,
    doc: "Lists the steps that an instance has taken.",
    ..READ
};

pub(super) const GET_APPROVAL_HISTORY: Operation = Operation {
    id: Id::GetApprovalHistory,
    name: "getapprovalhistory",
    parameters: &[PROCESS_ID.required(), TENANT_ID, PAGE, PAGE_SIZE],
    data: Data::List(&schema::HISTORY_ITEM),
    errors: LOOK,
    doc: "Lists who decided what in an instance, and who still has to.",
    ..READ
};
