//! The parameters that the engine itself provides.

use super::Type;

/// A read-only parameter that every process has without declaring it.
#[derive(Debug)]
pub struct SystemParameter {
    /// Its name, with case.
    pub name: &'static str,
    /// Its type.
    pub r#type: Type,
}

const fn text(name: &'static str) -> SystemParameter {
    SystemParameter {
        name,
        r#type: Type::String,
    }
}

const fn id(name: &'static str) -> SystemParameter {
    SystemParameter {
        name,
        r#type: Type::Guid,
    }
}

/// Every System parameter, sorted by name. Absent ones (no command, no parent, …) are `null`.
pub const SYSTEM: &[SystemParameter] = &[
    text("CurrentActivity"),
    text("CurrentCommand"),
    text("CurrentState"),
    text("ExecutedActivity"),
    text("ExecutedActivityState"),
    text("ExecutedCommand"),
    text("ExecutedTimer"),
    text("ExecutedTransition"),
    text("IdentityId"),
    text("ImpersonatedIdentityId"),
    SystemParameter {
        name: "IsPreExecution",
        r#type: Type::Boolean,
    },
    id("ParentProcessId"),
    text("PreviousActivity"),
    text("PreviousActivityForDirect"),
    text("PreviousActivityForReverse"),
    text("PreviousState"),
    text("PreviousStateForDirect"),
    text("PreviousStateForReverse"),
    id("ProcessId"),
    id("RootProcessId"),
    text("SchemeCode"),
    id("SchemeId"),
    text("TenantId"),
];

/// The type of the System parameter of that name, if there is one.
pub fn system_type(name: &str) -> Option<&'static Type> {
    SYSTEM
        .binary_search_by_key(&name, |parameter| parameter.name)
        .ok()
        .map(|place| &SYSTEM[place].r#type)
}
