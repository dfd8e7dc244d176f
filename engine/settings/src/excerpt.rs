//! The lines around a fault, as miette reads them.
//!
//! In: a masked source and places in it. Out: a [`SourceCode`] that holds those lines only, so
//! that a file written on one line draws a window and not all of it.

use std::ops::Range;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::faults::{Drawn, Source};

/// A cut-out with its labels, both relative to it.
#[derive(Debug)]
pub(crate) struct Excerpt {
    name: Arc<str>,
    text: String,
    line: usize,
    column: usize,
    labels: Vec<(Range<usize>, String)>,
}

impl Excerpt {
    /// `places` must not be empty; the first is the one that counts.
    pub(crate) fn new(source: &Source, places: &[(Range<usize>, String)]) -> Self {
        let text = &source.masked;
        let first = places
            .first()
            .map_or(0..0, |(at, _)| clamp(text, at.clone()));
        let lines = whole_lines(text, places);
        let width = source.drawn.characters();
        let lines_fit = source.drawn == Drawn::Lines
            && text[lines.clone()]
                .lines()
                .all(|line| line.chars().count() <= width);
        let cut = if lines_fit {
            lines
        } else {
            window(text, &first, width)
        };
        let before = &text[..cut.start];
        let labels = places
            .iter()
            .map(|(at, label)| (clamp(text, at.clone()), label.clone()))
            .filter(|(at, _)| cut.contains(&at.start) || at.start == cut.end)
            .map(|(at, label)| {
                // One line of each place is enough: an object of fifty lines is not drawn whole.
                let end = at.end.min(cut.end);
                let end = text[at.start..end]
                    .find('\n')
                    .map_or(end, |length| at.start + length);
                (at.start - cut.start..end - cut.start, label)
            })
            .collect();
        Self {
            name: Arc::clone(&source.name),
            text: text[cut.clone()].to_owned(),
            line: before.matches('\n').count(),
            column: before
                .rsplit('\n')
                .next()
                .map_or(0, |text| text.chars().count()),
            labels,
        }
    }

    pub(crate) fn labels(&self) -> impl Iterator<Item = LabeledSpan> {
        self.labels.iter().enumerate().map(|(index, (at, text))| {
            let text = (!text.is_empty()).then(|| text.clone());
            let span = SourceSpan::new(at.start.into(), at.len());
            if index == 0 {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        })
    }
}

/// Inside `text` and on character boundaries.
fn clamp(text: &str, at: Range<usize>) -> Range<usize> {
    let floor = |mut index: usize| {
        index = index.min(text.len());
        while !text.is_char_boundary(index) {
            index -= 1;
        }
        index
    };
    let start = floor(at.start);
    start..floor(at.end).max(start)
}

/// From the line before the first place to the line after the last one's start.
fn whole_lines(text: &str, places: &[(Range<usize>, String)]) -> Range<usize> {
    let starts = places.iter().map(|(at, _)| clamp(text, at.clone()).start);
    let first = starts.clone().min().unwrap_or(0);
    let last = starts.max().unwrap_or(0);
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |index| index + 1);
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |index| at + index);
    let start = line_start(line_start(first).saturating_sub(1));
    let end = line_end(last);
    let end = if end < text.len() {
        line_end(end + 1)
    } else {
        end
    };
    start..end
}

/// At most `width` characters of one line, with `at.start` about the middle.
fn window(text: &str, at: &Range<usize>, width: usize) -> Range<usize> {
    let head = &text[..at.start];
    let start = head
        .char_indices()
        .rev()
        .take(width / 2)
        .take_while(|(_, c)| *c != '\n')
        .last()
        .map_or(at.start, |(index, _)| index);
    let taken = text[start..at.start].chars().count();
    let tail = &text[at.start..];
    let end = tail
        .char_indices()
        .take(width - taken)
        .take_while(|(_, c)| *c != '\n')
        .last()
        .map_or(at.start, |(index, c)| at.start + index + c.len_utf8());
    start..end
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, lines_before, lines_after)?;
        // miette counts bytes; editors count characters.
        let head = self.text.get(..inner.span().offset()).unwrap_or_default();
        let in_line = head.rsplit('\n').next().unwrap_or_default();
        let moved = if inner.line() == 0 { self.column } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.to_string(),
            inner.data(),
            *inner.span(),
            inner.line() + self.line,
            in_line.chars().count() + moved,
            inner.line_count(),
        )))
    }
}
