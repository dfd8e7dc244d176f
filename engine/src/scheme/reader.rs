//! Collects faults and warnings while a scheme is read, each with its place and a hint.

use std::ops::Range;

use super::draw::Excerpt;
use super::{Fault, Problem, SchemeFaults};

/// How many pairs of names may be compared for hints, so that a file full of faults stays cheap.
const COMPARISONS_MAX: usize = 20_000;

/// Longer names are not compared: the effort grows with the square of the length.
const COMPARED_BYTES_MAX: usize = 48;

/// Whether one name may be a slip for the other.
pub(super) fn are_similar(one: &str, other: &str) -> bool {
    one.len().max(other.len()) <= COMPARED_BYTES_MAX
        && strsim::osa_distance(&one.to_lowercase(), &other.to_lowercase()) <= 2
}

pub(super) struct Reader<'a> {
    source: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    faults: Vec<Fault>,
    omitted: usize,
    warnings: Vec<Fault>,
    comparisons: usize,
    /// The offset and column that were asked for last.
    last: (usize, usize),
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let after_newlines = source.match_indices('\n').map(|(newline, _)| newline + 1);
        Self {
            source,
            lines: std::iter::once(0).chain(after_newlines).collect(),
            faults: Vec::new(),
            omitted: 0,
            warnings: Vec::new(),
            comparisons: 0,
            last: (0, 0),
        }
    }

    /// Tells a fault; the scheme will be refused.
    pub(super) fn fault(&mut self, span: Range<usize>, problem: Problem, hint: Option<String>) {
        if self.faults.len() < SchemeFaults::FAULTS_MAX {
            let fault = self.placed(span, problem, hint);
            self.faults.push(fault);
        } else {
            self.omitted += 1;
        }
    }

    /// Tells what the author should look at.
    pub(super) fn warn(&mut self, span: Range<usize>, problem: Problem, hint: Option<String>) {
        if self.takes_warnings() {
            let warning = self.placed(span, problem, hint);
            self.warnings.push(warning);
        }
    }

    /// Whether a further warning would be kept.
    pub(super) fn takes_warnings(&self) -> bool {
        self.warnings.len() < SchemeFaults::FAULTS_MAX
    }

    fn placed(&mut self, span: Range<usize>, problem: Problem, hint: Option<String>) -> Fault {
        let start = self.boundary(span.start);
        let span = start..self.boundary(span.end.max(start));
        let (line, column) = self.place(start);
        let hint = hint.or_else(|| problem.hint().map(str::to_owned));
        let excerpt = Excerpt::new(self.source, &self.lines, &span, (line, column));
        Fault {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            problem,
            hint: hint.map(String::into_boxed_str),
            excerpt,
        }
    }

    /// The start of the character that an offset lies in.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.source.len());
        while !self.source.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// Line and character of an offset, both from 0. A byte order mark is no character.
    fn place(&mut self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= offset) - 1;
        let start = self.lines[line];
        // Goes on from the last place where that is before this one in the same line: lines may
        // be megabytes long.
        let (from, column) = match self.last {
            (last, column) if (start..=offset).contains(&last) => (last, column),
            _ => (start, 0),
        };
        let between = self.source[from..offset]
            .chars()
            .filter(|&c| c != '\u{feff}');
        let column = column + between.count();
        self.last = (offset, column);
        (line, column)
    }

    /// The line of an offset, from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        let line = self.lines.partition_point(|&start| start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The byte at a line and character, both from 1, as the parser tells places.
    pub(super) fn offset(&self, line: u32, column: u32) -> usize {
        let line = (line as usize).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(self.source.len());
        let rest = &self.source[start..];
        let at = rest.char_indices().nth((column as usize).saturating_sub(1));
        start + at.map_or(rest.len(), |(at, _)| at)
    }

    /// `did you mean …?` with the known name nearest to a wrong one, if one is near.
    pub(super) fn nearest<'n>(
        &mut self,
        wrong: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        if wrong.len() > COMPARED_BYTES_MAX || self.comparisons >= COMPARISONS_MAX {
            return None;
        }
        let folded = wrong.to_lowercase();
        // The longer the name, the more slips; of very short ones only the case.
        let mut least = match wrong.chars().count() {
            0..=2 => 1,
            3..=4 => 2,
            5..=8 => 3,
            _ => 4,
        };
        let mut nearest = None;
        for name in known {
            if self.comparisons >= COMPARISONS_MAX {
                break;
            }
            if name.len() > COMPARED_BYTES_MAX || name.len().abs_diff(wrong.len()) >= 2 * least {
                continue;
            }
            self.comparisons += 1;
            let distance = strsim::osa_distance(&folded, &name.to_lowercase());
            if distance < least {
                least = distance;
                nearest = Some(name);
            }
        }
        nearest.map(|name| format!("did you mean {}?", super::fault::quoted(name)))
    }

    pub(super) fn source(&self) -> &str {
        self.source
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// The faults in the order of the document.
    pub(super) fn refuse(mut self, file_name: Option<&str>) -> SchemeFaults {
        self.faults.sort_by_key(|fault| (fault.line, fault.column));
        SchemeFaults::new(file_name, self.faults, self.omitted)
    }

    /// The warnings in the order of the document.
    pub(super) fn warnings(mut self) -> Vec<Fault> {
        self.warnings
            .sort_by_key(|warning| (warning.line, warning.column));
        self.warnings
    }
}
