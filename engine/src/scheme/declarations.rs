//! The sections that declare names: parameters, commands, actors, timers, code, translations.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::document::{Attribute, Element};
use super::model::Localized;
use super::names::Names;
use super::reader::Reader;
use super::timer::due;
use super::{
    Activity, Actor, CodeAction, Command, CommandInput, Localization, LocalizedKind,
    ParameterDefinition, ParameterId, Problem, Timer, TimerKind,
};
use crate::parameter::{Purpose, Type, Value, system_type};

/// The items of one kind, and their names.
pub(super) struct Declared<'a, T> {
    pub(super) items: Vec<T>,
    pub(super) names: Names<'a>,
    /// Where each item is, for the checks of the whole.
    pub(super) spans: Vec<Range<usize>>,
}

impl<'a, T> Declared<'a, T> {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            items: Vec::new(),
            names: Names::new(kind),
            spans: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, element: Element<'a>, item: T) {
        let name = element.attribute("Name");
        self.items.push(item);
        self.spans
            .push(name.map_or(element.span(), |name| name.span));
    }
}

pub(super) fn parameters<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
) -> Declared<'a, ParameterDefinition> {
    let mut parameters = Declared::new("parameter");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Parameter"))
    {
        let place = parameters.items.len();
        let name = parameters.names.declare(reader, element, place);
        let r#type = reader
            .required(element, "Type")
            .map(|name| Type::from_clr(name.value));
        let purpose = reader.choice(
            element,
            "Purpose",
            &[
                ("Temporary", Purpose::Temporary),
                ("Persistence", Purpose::Persistence),
                ("System", Purpose::System),
            ],
        );
        let (Some(name), Some(r#type)) = (name, r#type) else {
            continue;
        };
        let purpose = purpose.unwrap_or(Purpose::Temporary);
        if purpose != Purpose::System && system_type(&name).is_some() {
            let problem = Problem::Hidden {
                name: (*name).into(),
            };
            reader.warn(element.span(), problem, None);
        }
        // Old files call it DefaultValue here too.
        let initial = match element.attribute("InitialValue") {
            Some(_) => "InitialValue",
            None => "DefaultValue",
        };
        let initial = value(reader, element, initial, &r#type);
        let parameter = ParameterDefinition {
            name,
            r#type,
            purpose,
            initial,
        };
        parameters.push(element, parameter);
    }
    parameters
}

/// A value that the scheme itself gives; one that does not fit is a fault.
fn value(
    reader: &mut Reader<'_>,
    element: Element<'_>,
    attribute: &'static str,
    r#type: &Type,
) -> Option<Value> {
    let text = element.attribute(attribute)?;
    match r#type.parse_default(text.value) {
        Ok(value) => value,
        Err(mismatch) => {
            let problem = Problem::Value {
                attribute,
                mismatch,
            };
            reader.fault(text.span, problem, None);
            None
        }
    }
}

pub(super) fn commands<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
    parameters: &Declared<'_, ParameterDefinition>,
) -> Declared<'a, Command> {
    let mut commands = Declared::new("command");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Command"))
    {
        let place = commands.items.len();
        let name = commands.names.declare(reader, element, place);
        let mut names = Names::new("input parameter");
        let mut inputs = Vec::new();
        for inputs_element in element.each("InputParameters") {
            for input in inputs_element.each("ParameterRef") {
                let input = command_input(reader, input, &mut names, inputs.len(), parameters);
                inputs.extend(input);
            }
        }
        if let Some(name) = name {
            commands.push(element, Command { name, inputs });
        }
    }
    commands
}

