//! From a path to the most special pattern that it fits.
//!
//! In: patterns; a path of judged bytes. Out: the pattern's place and which of its segments are
//! literals. Literals are matched without ASCII case. From left to right a literal is more special
//! than a name, a name than a rest, a rest than the end of a prefix. A tree of segments: a look-up
//! costs a search among the children at each segment of the path, whatever the number of patterns,
//! and no allocation.

use std::cmp::Ordering;

use percent_encoding::percent_decode;

use crate::config::{End, PathPattern, Segment};

/// A compiled set of patterns.
#[derive(Debug)]
pub(super) struct Matcher {
    /// The first is the root.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// In lower case, in order.
    literals: Vec<(Box<str>, usize)>,
    any: Option<usize>,
    here: Option<usize>,
    rest: Option<usize>,
    below: Option<usize>,
}

/// What a path fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fits {
    /// The pattern, by its place.
    pub(super) pattern: usize,
    /// A bit for each segment that a literal stands for, the first segment lowest.
    pub(super) literals: u32,
}

/// A literal is written with percent-encoding: this server and the next would route differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EncodedLiteral;

impl Matcher {
    /// Of several same patterns the first counts.
    pub(super) fn new<'p>(patterns: impl IntoIterator<Item = &'p PathPattern>) -> Self {
        let mut nodes = vec![Node::default()];
        for (place, pattern) in patterns.into_iter().enumerate() {
            let mut at = 0;
            for segment in &pattern.segments {
                at = match segment {
                    Segment::Literal(literal) => {
                        let found = nodes[at]
                            .literals
                            .binary_search_by(|(one, _)| one.cmp(literal));
                        match found {
                            Ok(found) => nodes[at].literals[found].1,
                            Err(before) => {
                                let next = nodes.len();
                                nodes.push(Node::default());
                                nodes[at].literals.insert(before, (literal.clone(), next));
                                next
                            }
                        }
                    }
                    Segment::Any => {
                        let next = nodes[at].any.unwrap_or(nodes.len());
                        if next == nodes.len() {
                            nodes.push(Node::default());
                            nodes[at].any = Some(next);
                        }
                        next
                    }
                };
            }
            let end = match pattern.end {
                End::Here => &mut nodes[at].here,
                End::Rest => &mut nodes[at].rest,
                End::Below => &mut nodes[at].below,
            };
            end.get_or_insert(place);
        }
        Self { nodes }
    }

    /// The most special pattern that `path` fits: empty, or a slash and segments.
    pub(super) fn find(&self, path: &str) -> Result<Option<Fits>, EncodedLiteral> {
        let path = if path == "/" { "" } else { path };
        self.descend(&self.nodes[0], path, 0, 0)
    }

    /// Each node is looked at once at most: it stands at one depth, and so does a segment.
    fn descend(
        &self,
        node: &Node,
        rest: &str,
        depth: u32,
        literals: u32,
    ) -> Result<Option<Fits>, EncodedLiteral> {
        let end = |pattern: Option<usize>| pattern.map(|pattern| Fits { pattern, literals });
        let Some(rest) = rest.strip_prefix('/') else {
            return Ok(end(node.here.or(node.below)));
        };
        let (segment, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some(next) = node.literal(segment)? {
            let with = literals | 1_u32.checked_shl(depth).unwrap_or(0);
            let found = self.descend(&self.nodes[next], after, depth + 1, with)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if let Some(next) = node.any {
            let found = self.descend(&self.nodes[next], after, depth + 1, literals)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(end(node.rest.or(node.below)))
    }
}

impl Node {
    fn literal(&self, segment: &str) -> Result<Option<usize>, EncodedLiteral> {
        if self.literals.is_empty() {
            return Ok(None);
        }
        if segment.contains('%') {
            // Whoever decodes it first may find the literal.
            let decoded = || percent_decode(segment.as_bytes());
            let same = |(literal, _): &(Box<str>, usize)| ordered(literal, decoded()).is_eq();
            return if self.literals.iter().any(same) {
                Err(EncodedLiteral)
            } else {
                Ok(None)
            };
        }
        let found = self
            .literals
            .binary_search_by(|(literal, _)| ordered(literal, segment.bytes()));
        Ok(found.ok().map(|found| self.literals[found].1))
    }
}

/// How `literal`, in lower case, stands to `bytes`, whose case does not matter.
fn ordered(literal: &str, bytes: impl Iterator<Item = u8>) -> Ordering {
    literal
        .bytes()
        .cmp(bytes.map(|byte| byte.to_ascii_lowercase()))
}
