//! Every element and attribute that is understood, and the warnings about the others.
//!
//! What is not understood stays in the source, so a scheme comes back as it was given.

use super::Problem;
use super::document::Element;
use super::reader::Reader;

/// An element, its attributes, its children. Those in [`ANYWHERE`] may be children of all.
type Entry = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Elements with content of their own, which is not looked into.
const OPAQUE: &[&str] = &[
    "Designer",
    "Comments",
    "Annotations",
    "AdditionalParams",
    "CommandRestrictions",
    "BasicSchemes",
    "InlinedSchemes",
    "ExceptionsHandlers",
    "ExceptionHandlers",
    "Timeouts",
];

/// Where the designer and plugins leave their own data.
const ANYWHERE: &[&str] = &["Designer", "Annotations", "AdditionalParams"];

/// Elements whose content is text.
const TEXT: &[&str] = &["ActionParameter", "Expression", "ActionCode", "Usings"];

const ENTRIES: &[Entry] = &[
    (
        "Process",
        &["Name", "CanBeInlined", "Tags", "LogEnabled"],
        &[
            "Actors",
            "Parameters",
            "Commands",
            "Timers",
            "Comments",
            "Activities",
            "Transitions",
            "CodeActions",
            "Localization",
            "CommandRestrictions",
            "BasicSchemes",
            "InlinedSchemes",
        ],
    ),
    ("Actors", &[], &["Actor"]),
    (
        "Actor",
        &["Name", "Rule", "Value", "IdentityId", "RuleId"],
        &[],
    ),
    ("Parameters", &[], &["Parameter"]),
    (
        "Parameter",
        &["Name", "Type", "Purpose", "InitialValue", "DefaultValue"],
        &[],
    ),
    ("Commands", &[], &["Command"]),
    ("Command", &["Name"], &["InputParameters"]),
    ("InputParameters", &[], &["ParameterRef"]),
    (
        "ParameterRef",
        &["Name", "IsRequired", "DefaultValue", "NameRef"],
        &[],
    ),
    ("Timers", &[], &["Timer"]),
    (
        "Timer",
        &["Name", "Type", "Value", "NotOverrideIfExists"],
        &[],
    ),
    ("Activities", &[], &["Activity"]),
    (
        "Activity",
        &[
            "Name",
            "State",
            "IsInitial",
            "IsFinal",
            "IsForSetState",
            "IsAutoSchemeUpdate",
            "DisablePersist",
            "DisablePersistState",
            "DisablePersistTransitionHistory",
            "UserComment",
        ],
        &[
            "Implementation",
            "PreExecutionImplementation",
            "ExceptionsHandlers",
            "ExceptionHandlers",
            "Timeouts",
        ],
    ),
    ("Implementation", &[], &["ActionRef"]),
    ("PreExecutionImplementation", &[], &["ActionRef"]),
    ("ActionRef", &["Order", "NameRef"], &["ActionParameter"]),
    ("ActionParameter", &[], &[]),
    ("Transitions", &[], &["Transition"]),
    (
        "Transition",
        &[
            "Name",
            "From",
            "To",
            "Classifier",
            "AllowConcatenationType",
            "RestrictConcatenationType",
            "ConditionsConcatenationType",
            "DisableParentStateControl",
            "IsFork",
            "MergeViaSetState",
            "SubprocessInOutDefinition",
            "SubprocessName",
            "SubprocessId",
            "SubprocessStartupType",
            "SubprocessStartupParameterCopyStrategy",
            "SubprocessFinalizeParameterMergeStrategy",
            "SubprocessSpecifiedParameters",
            "UserComment",
        ],
        &["Restrictions", "Triggers", "Conditions"],
    ),
    ("Restrictions", &[], &["Restriction"]),
    ("Restriction", &["Type", "NameRef"], &[]),
    ("Triggers", &[], &["Trigger"]),
    ("Trigger", &["Type", "NameRef"], &[]),
    ("Conditions", &[], &["Condition"]),
    (
        "Condition",
        &[
            "Type",
            "NameRef",
            "ConditionInversion",
            "ResultOnPreExecution",
        ],
        &["ActionParameter", "Expression"],
    ),
    ("Expression", &[], &[]),
    ("CodeActions", &[], &["CodeAction"]),
    (
        "CodeAction",
        &["Name", "Type", "IsGlobal", "IsAsync"],
        &["ActionCode", "Usings"],
    ),
    ("ActionCode", &[], &[]),
    ("Usings", &[], &[]),
    ("Localization", &[], &["Localize"]),
    (
        "Localize",
        &["Type", "IsDefault", "Culture", "ObjectName", "Value"],
        &[],
    ),
];

fn entry(element: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|(name, ..)| *name == element)
}

/// The attributes that an element is known to have.
pub(super) fn attributes(element: &str) -> &'static [&'static str] {
    entry(element).map_or(&[], |(_, attributes, _)| attributes)
}

/// Warns about everything in the tree that is not understood.
pub(super) fn warn(reader: &mut Reader<'_>, root: Element<'_>) {
    // A list instead of recursion; depth is bounded, breadth is not.
    let mut open = vec![root];
    while let Some(element) = open.pop() {
        if !reader.takes_warnings() {
            return;
        }
        let Some((name, attributes, children)) = entry(element.name()) else {
            continue;
        };
        for (attribute, span) in element.attributes() {
            if !attributes.contains(&attribute) {
                let hint = reader.nearest(attribute, attributes.iter().copied());
                let problem = Problem::UnknownAttribute {
                    element: (*name).into(),
                    attribute: attribute.into(),
                };
                reader.warn(span, problem, hint);
            }
        }
        if let Some(at) = element.stray_text().filter(|_| !TEXT.contains(name)) {
            let element = (*name).into();
            reader.warn(at..at + 1, Problem::StrayText { element }, None);
        }
        for child in element.children() {
            if !children.contains(&child.name()) && !ANYWHERE.contains(&child.name()) {
                let hint = reader.nearest(child.name(), children.iter().copied());
                let problem = Problem::UnknownElement {
                    parent: (*name).into(),
                    element: child.name().into(),
                };
                reader.warn(child.span(), problem, hint);
            } else if !OPAQUE.contains(&child.name()) {
                open.push(child);
            }
        }
    }
}