fn command_input<'a>(
    reader: &mut Reader<'_>,
    element: Element<'a>,
    names: &mut Names<'a>,
    place: usize,
    parameters: &Declared<'_, ParameterDefinition>,
) -> Option<CommandInput> {
    let name = names.declare(reader, element, place);
    let required = reader.boolean(element, "IsRequired");
    // Without NameRef the parameter is called as the input is.
    let reference = match element.attribute("NameRef") {
        Some(_) => "NameRef",
        None => "Name",
    };
    let reference = match (reference, &name) {
        ("Name", None) => return None, // told already
        (reference, _) => reference,
    };
    let parameter = parameters
        .names
        .resolve_attribute(reader, element, reference)?;
    let definition = parameters.items.get(parameter as usize)?;
    let default = value(reader, element, "DefaultValue", &definition.r#type);
    Some(CommandInput {
        name: name?,
        parameter: ParameterId(parameter),
        required,
        default,
    })
}

pub(super) fn actors<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
) -> Declared<'a, Actor> {
    let mut actors = Declared::new("actor");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Actor"))
    {
        let place = actors.items.len();
        let name = actors.names.declare(reader, element, place);
        let rule = rule(reader, element);
        if let (Some(name), Some((rule, value))) = (name, rule) {
            actors.push(element, Actor { name, rule, value });
        }
    }
    actors
}

/// `Rule` with `Value`, or as in old files `RuleId`, or `IdentityId`, which names one identity.
fn rule(reader: &mut Reader<'_>, element: Element<'_>) -> Option<(Arc<str>, Arc<str>)> {
    let written = |name| {
        let attribute: Option<Attribute<'_>> = element.attribute(name);
        attribute.filter(|attribute| !attribute.value.is_empty())
    };
    let mut rules = ["Rule", "RuleId", "IdentityId"]
        .into_iter()
        .filter_map(|name| {
            let attribute = written(name)?;
            Some((name, attribute))
        });
    let value = written("Value").map_or("", |value| value.value);
    let Some((kind, first)) = rules.next() else {
        reader.required(element, "Rule");
        return None;
    };
    if let Some((_, second)) = rules.next() {
        let name = element.attribute("Name").map_or("", |name| name.value);
        let problem = Problem::TwoRules { name: name.into() };
        reader.fault(second.span, problem, None);
    }
    Some(if kind == "IdentityId" {
        (Arc::from("IsIdentity"), Arc::from(first.value))
    } else {
        (Arc::from(first.value), Arc::from(value))
    })
}

/// The types of timers, with an example of a value for hints.
const TIMERS: [(&str, TimerKind, &str); 6] = [
    ("Immediate", TimerKind::Immediate, ""),
    (
        "Interval",
        TimerKind::Interval,
        "1d 2h 30m, or milliseconds",
    ),
    ("Time", TimerKind::Time, "12:51:00"),
    ("Date", TimerKind::Date, "12/17/2014 or 2014-12-17"),
    (
        "DateAndTime",
        TimerKind::DateAndTime,
        "12/16/2014 12:50:00 or 2014-12-16T12:50:00Z",
    ),
    ("Expression", TimerKind::Expression, ""),
];

pub(super) fn timers<'a>(
    reader: &mut Reader<'_>,
    section: Option<Element<'a>>,
    parameters: &Declared<'_, ParameterDefinition>,
) -> Declared<'a, Timer> {
    let kinds = TIMERS.map(|(name, kind, _)| (name, kind));
    let mut timers = Declared::new("timer");
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Timer"))
    {
        let place = timers.items.len();
        let name = timers.names.declare(reader, element, place);
        let kind = reader.kind(element, &kinds);
        let value = kind.and_then(|kind| timer_value(reader, element, kind, parameters));
        let keep_armed = reader.boolean(element, "NotOverrideIfExists");
        if let (Some(name), Some(kind)) = (name, kind) {
            let value = value.unwrap_or_default();
            timers.push(
                element,
                Timer {
                    name,
                    kind,
                    value,
                    keep_armed,
                },
            );
        }
    }
    timers
}

