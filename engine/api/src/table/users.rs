//! Operations on users.

use super::{
    Data, E, Id, Kind, LOGIN, MANAGE, NAME, Operation, PAGE, PAGE_SIZE, Parameter, READ, ROLES,
    USER, USER_ID, schema,
};

pub(super) const GET_USERS: Operation = Operation {
    id: Id::GetUsers,
    name: "getusers",
    path_id: None,
    parameters: &[PAGE, PAGE_SIZE],
    data: Data::List(&schema::USER),
    errors: &[E::ParameterInvalid, E::UserApiBlocked, E::NotSupported],
    doc: "Lists users.",
    ..READ
};

pub(super) const GET_USER: Operation = Operation {
    id: Id::GetUser,
    name: "getuser",
    path_id: Some("id"),
    parameters: &[USER_ID],
    data: Data::Object(&schema::USER),
    errors: USER,
    doc: "Gives a user.",
    ..READ
};

pub(super) const CREATE_USER: Operation = Operation {
    id: Id::CreateUser,
    name: "createuser",
    path_id: Some("id"),
    parameters: &[
        Parameter::new("id", Kind::Text, "The user's id; without it one is made."),
        NAME.required(),
        LOGIN,
        ROLES,
    ],
    data: Data::Object(&schema::USER),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::UserAlreadyExists,
        E::UserApiBlocked,
        E::LimitExceeded,
        E::NotSupported,
    ],
    doc: "Creates a user.",
    ..MANAGE
};

pub(super) const UPDATE_USER: Operation = Operation {
    id: Id::UpdateUser,
    name: "updateuser",
    path_id: Some("id"),
    parameters: &[USER_ID, NAME, LOGIN, ROLES],
    data: Data::Object(&schema::USER),
    errors: &[
        E::ParameterMissing,
        E::ParameterInvalid,
        E::UserNotFound,
        E::UserAlreadyExists,
        E::UserApiBlocked,
        E::NotSupported,
    ],
    doc: "Changes what is given of a user.",
    ..MANAGE
};

pub(super) const DELETE_USER: Operation = Operation {
    id: Id::DeleteUser,
    name: "deleteuser",
    path_id: Some("id"),
    parameters: &[USER_ID],
    errors: USER,
    doc: "Deletes a user.",
    ..MANAGE
};
