//! What a request gives an operation, gathered from path, query and body.
//!
//! In: a [`Target`] and the body. Out: the operation's parameters by name, typed when they are
//! taken, and the process parameters in order.
//! Rules: Workflow API §1. What the path says wins over the query, the query over the body; a
//! key of the body that is no parameter of the operation is a process parameter. An empty text,
//! and null, count as not given.

use std::borrow::Cow;

use bytes::Bytes;
use http::request::Parts;
use serde_json::value::RawValue;
use uuid::Uuid;
use workflow_api::{Kind, OPERATIONS, Operation, Parameter};

use super::content::Content;
use super::json::Text;
use super::refusal::{Problem, Refusal, Unreadable};
use super::target::Target;
use super::urlencoded;

/// As many as an operation of the table may have, so that a request's are held without a heap.
const PARAMETERS_MAX: usize = 16;
const _: () = {
    let mut place = 0;
    while place < OPERATIONS.len() {
        assert!(OPERATIONS[place].parameters.len() <= PARAMETERS_MAX);
        place += 1;
    }
};

/// JSON numbers are exact up to here in every client.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A value as it was given.
#[derive(Debug)]
pub(crate) enum Given<'a> {
    /// From path, query or form.
    Text(Cow<'a, str>),
    /// A parameter that is a list, given more than once.
    Texts(Vec<Cow<'a, str>>),
    /// From a JSON body, as it stands there.
    Json(&'a RawValue),
}

/// Where a value came from; the first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Path,
    Query,
    Body,
}

/// Everything that a request gives an operation.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    operation: &'static Operation,
    named: [Option<(Source, Given<'a>)>; PARAMETERS_MAX],
    process: Vec<(Cow<'a, str>, Given<'a>)>,
    /// What to add when a required parameter is missing.
    hint: &'static str,
}

impl<'a> Arguments<'a> {
    /// Gathers them. `target` and `body` come from the same request as `parts`.
    pub(crate) async fn of(
        target: Target<'a>,
        parts: &Parts,
        body: &'a Bytes,
    ) -> Result<Self, Refusal> {
        let operation = target.operation;
        let mut arguments = Self {
            operation,
            named: [const { None }; PARAMETERS_MAX],
            process: Vec::new(),
            hint: "",
        };
        if let (Some(id), Some(name)) = (target.id, operation.path_id)
            && let Some((place, parameter)) = operation.parameter(name)
        {
            arguments.name(place, parameter, Source::Path, Given::Text(id))?;
        }
        for pair in urlencoded::pairs(target.query) {
            let (name, value) = pair?;
            // Other names in a query are the caller's own business, such as cache busters.
            if let Some((place, parameter)) = operation.parameter(&name) {
                arguments.name(place, parameter, Source::Query, Given::Text(value))?;
            }
        }
        let xml = operation
            .parameters
            .iter()
            .position(|parameter| parameter.kind == Kind::Xml);
        match Content::of(&parts.method, &parts.headers, body, xml.is_some()).await? {
            Content::Empty => {}
            Content::Json(members) => {
                for (name, value) in members {
                    arguments.give(name, Given::Json(value))?;
                }
            }
            Content::Form(pairs) => {
                if pairs.first().is_some_and(|(name, _)| name.starts_with('{')) {
                    arguments.hint =
                        " The body looks like JSON; send it with Content-Type: application/json.";
                }
                for (name, value) in pairs {
                    arguments.give(name, Given::Text(value))?;
                }
                arguments.refuse_repeated_process_parameters()?;
            }
            Content::Xml(text) => {
                if let Some(place) = xml {
                    let parameter = &operation.parameters[place];
                    arguments.name(place, parameter, Source::Body, Given::Text(text.into()))?;
                }
            }
        }
        Ok(arguments)
    }

    /// A key of the body: a parameter of the operation, else of the process.
    fn give(&mut self, name: Cow<'a, str>, value: Given<'a>) -> Result<(), Refusal> {
        if let Some((place, parameter)) = self.operation.parameter(&name) {
            return self.name(place, parameter, Source::Body, value);
        }
        if self.operation.process_parameters {
            self.process.push((name, value));
        }
        Ok(())
    }

    fn name(
        &mut self,
        place: usize,
        parameter: &'static Parameter,
        source: Source,
        value: Given<'a>,
    ) -> Result<(), Refusal> {
        let slot = &mut self.named[place];
        let Some((earlier, present)) = slot else {
            *slot = Some((source, value));
            return Ok(());
        };
        if *earlier < source {
            return Ok(());
        }
        let is_list = matches!(parameter.kind, Kind::UuidList | Kind::TextList);
        match (present, value) {
            // `{"schemeCode": …, "schemecode": …}`: which one a reader takes is anybody's guess.
            (Given::Json(_), _) => Err(Unreadable::Twice(parameter.name.into()).into()),
            (Given::Texts(texts), Given::Text(value)) if is_list => {
                texts.push(value);
                Ok(())
            }
            (Given::Text(first), Given::Text(value)) if is_list => {
                *slot = Some((source, Given::Texts(vec![std::mem::take(first), value])));
                Ok(())
            }
            (Given::Text(first), Given::Text(value)) if *first == value => Ok(()),
            (_, _) => Err(invalid(parameter, Problem::Contradictory)),
        }
    }

    /// Forms may repeat a name; JSON that does so was refused when it was read.
    fn refuse_repeated_process_parameters(&self) -> Result<(), Refusal> {
        let mut seen = std::collections::HashSet::with_capacity(self.process.len());
        match self.process.iter().find(|(name, _)| !seen.insert(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Refusal::Invalid {
                name: Cow::Owned(name.clone().into_owned()),
                problem: Problem::Contradictory,
            }),
        }
    }

    /// The operation that they are for.
    pub(crate) fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// The process parameters, in order.
    pub(crate) fn take_process_parameters(&mut self) -> Vec<(Cow<'a, str>, Given<'a>)> {
        std::mem::take(&mut self.process)
    }

    /// Whether the parameter was given, with whatever value.
    pub(crate) fn is_given(&self, name: &'static str) -> bool {
        let (place, _) = self.parameter(name);
        match &self.named[place] {
            None => false,
            Some((_, Given::Text(text))) => !text.is_empty(),
            Some((_, Given::Json(raw))) => raw.get() != "null",
            Some((_, Given::Texts(_))) => true,
        }
    }

    /// The value of a parameter that must be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        take: impl FnOnce(&mut Self, &'static str) -> Result<Option<T>, Refusal>,
    ) -> Result<T, Refusal> {
        match take(self, name)? {
            Some(value) => Ok(value),
            None => Err(Refusal::Missing {
                parameter: self.parameter(name).1,
                hint: self.hint,
            }),
        }
    }

    /// A [`Kind::Text`].
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some((parameter, given)) = self.take(name) else {
            return Ok(None);
        };
        let text = text(given).ok_or_else(|| invalid(parameter, Problem::NotText))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A [`Kind::Uuid`].
    pub(crate) fn uuid(&mut self, name: &'static str) -> Result<Option<Uuid>, Refusal> {
        let Some((parameter, given)) = self.take(name) else {
            return Ok(None);
        };
        let refused = || invalid(parameter, Problem::NotUuid);
        let text = text(given).ok_or_else(refused)?;
        if text.is_empty() {
            return Ok(None);
        }
        workflow_api::parse_process_id(&text)
            .map(Some)
            .map_err(|_| refused())
    }

    /// A [`Kind::UuidList`].
    pub(crate) fn uuids(&mut self, name: &'static str) -> Result<Option<Vec<Uuid>>, Refusal> {
        let Some((parameter, given)) = self.take(name) else {
            return Ok(None);
        };
        let refused = |NotAList| invalid(parameter, Problem::NotUuids);
        list(given)
            .map_err(refused)?
            .map(|texts| {
                texts
                    .iter()
                    .map(|text| workflow_api::parse_process_id(text).map_err(|_| refused(NotAList)))
                    .collect()
            })
            .transpose()
    }

    /// A [`Kind::TextList`].
    pub(crate) fn texts(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Vec<Cow<'a, str>>>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some((parameter, given)) => {
                list(given).map_err(|NotAList| invalid(parameter, Problem::NotTexts))
            }
        }
    }

    /// A [`Kind::Bool`].
    pub(crate) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, Refusal> {
        let Some((parameter, given)) = self.take(name) else {
            return Ok(None);
        };
        let text = scalar(given).ok_or_else(|| invalid(parameter, Problem::NotBoolean))?;
        match text.as_ref() {
            "" => Ok(None),
            text if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(invalid(parameter, Problem::NotBoolean)),
        }
    }

    /// A [`Kind::Integer`].
    pub(crate) fn integer(&mut self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let Some((parameter, given)) = self.take(name) else {
            return Ok(None);
        };
        let refused = || invalid(parameter, Problem::NotInteger);
        let text = scalar(given).ok_or_else(refused)?;
        if text.is_empty() {
            return Ok(None);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        match text.parse() {
            Ok(number) if number <= INTEGER_MAX => Ok(Some(number)),
            _ => Err(refused()),
        }
    }

    fn parameter(&self, name: &'static str) -> (usize, &'static Parameter) {
        self.operation
            .parameter(name)
            .expect("decoders name parameters of the table; a test decodes every operation")
    }

    fn take(&mut self, name: &'static str) -> Option<(&'static Parameter, Given<'a>)> {
        let (place, parameter) = self.parameter(name);
        let (_, given) = self.named[place].take()?;
        match given {
            Given::Json(raw) if raw.get() == "null" => None,
            given => Some((parameter, given)),
        }
    }
}

