//! The sections that make the graph: activities and transitions.

use std::sync::Arc;

use super::declarations::Declared;
use super::document::{Element, source_offset};
use super::names::Names;
use super::reader::Reader;
use super::{
    ActionRef, Activity, ActivityId, ActorId, Classifier, CommandId, Concatenation, Condition,
    ConditionKind, Fork, ForkDirection, ParameterDefinition, Problem, Restriction, RestrictionKind,
    TimerId, Transition, Trigger,
};
use crate::expression::{FUNCTIONS, Fault, FaultKind, Program, Scope};
use crate::parameter::SYSTEM;

pub(super) fn activities<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
) -> Declared<'a, Activity> {
    let mut activities = Declared::new("activity");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Activity"))
    {
        let place = activities.items.len();
        let name = activities.names.declare(reader, element, place);
        let state = element
            .attribute("State")
            .filter(|state| !state.value.is_empty());
        // Old files have one switch for both.
        let disable_both = reader.boolean(element, "DisablePersist");
        let handlers = ["ExceptionsHandlers", "ExceptionHandlers", "Timeouts"];
        let activity = Activity {
            name: name.clone().unwrap_or_default(),
            state: state.map(|state| Arc::from(state.value)),
            is_initial: reader.boolean(element, "IsInitial"),
            is_final: reader.boolean(element, "IsFinal"),
            is_for_set_state: reader.boolean(element, "IsForSetState"),
            is_auto_scheme_update: reader.boolean(element, "IsAutoSchemeUpdate"),
            persist_state: !reader.boolean(element, "DisablePersistState") && !disable_both,
            persist_transition_history: !reader.boolean(element, "DisablePersistTransitionHistory")
                && !disable_both,
            implementation: actions(reader, element.child("Implementation")),
            pre_execution: actions(reader, element.child("PreExecutionImplementation")),
            has_handlers: handlers.iter().any(|name| element.child(name).is_some()),
            outgoing: Vec::new(),
        };
        if name.is_some() {
            activities.push(element, activity);
        }
    }
    activities
}

/// Calls of actions, in `Order`; those without one come last, in document order.
fn actions(reader: &mut Reader<'_>, list: Option<Element<'_>>) -> Vec<ActionRef> {
    let mut actions = Vec::new();
    for element in list.into_iter().flat_map(|list| list.each("ActionRef")) {
        let order = order(reader, element);
        if let Some(action) = action(reader, element) {
            actions.push((order, action));
        }
    }
    actions.sort_by_key(|(order, _)| *order); // stable
    actions.into_iter().map(|(_, action)| action).collect()
}

fn order(reader: &mut Reader<'_>, element: Element<'_>) -> i64 {
    let Some(order) = element.attribute("Order") else {
        return i64::MAX;
    };
    order.value.trim().parse().unwrap_or_else(|_| {
        let problem = Problem::Number {
            attribute: "Order",
            value: order.value.into(),
        };
        reader.fault(order.span, problem, None);
        i64::MAX
    })
}

fn action(reader: &mut Reader<'_>, element: Element<'_>) -> Option<ActionRef> {
    let name = reader.required(element, "NameRef")?;
    let parameter = element
        .child("ActionParameter")
        .map(|parameter| parameter.text().0);
    Some(ActionRef {
        name: Arc::from(name.value),
        parameter: parameter
            .filter(|parameter| !parameter.trim().is_empty())
            .map(Arc::from),
    })
}

/// What transitions refer to.
pub(super) struct References<'a> {
    pub(super) parameters: &'a Declared<'a, ParameterDefinition>,
    pub(super) commands: &'a Names<'a>,
    pub(super) actors: &'a Names<'a>,
    pub(super) timers: &'a Names<'a>,
    pub(super) activities: &'a Names<'a>,
}

const CONCATENATIONS: &[(&str, Concatenation)] =
    &[("And", Concatenation::And), ("Or", Concatenation::Or)];

