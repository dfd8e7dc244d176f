//! Draws faults as diagnostics, with the line that each one is in.
//!
//! A fault keeps its lines when it is found, cut to what a terminal shows: a scheme may be one
//! line of megabytes, and may hold characters that would act on the terminal.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use super::{Fault, SchemeFaults};

/// How many faults are drawn; the others are told on a line each.
const DRAWN_MAX: usize = 20;

/// How many characters of a line are kept on either side of a fault.
const CONTEXT_CHARS: usize = 80;

/// The lines around a fault.
#[derive(Clone, Debug)]
pub(super) struct Excerpt {
    text: Arc<str>,
    /// The marked bytes of `text`.
    span: Range<usize>,
    /// The number of the first line of `text`, from 0.
    first_line: usize,
    /// Where the span begins in the source, from 0.
    line: usize,
    column: usize,
}

impl Excerpt {
    /// Keeps the line of a span of `source`, and the one before and after it. `lines` is where
    /// each line begins; `line` and `column` are where the span begins, from 0.
    pub(super) fn new(
        source: &str,
        lines: &[usize],
        span: &Range<usize>,
        (line, column): (usize, usize),
    ) -> Self {
        let of = |line: usize| {
            let start = *lines.get(line)?;
            let end = lines.get(line + 1).map_or(source.len(), |next| next - 1);
            Some(start..end)
        };
        let here = of(line).unwrap_or_default();
        let before = line.checked_sub(1).and_then(of);
        let mut text = String::new();
        if let Some(before) = &before {
            push_clean(&mut text, head(&source[before.clone()], 2 * CONTEXT_CHARS));
            text.push('\n');
        }
        let left = &source[here.start..span.start];
        let shown = tail(left, CONTEXT_CHARS);
        if shown.len() < left.len() {
            text.push('…');
        }
        push_clean(&mut text, shown);
        let start = text.len();
        let marked = &source[span.start..span.end.min(here.end).max(span.start)];
        let marked = head(marked, CONTEXT_CHARS);
        push_clean(&mut text, marked);
        let end = text.len();
        let right = &source[(span.start + marked.len()).min(here.end)..here.end];
        let shown = head(right, CONTEXT_CHARS);
        push_clean(&mut text, shown);
        if shown.len() < right.len() {
            text.push('…');
        }
        if let Some(after) = of(line + 1).filter(|after| !after.is_empty()) {
            text.push('\n');
            push_clean(&mut text, head(&source[after], 2 * CONTEXT_CHARS));
        }
        Self {
            text: text.into(),
            span: start..end,
            first_line: line - usize::from(before.is_some()),
            line,
            column,
        }
    }
}

fn head(text: &str, chars: usize) -> &str {
    let end = text.char_indices().nth(chars);
    end.map_or(text, |(end, _)| &text[..end])
}

fn tail(text: &str, chars: usize) -> &str {
    let start = text.char_indices().rev().nth(chars.saturating_sub(1));
    start.map_or(text, |(start, _)| &text[start..])
}

/// Control characters could act on a terminal, so they are shown as spaces.
fn push_clean(text: &mut String, raw: &str) {
    text.extend(raw.chars().map(|c| if c.is_control() { ' ' } else { c }));
}

struct Drawing<'a> {
    fault: &'a Fault,
    file_name: &'a str,
}

impl fmt::Debug for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl fmt::Display for Drawing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.problem.fmt(f)
    }
}

impl std::error::Error for Drawing<'_> {}

impl Diagnostic for Drawing<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = self.fault.hint.as_ref()?;
        Some(Box::new(hint))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.fault.excerpt.span.clone();
        let label = LabeledSpan::new_primary_with_span(None, span);
        Some(Box::new(std::iter::once(label)))
    }
}

impl SourceCode for Drawing<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        _context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let excerpt = &self.fault.excerpt;
        let name = self.file_name.to_owned();
        let contents = if context_lines_before == 0 {
            // The place of the mark itself, for the head line.
            let data = excerpt.text.as_bytes().get(excerpt.span.clone());
            let data = data.ok_or(MietteError::OutOfBounds)?;
            MietteSpanContents::new_named(name, data, *span, excerpt.line, excerpt.column, 1)
        } else {
            let data = excerpt.text.as_bytes();
            let whole = SourceSpan::from(0..data.len());
            let lines = excerpt.text.lines().count();
            MietteSpanContents::new_named(name, data, whole, excerpt.first_line, 0, lines)
        };
        Ok(Box::new(contents))
    }
}

pub(super) fn faults(faults: &SchemeFaults, colours: bool) -> String {
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .with_links(false);
    let file_name = faults.file_name().unwrap_or("scheme");
    let mut drawn = String::new();
    for (place, fault) in faults.faults().iter().enumerate() {
        if (1..DRAWN_MAX).contains(&place) {
            drawn.push('\n');
        }
        let drawing = Drawing { fault, file_name };
        if place >= DRAWN_MAX || handler.render_report(&mut drawn, &drawing).is_err() {
            let _ = writeln!(drawn, "{file_name}: {fault}"); // a String takes everything
        }
    }
    if faults.omitted() > 0 {
        let _ = writeln!(drawn, "and {} more", faults.omitted());
    }
    drawn
}
