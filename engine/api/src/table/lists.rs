//! Operations over many instances.

use super::{
    BASE, Data, E, IDENTITY_ID, Id, Kind, Methods, Operation, PAGE, PAGE_SIZE, PAGED, PROCESS_ID,
    PROCESS_IDS, Parameter, READ, SCHEME_CODE, TENANT_ID, schema,
};

pub(super) const INBOX: Operation = Operation {
    id: Id::Inbox,
    name: "inbox",
    parameters: &[PROCESS_ID, IDENTITY_ID, TENANT_ID, PAGE, PAGE_SIZE],
    data: Data::List(&schema::INBOX_ITEM),
    errors: PAGED,
    doc: "Lists instances that wait for an identity, newest first.",
    ..READ
};

pub(super) const OUTBOX: Operation = Operation {
    id: Id::Outbox,
    name: "outbox",
    parameters: &[PROCESS_ID, IDENTITY_ID, TENANT_ID, PAGE, PAGE_SIZE],
    data: Data::List(&schema::OUTBOX_ITEM),
    errors: PAGED,
    doc: "Lists instances that an identity has moved, newest first.",
    ..READ
};

pub(super) const INBOX_RECALC: Operation = Operation {
    id: Id::InboxRecalc,
    name: "inboxrecalc",
    methods: Methods::Post,
    path_id: None,
    parameters: &[PROCESS_IDS],
    errors: &[E::ParameterInvalid, E::ProcessNotFound, E::NotSupported],
    doc: "Computes the inbox anew, of some instances or of all.",
    ..BASE
};

pub(super) const FIND_INSTANCES: Operation = Operation {
    id: Id::FindInstances,
    name: "findinstances",
    path_id: None,
    parameters: &[
        SCHEME_CODE,
        Parameter::new("state", Kind::Text, "The state that it is in."),
        Parameter::new("status", Kind::Integer, "Its InstanceStatus."),
        Parameter::new("activity", Kind::Text, "The activity that it is in."),
        Parameter::new(
            "parameterName",
            Kind::Text,
            "A process parameter that it has.",
        ),
        Parameter::new("parameterValue", Kind::Text, "The value of that parameter."),
        Parameter::new("creator", Kind::Text, "The identity that created it."),
        Parameter::new("createdFrom", Kind::DateTime, "Created at or after."),
        Parameter::new("createdTo", Kind::DateTime, "Created before."),
        Parameter::new("changedFrom", Kind::DateTime, "Changed at or after."),
        Parameter::new("changedTo", Kind::DateTime, "Changed before."),
        TENANT_ID,
        Parameter::new("cursor", Kind::Text, "`Next` of the page before."),
        PAGE_SIZE,
    ],
    data: Data::Object(&schema::FOUND_INSTANCES),
    errors: &[E::ParameterInvalid, E::NotSupported],
    doc: "Finds instances by what is known of them.",
    ..READ
};

pub(super) const EVENTS: Operation = Operation {
    id: Id::Events,
    name: "events",
    methods: Methods::Get,
    parameters: &[
        PROCESS_ID,
        SCHEME_CODE,
        TENANT_ID,
        Parameter::new(
            "lastEventId",
            Kind::Text,
            "Go on after this event; the header `Last-Event-ID` says the same.",
        ),
    ],
    data: Data::Events,
    errors: &[E::ParameterInvalid, E::NotSupported],
    doc: "Streams what changes, as it changes.",
    ..READ
};