pub(super) fn transitions<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
    references: &References<'_>,
) -> Declared<'a, Transition> {
    let definitions = references.parameters.items.iter();
    let types = definitions.map(|definition| (&*definition.name, &definition.r#type));
    let scope = Scope::new(types);
    let mut transitions = Declared::new("transition");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Transition"))
    {
        let place = transitions.items.len();
        let name = transitions.names.declare(reader, element, place);
        let from = references
            .activities
            .resolve_attribute(reader, element, "From");
        let to = references
            .activities
            .resolve_attribute(reader, element, "To");
        let concatenation = |reader: &mut Reader<'_>, attribute| {
            let concatenation = reader.choice(element, attribute, CONCATENATIONS);
            concatenation.unwrap_or(Concatenation::And)
        };
        let classifiers = [
            ("NotSpecified", Classifier::NotSpecified),
            ("Direct", Classifier::Direct),
            ("Reverse", Classifier::Reverse),
        ];
        let classifier = reader.choice(element, "Classifier", &classifiers);
        let triggers = triggers(reader, element, references);
        let restrictions = restrictions(reader, element, references);
        let conditions = conditions(reader, element, references, &scope);
        let transition = Transition {
            name: name.clone().unwrap_or_default(),
            from: ActivityId(from.unwrap_or_default()),
            to: ActivityId(to.unwrap_or_default()),
            classifier: classifier.unwrap_or(Classifier::NotSpecified),
            triggers,
            restrictions,
            allow_concatenation: concatenation(reader, "AllowConcatenationType"),
            restrict_concatenation: concatenation(reader, "RestrictConcatenationType"),
            conditions,
            conditions_concatenation: concatenation(reader, "ConditionsConcatenationType"),
            fork: fork(reader, element),
        };
        if name.is_some() && from.is_some() && to.is_some() {
            transitions.push(element, transition);
        }
    }
    transitions
}

fn fork(reader: &mut Reader<'_>, element: Element<'_>) -> Option<Fork> {
    let directions = [
        ("Auto", ForkDirection::Auto),
        ("Start", ForkDirection::Start),
        ("Finalize", ForkDirection::Finalize),
    ];
    let direction = reader.choice(element, "SubprocessInOutDefinition", &directions);
    let fork = Fork {
        direction: direction.unwrap_or(ForkDirection::Auto),
        merge_via_set_state: reader.boolean(element, "MergeViaSetState"),
        disable_parent_state_control: reader.boolean(element, "DisableParentStateControl"),
    };
    reader.boolean(element, "IsFork").then_some(fork)
}

fn triggers(
    reader: &mut Reader<'_>,
    transition: Element<'_>,
    references: &References<'_>,
) -> Vec<Trigger> {
    #[derive(Clone, Copy)]
    enum Kind {
        Command,
        Auto,
        Timer,
    }
    let kinds = [
        ("Command", Kind::Command),
        ("Auto", Kind::Auto),
        ("Timer", Kind::Timer),
    ];
    let mut triggers = Vec::new();
    let mut is_written = false;
    for element in transition
        .each("Triggers")
        .flat_map(|list| list.each("Trigger"))
    {
        is_written = true;
        let trigger = match reader.kind(element, &kinds) {
            None => None,
            Some(Kind::Auto) => Some(Trigger::Auto),
            Some(Kind::Command) => references
                .commands
                .resolve_attribute(reader, element, "NameRef")
                .map(|command| Trigger::Command(CommandId(command))),
            Some(Kind::Timer) => references
                .timers
                .resolve_attribute(reader, element, "NameRef")
                .map(|timer| Trigger::Timer(TimerId(timer))),
        };
        triggers.extend(trigger);
    }
    if !is_written {
        let name = transition.attribute("Name").map_or("", |name| name.value);
        let problem = Problem::NoTrigger { name: name.into() };
        let hint = "add <Triggers><Trigger Type=\"Auto\" /></Triggers> to have it fire by itself";
        reader.warn(transition.span(), problem, Some(hint.to_owned()));
    }
    triggers
}

