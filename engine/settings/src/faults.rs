//! Every fault and warning of one reading, each with its place, drawn together.
//!
//! In: faults as readers find them. Out: text with source lines, values masked.
//! Rules: nothing unmasked is kept: sources are masked before they get here.
//! Elsewhere: which values are masked (`mask`), the cut-out that is drawn (`excerpt`).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use crate::excerpt::Excerpt;

/// A place in one of the sources of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    source: usize,
    start: usize,
    end: usize,
}

impl Mark {
    pub(crate) fn new(source: usize, at: Range<usize>) -> Self {
        Self {
            source,
            start: at.start,
            end: at.end,
        }
    }

    /// The first byte only: the brace of an object, for what is missing in it.
    pub(crate) fn head(self) -> Self {
        Self {
            end: self.end.min(self.start + 1),
            ..self
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// How much a fault matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not taken.
    Error,
    /// The file is taken; `--strict` makes it an error.
    Warning,
    /// To know, also under `--strict`.
    Note,
}

/// One thing that is wrong, with the places to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    severity: Severity,
    message: String,
    labels: Vec<(Mark, String)>,
    help: Option<String>,
}

impl Fault {
    fn new(severity: Severity, mark: Option<Mark>, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            labels: mark.map(|mark| (mark, String::new())).into_iter().collect(),
            help: None,
        }
    }

    /// A fault at `mark`.
    pub fn error(mark: Mark, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, Some(mark), message)
    }

    /// A fault that has no place in a source, such as a file that is not there.
    pub fn placeless(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, None, message)
    }

    /// A warning that has no place in a source.
    pub fn placeless_warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, None, message)
    }

    /// A warning at `mark`.
    pub fn warning(mark: Mark, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, Some(mark), message)
    }

    /// A note at `mark`.
    pub fn note(mark: Mark, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, Some(mark), message)
    }

    /// What stands under the first place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some((_, label)) = self.labels.first_mut() {
            *label = text.into();
        }
        self
    }

    /// A further place, drawn when it lies in the same source.
    #[must_use]
    pub fn also(mut self, mark: Mark, text: impl Into<String>) -> Self {
        self.labels.push((mark, text.into()));
        self
    }

    /// What would be right.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// What happened, without place or source.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

/// Faults that are kept of one reading. Nobody reads more, and a hostile file has millions.
const KEPT_MAX: usize = 500;

/// A source as it may be shown.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) name: Arc<str>,
    pub(crate) masked: Arc<str>,
    pub(crate) drawn: Drawn,
}

/// How much of a source is drawn around a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Its line with the ones around it, or a window when one is longer than 160 characters.
    Lines,
    /// Twenty characters: of a text that does not parse nobody knows what they are.
    Window,
}

impl Drawn {
    pub(crate) fn characters(self) -> usize {
        match self {
            Self::Lines => 160,
            Self::Window => 20,
        }
    }
}

/// Everything that one reading found. Holds no unmasked value.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    sources: Vec<Source>,
    list: Vec<Fault>,
    /// Found beyond those that are kept.
    dropped: usize,
}

impl Faults {
    /// Adds a source whose text is masked later, once it is known what it holds.
    pub(crate) fn reserve(&mut self, name: &str) -> usize {
        self.sources.push(Source {
            name: printable(name).into(),
            masked: "".into(),
            drawn: Drawn::Lines,
        });
        self.sources.len() - 1
    }

    pub(crate) fn set_masked(&mut self, source: usize, masked: &str, drawn: Drawn) {
        if let Some(source) = self.sources.get_mut(source) {
            source.masked = masked.into();
            source.drawn = drawn;
        }
    }

    /// Adds a fault, once: what both programs read is read twice where one holds the other.
    pub fn push(&mut self, fault: Fault) {
        if self.list.contains(&fault) {
            return;
        }
        if !self.is_full() {
            self.list.push(fault);
            return;
        }
        self.dropped += 1;
        // An error must be kept: it decides whether the file is taken.
        if fault.severity == Severity::Error && !self.has_errors() {
            self.list.pop();
            self.list.push(fault);
        }
    }