/// A value of the timer's form, or `@Name` of a parameter.
fn timer_value(
    reader: &mut Reader<'_>,
    element: Element<'_>,
    kind: TimerKind,
    parameters: &Declared<'_, ParameterDefinition>,
) -> Option<Arc<str>> {
    if kind == TimerKind::Immediate {
        let value = element.attribute("Value").map_or("", |value| value.value);
        return Some(Arc::from(value));
    }
    let value = reader.required(element, "Value")?;
    let text = value.value.trim();
    // An expression is kept; it is compiled when such timers run.
    if kind == TimerKind::Expression || due(kind, text).is_some() {
        return Some(Arc::from(value.value));
    }
    if let Some(name) = text.strip_prefix('@') {
        if system_type(name).is_none() && parameters.names.find(name).is_none() {
            let problem = Problem::Dangling {
                kind: "parameter",
                name: name.into(),
            };
            let hint = reader.nearest(name, parameters.names.iter());
            reader.fault(value.span, problem, hint);
        }
        return Some(Arc::from(text));
    }
    let (name, example) = TIMERS
        .iter()
        .find(|(_, known, _)| *known == kind)
        .map_or(("", ""), |(name, _, example)| (*name, *example));
    let problem = Problem::Timer {
        value: value.value.into(),
        kind: name,
    };
    let hint = format!("write {example}, or a parameter as @Name");
    reader.fault(value.span, problem, Some(hint));
    None
}

pub(super) fn code_actions(
    reader: &mut Reader<'_>,
    section: Option<Element<'_>>,
) -> Vec<CodeAction> {
    let mut code_actions = Vec::new();
    // An action and a condition may share a name.
    let mut taken = HashMap::new();
    for element in section
        .into_iter()
        .flat_map(|section| section.each("CodeAction"))
    {
        let Some(name) = reader.required(element, "Name") else {
            continue;
        };
        let kind = element
            .attribute("Type")
            .map_or("Action", |kind| kind.value);
        let start = name.span.start;
        let first = *taken.entry((name.value, kind)).or_insert(start);
        if first != start {
            let problem = Problem::Duplicate {
                kind: "code action",
                name: name.value.into(),
                line: reader.line(first),
            };
            reader.fault(name.span, problem, None);
        }
        code_actions.push(CodeAction {
            name: Arc::from(name.value),
            kind: Arc::from(kind),
        });
    }
    code_actions
}

/// What a translation may name.
pub(super) struct Nameable<'a> {
    pub(super) commands: &'a Names<'a>,
    pub(super) parameters: &'a Names<'a>,
    pub(super) activities: &'a [Activity],
}

pub(super) fn localization(
    reader: &mut Reader<'_>,
    section: Option<Element<'_>>,
    names: &Nameable<'_>,
) -> Localization {
    let states = names
        .activities
        .iter()
        .filter_map(|activity| activity.state.as_deref());
    let states: HashSet<&str> = states.collect();
    let mut localization = Localization::default();
    for element in section
        .into_iter()
        .flat_map(|section| section.each("Localize"))
    {
        let kinds = [
            ("Command", LocalizedKind::Command),
            ("State", LocalizedKind::State),
            ("Parameter", LocalizedKind::Parameter),
        ];
        let kind = reader.kind(element, &kinds);
        let is_default = reader.boolean(element, "IsDefault");
        let object = reader.required(element, "ObjectName");
        let culture = element
            .attribute("Culture")
            .map_or("", |culture| culture.value);
        let value = element.attribute("Value").map_or("", |value| value.value);
        let (Some(kind), Some(object)) = (kind, object) else {
            continue;
        };
        let (word, is_there) = match kind {
            LocalizedKind::Command => ("command", names.commands.find(object.value).is_some()),
            LocalizedKind::State => ("state", states.contains(object.value)),
            LocalizedKind::Parameter => {
                ("parameter", names.parameters.find(object.value).is_some())
            }
        };
        if !is_there {
            let problem = Problem::NothingToName {
                kind: word,
                name: object.value.into(),
            };
            let hint = match kind {
                LocalizedKind::Command => reader.nearest(object.value, names.commands.iter()),
                LocalizedKind::State => reader.nearest(object.value, states.iter().copied()),
                LocalizedKind::Parameter => reader.nearest(object.value, names.parameters.iter()),
            };
            reader.warn(object.span, problem, hint);
        }
        // A name without text would hide the object's own.
        if !value.is_empty() {
            let entry = Localized::new(is_default, culture, value);
            localization.push(kind, object.value, entry);
        }
    }
    localization
}