fn restrictions(
    reader: &mut Reader<'_>,
    transition: Element<'_>,
    references: &References<'_>,
) -> Vec<Restriction> {
    let kinds = [
        ("Allow", RestrictionKind::Allow),
        ("Restrict", RestrictionKind::Restrict),
    ];
    let mut restrictions = Vec::new();
    for element in transition
        .each("Restrictions")
        .flat_map(|list| list.each("Restriction"))
    {
        let kind = reader.kind(element, &kinds);
        let actor = references
            .actors
            .resolve_attribute(reader, element, "NameRef");
        if let (Some(kind), Some(actor)) = (kind, actor) {
            let actor = ActorId(actor);
            restrictions.push(Restriction { kind, actor });
        }
    }
    restrictions
}

#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Always,
    Action,
    Expression,
    Otherwise,
}

fn conditions(
    reader: &mut Reader<'_>,
    transition: Element<'_>,
    references: &References<'_>,
    scope: &Scope<'_>,
) -> Vec<Condition> {
    let kinds = [
        ("Always", Asked::Always),
        ("Action", Asked::Action),
        ("Expression", Asked::Expression),
        ("Otherwise", Asked::Otherwise),
    ];
    let mut conditions = Vec::new();
    for element in transition
        .each("Conditions")
        .flat_map(|list| list.each("Condition"))
    {
        let asked = reader.kind(element, &kinds);
        let inverted = reader.boolean(element, "ConditionInversion");
        let result_on_pre_execution = reader.optional_boolean(element, "ResultOnPreExecution");
        let (kind, is_inverted) = match asked {
            None => continue,
            Some(Asked::Always) => (Some(ConditionKind::Always), false),
            Some(Asked::Otherwise) => (Some(ConditionKind::Otherwise), false),
            Some(Asked::Action) => (action(reader, element).map(ConditionKind::Action), inverted),
            Some(Asked::Expression) => {
                let program = expression(reader, element, references, scope);
                (program.map(ConditionKind::Expression), inverted)
            }
        };
        if inverted && !is_inverted {
            let value = if asked == Some(Asked::Always) {
                "Always"
            } else {
                "Otherwise"
            };
            let attribute = "ConditionInversion";
            reader.warn(element.span(), Problem::NoEffect { attribute, value }, None);
        }
        conditions.extend(kind.map(|kind| Condition {
            kind,
            inverted: is_inverted,
            result_on_pre_execution,
        }));
    }
    if conditions.is_empty() {
        conditions.push(Condition {
            kind: ConditionKind::Always,
            inverted: false,
            result_on_pre_execution: None,
        });
    }
    conditions
}

fn expression(
    reader: &mut Reader<'_>,
    condition: Element<'_>,
    references: &References<'_>,
    scope: &Scope<'_>,
) -> Option<Program> {
    let Some(element) = condition.child("Expression") else {
        let (parent, element) = ("Condition", "Expression");
        reader.fault(
            condition.span(),
            Problem::MissingElement { parent, element },
            None,
        );
        return None;
    };
    let (text, start) = element.text();
    match Program::compile(&text, scope) {
        Ok(program) => Some(program),
        Err(faults) => {
            for Fault { span, kind } in faults {
                let hint = hint(reader, &kind, references);
                let span =
                    reader.source_offset(start, span.start)..reader.source_offset(start, span.end);
                reader.fault(span, Problem::Expression(kind), hint);
            }
            None
        }
    }
}

fn hint(reader: &mut Reader<'_>, kind: &FaultKind, references: &References<'_>) -> Option<String> {
    match kind {
        FaultKind::Parameter(name) => {
            let declared = references.parameters.names.iter();
            let known = declared.chain(SYSTEM.iter().map(|parameter| parameter.name));
            reader
                .nearest(name, known)
                .or_else(|| Some("declare it under Parameters".to_owned()))
        }
        FaultKind::Function(name) => {
            let known = FUNCTIONS.iter().map(|(name, _)| *name);
            let known: Vec<_> = known.collect();
            reader
                .nearest(name, known.iter().copied())
                .or_else(|| Some(format!("known are {}", known.join(", "))))
        }
        _ => None,
    }
}

impl Reader<'_> {
    /// Where in the source a byte of an element's text is.
    fn source_offset(&self, start: usize, decoded: usize) -> usize {
        source_offset(self.source(), start, decoded)
    }
}