    /// Whether further faults are counted only.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= KEPT_MAX
    }

    /// Whether the file cannot be taken.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|fault| fault.severity == Severity::Error)
    }

    /// How many there are of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list
            .iter()
            .filter(|fault| fault.severity == severity)
            .count()
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Errors first, then by place.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        let mut sorted: Vec<_> = self.list.iter().collect();
        sorted.sort_by_key(|fault| (fault.severity, fault.labels.first().map(|(mark, _)| *mark)));
        sorted.into_iter()
    }

    /// Makes every warning an error, as `check --strict` does.
    pub fn make_strict(&mut self) {
        for fault in &mut self.list {
            if fault.severity == Severity::Warning {
                fault.severity = Severity::Error;
            }
        }
    }

    /// Splits what prevents from what does not.
    pub fn split_errors(mut self) -> (Self, Self) {
        let (errors, others) = std::mem::take(&mut self.list)
            .into_iter()
            .partition(|fault| fault.severity == Severity::Error);
        let sources = self.sources.clone();
        (
            Self {
                sources,
                list: errors,
                dropped: self.dropped,
            },
            Self {
                list: others,
                ..self
            },
        )
    }

    /// Draws every fault with its source lines; `color` for a terminal.
    pub fn render(&self, color: bool) -> String {
        let mut drawn: Vec<_> = self
            .iter()
            .map(|fault| self.render_one(fault, color))
            .collect();
        if self.dropped > 0 && !drawn.is_empty() {
            drawn.push(format!("  … and {} more\n", self.dropped));
        }
        drawn.join("\n")
    }

    /// Draws one fault of this list.
    pub fn render_one(&self, fault: &Fault, color: bool) -> String {
        let theme = if color {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_context_lines(1)
            .with_wrap_lines(false)
            .with_width(400);
        let mut drawn = String::new();
        let report = self.drawing(fault);
        if handler.render_report(&mut drawn, &report).is_err() {
            drawn.clone_from(&fault.message);
        }
        let mut trimmed: String = drawn
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n");
        trimmed.push('\n');
        trimmed
    }

    /// `file:line:column: message` of each, for one-line logs.
    pub fn summary(&self) -> String {
        self.iter()
            .map(|fault| match self.place(fault) {
                Some(place) => format!("{place}: {}", fault.message),
                None => fault.message.clone(),
            })
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// `file:line:column` of a fault of this list.
    pub fn place(&self, fault: &Fault) -> Option<String> {
        let (mark, _) = fault.labels.first()?;
        let source = self.sources.get(mark.source)?;
        let before = source.masked.get(..mark.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(1, |text| text.chars().count() + 1);
        Some(format!("{}:{line}:{column}", source.name))
    }

    fn drawing(&self, fault: &Fault) -> Drawing {
        let first = fault.labels.first().map(|(mark, _)| mark.source);
        let source = first.and_then(|index| self.sources.get(index));
        let places: Vec<_> = fault
            .labels
            .iter()
            .filter(|(mark, _)| Some(mark.source) == first)
            .map(|(mark, text)| (mark.start..mark.end, text.clone()))
            .collect();
        let excerpt = source.map(|source| Excerpt::new(source, &places));
        Drawing {
            fault: fault.clone(),
            excerpt,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}

/// One fault as miette draws it.
#[derive(Debug)]
struct Drawing {
    fault: Fault,
    excerpt: Option<Excerpt>,
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.fault.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        let help = self.fault.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let excerpt = self.excerpt.as_ref()?;
        Some(excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        Some(Box::new(excerpt.labels()))
    }
}

/// `text` as part of a message: in back quotes, cut, nothing unprintable.
pub(crate) fn quoted(text: &str) -> String {
    /// Longer names are no help to anyone.
    const SHOWN_MAX: usize = 80;
    let mut shown: String = printable(text).chars().take(SHOWN_MAX).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Without characters that steer a terminal or turn the reading direction.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if steers(c) { '?' } else { c })
        .collect()
}

/// Control characters, bidirectional marks and other invisible ones.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
