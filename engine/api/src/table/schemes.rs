//! Operations on schemes, and what is drawn or shown of them.

use super::{
    CULTURE, Data, E, IDENTITY_ID, Id, Kind, MANAGE, OPERATE, Operation, PAGED, PROCESS_ID,
    Parameter, READ, SCHEME_CODE, TENANT_ID, schema,
};

pub(super) const GET_FORM_BY_FLOW: Operation = Operation {
    id: Id::GetFormByFlow,
    name: "getformbyflow",
    path_id: Some("name"),
    parameters: &[
        Parameter::new("name", Kind::Text, "The form's name.").required(),
        PROCESS_ID,
        IDENTITY_ID,
        TENANT_ID,
    ],
    data: Data::Object(&schema::FORM),
    errors: PAGED,
    doc: "Gives the source of a form.",
    ..READ
};

pub(super) const GET_SCHEME_LIST: Operation = Operation {
    id: Id::GetSchemeList,
    name: "getschemelist",
    path_id: None,
    parameters: &[Parameter::new(
        "tags",
        Kind::TextList,
        "Only schemes with any of these tags.",
    )],
    data: Data::TextList,
    errors: &[E::ParameterInvalid],
    doc: "Lists the names of all schemes.",
    ..READ
};

pub(super) const GET_SCHEME: Operation = Operation {
    id: Id::GetScheme,
    name: "getscheme",
    path_id: Some("schemeCode"),
    parameters: &[SCHEME_CODE.required()],
    data: Data::Text,
    errors: &[E::ParameterMissing, E::ParameterInvalid, E::SchemeNotFound],
    doc: "Gives a scheme's XML.",
    ..READ
};

pub(super) const CREATE_OR_UPDATE_SCHEME: Operation = Operation {
    id: Id::CreateOrUpdateScheme,
    name: "createorupdatescheme",
    path_id: Some("schemeCode"),
    parameters: &[
        SCHEME_CODE.required(),
        Parameter::new("scheme", Kind::Xml, "The scheme; as a rule the whole body.")
            .required()
            .in_body(),
    ],
    data: Data::Object(&schema::STORED_SCHEME),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::SchemeInvalid,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Stores a scheme as the newest version of its name.",
    ..MANAGE
};

pub(super) const DELETE_SCHEME: Operation = Operation {
    id: Id::DeleteScheme,
    name: "deletescheme",
    path_id: Some("schemeCode"),
    parameters: &[SCHEME_CODE.required()],
    data: Data::Object(&schema::STORED_SCHEME),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::SchemeNotFound,
        E::NotSupported,
    ],
    doc: "Takes a scheme away from new instances; present ones go on.",
    ..MANAGE
};

pub(super) const SCHEME_DIAGRAM: Operation = Operation {
    id: Id::SchemeDiagram,
    name: "schemediagram",
    path_id: Some("schemeCode"),
    parameters: &[SCHEME_CODE.required(), CULTURE],
    data: Data::Svg,
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::SchemeNotFound,
        E::NotSupported,
    ],
    doc: "Draws a scheme.",
    ..READ
};

pub(super) const INSTANCE_DIAGRAM: Operation = Operation {
    id: Id::InstanceDiagram,
    name: "instancediagram",
    parameters: &[PROCESS_ID.required(), TENANT_ID, CULTURE],
    data: Data::Svg,
    errors: OPERATE,
    doc: "Draws an instance's scheme with the place where it stands.",
    ..READ
};
