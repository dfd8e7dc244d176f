//! From XML to a scheme: the sections in the order in which they refer to each other.

use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::document::{self, Element};
use super::reader::Reader;
use super::{ActivityId, Parsed, Places, Problem, Scheme, SchemeFaults};
use super::{check, declarations, graph, scan, vocabulary};

pub(super) fn scheme(source: &str, file_name: Option<&str>) -> Result<Parsed, SchemeFaults> {
    let mut reader = Reader::new(source);
    if let Err((offset, problem)) = scan::scan(source) {
        reader.fault(offset..offset, problem, None);
        return Err(reader.refuse(file_name));
    }
    let Some(document) = document::parse(source, &mut reader) else {
        return Err(reader.refuse(file_name));
    };
    let scheme = process(&mut reader, source, Element::root(&document), file_name);
    match scheme {
        Some(scheme) if !reader.has_faults() => Ok(Parsed {
            scheme: scheme.placed(),
            warnings: reader.warnings(),
        }),
        // Whatever keeps a scheme from being made has told a fault.
        Some(_) | None => Err(reader.refuse(file_name)),
    }
}

/// The root element. What can be read is read, however much is wrong, so that every fault shows.
fn process(
    reader: &mut Reader<'_>,
    source: &str,
    root: Element<'_>,
    file_name: Option<&str>,
) -> Option<Scheme> {
    if root.name() != "Process" {
        let found = root.name().into();
        reader.fault(root.span(), Problem::Root { found }, None);
        return None;
    }
    vocabulary::warn(reader, root);
    let code = code(reader, root, file_name);
    let sections = Sections::read(reader, root);
    let parameters = declarations::parameters(reader, sections.get("Parameters"));
    let commands = declarations::commands(reader, sections.get("Commands"), &parameters);
    let actors = declarations::actors(reader, sections.get("Actors"));
    let timers = declarations::timers(reader, sections.get("Timers"), &parameters);
    let activities = graph::activities(reader, sections.get("Activities"));
    let code_actions = declarations::code_actions(reader, sections.get("CodeActions"));
    let references = graph::References {
        parameters: &parameters,
        commands: &commands.names,
        actors: &actors.names,
        timers: &timers.names,
        activities: &activities.names,
    };
    let edges = graph::transitions(reader, sections.get("Transitions"), &references);
    let initial = check::graph(reader, &activities, &edges);
    let localization = {
        let names = declarations::Nameable {
            commands: &commands.names,
            parameters: &parameters.names,
            activities: &activities.items,
        };
        declarations::localization(reader, sections.get("Localization"), &names)
    };
    let mut activities = activities.items;
    for (number, transition) in (0..).zip(&edges.items) {
        let from = &mut activities[transition.from.index()];
        from.outgoing.push(super::TransitionId(number));
    }
    Some(Scheme {
        id: Uuid::nil(),
        code: code?,
        source: Arc::from(source),
        tags: tags(root),
        can_be_inlined: reader.boolean(root, "CanBeInlined"),
        log_enabled: reader.boolean(root, "LogEnabled"),
        actors: actors.items,
        parameters: parameters.items,
        commands: commands.items,
        timers: timers.items,
        activities,
        transitions: edges.items,
        code_actions,
        initial: initial.map(ActivityId)?,
        localization,
        places: Places::default(),
    })
}

/// `Name`; old files have none, and are called as their file.
fn code(reader: &mut Reader<'_>, root: Element<'_>, file_name: Option<&str>) -> Option<Arc<str>> {
    let name = root.attribute("Name");
    let stem = file_name.and_then(|name| Path::new(name).file_stem()?.to_str());
    match (name, stem.filter(|stem| !stem.is_empty())) {
        (None, Some(stem)) => {
            let problem = Problem::Unnamed { code: stem.into() };
            reader.warn(root.span(), problem, None);
            Some(Arc::from(stem))
        }
        (_, _) => reader
            .required(root, "Name")
            .map(|name| Arc::from(name.value)),
    }
}

fn tags(root: Element<'_>) -> Vec<Box<str>> {
    let tags = root.attribute("Tags").map_or("", |tags| tags.value);
    let tags = tags.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(Box::from).collect()
}

/// The children of the root that are read, each at most once.
struct Sections<'a>(Vec<Element<'a>>);

impl<'a> Sections<'a> {
    const READ: [&'static str; 8] = [
        "Actors",
        "Parameters",
        "Commands",
        "Timers",
        "Activities",
        "Transitions",
        "CodeActions",
        "Localization",
    ];

    fn read(reader: &mut Reader<'_>, root: Element<'a>) -> Self {
        let mut sections = Vec::new();
        for element in Self::READ {
            let mut each = root.each(element);
            match each.next() {
                Some(section) => sections.push(section),
                None if matches!(element, "Activities" | "Transitions") => {
                    let parent = "Process";
                    let problem = Problem::MissingElement { parent, element };
                    let slips = root.children().map(Element::name);
                    let slip = slips
                        .filter(|name| *name != element && !Self::READ.contains(name))
                        .find(|name| super::reader::are_similar(name, element));
                    let hint = slip.map(|slip| {
                        let slip = super::fault::quoted(slip);
                        format!("{slip} should be `{element}`")
                    });
                    reader.fault(root.span(), problem, hint);
                }
                None => {}
            }
            for again in each {
                reader.fault(again.span(), Problem::RepeatedElement { element }, None);
            }
        }
        Self(sections)
    }

    fn get(&self, name: &str) -> Option<Element<'a>> {
        self.0
            .iter()
            .copied()
            .find(|section| section.name() == name)
    }
}