fn invalid(parameter: &'static Parameter, problem: Problem) -> Refusal {
    Refusal::Invalid {
        name: Cow::Borrowed(parameter.name),
        problem,
    }
}

/// A text or a JSON string.
fn text(given: Given<'_>) -> Option<Cow<'_, str>> {
    match given {
        Given::Text(text) => Some(text),
        Given::Texts(_) => None,
        Given::Json(raw) => serde_json::from_str::<Text<'_>>(raw.get())
            .ok()
            .map(|text| text.0),
    }
}

/// A text, a JSON string, or the text of a JSON number or Boolean.
fn scalar(given: Given<'_>) -> Option<Cow<'_, str>> {
    match given {
        Given::Json(raw) if !raw.get().starts_with(['"', '[', '{']) => {
            Some(Cow::Borrowed(raw.get()))
        }
        given => text(given),
    }
}

/// The value is none that a list can be read from.
struct NotAList;

/// The entries of a list, where one was given.
fn list(given: Given<'_>) -> Result<Option<Vec<Cow<'_, str>>>, NotAList> {
    match given {
        Given::Json(raw) if raw.get().starts_with('[') => {
            let texts: Vec<Text<'_>> = serde_json::from_str(raw.get()).map_err(|_| NotAList)?;
            Ok(Some(texts.into_iter().map(|text| text.0).collect()))
        }
        Given::Texts(texts) => Ok(Some(texts.into_iter().flat_map(entries).collect())),
        given => {
            let text = text(given).ok_or(NotAList)?;
            Ok((!text.is_empty()).then(|| entries(text)))
        }
    }
}

/// The entries of one text separated by commas; blanks around them and empty ones do not count.
fn entries(text: Cow<'_, str>) -> Vec<Cow<'_, str>> {
    fn split(text: &str) -> impl Iterator<Item = &str> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
    }
    match text {
        Cow::Borrowed(text) => split(text).map(Cow::Borrowed).collect(),
        Cow::Owned(text) => split(&text)
            .map(|entry| Cow::Owned(entry.to_owned()))
            .collect(),
    }
}
