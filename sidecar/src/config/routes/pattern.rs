//! Which paths a route is for: a prefix or a template.
//!
//! In: `Prefix` or `Path` as written. Out: [`PathPattern`], or what is wrong with it. A template is
//! `/orders/{id}/items`: a name in braces stands for one segment, `{rest...}` at the end for one or
//! more. Names mean nothing but to the reader.

use super::super::urls::plain_path;

/// Segments of one pattern: one bit for each in a word, and more than any path needs.
pub(crate) const SEGMENTS_MAX: usize = 32;

/// The paths of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// As written, literals in lower case: for logs, metrics and messages.
    text: Box<str>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) end: End,
}

/// A segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    /// In lower case.
    Literal(Box<str>),
    /// Any one.
    Any,
}

/// What may follow the segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// Nothing.
    Here,
    /// One segment or more.
    Rest,
    /// Nothing, or anything.
    Below,
}

/// What is wrong with a pattern.
pub(crate) type Wrong = &'static str;

impl PathPattern {
    /// `Prefix`: whole segments, and everything below.
    pub(crate) fn prefix(written: &str) -> Result<Self, Wrong> {
        let lower = written.to_ascii_lowercase();
        let path = lower.trim_end_matches('/');
        if lower.starts_with('/') && path.is_empty() {
            return Ok(Self {
                text: "/".into(),
                segments: Vec::new(),
                end: End::Below,
            });
        }
        plain_path(path)?;
        let segments = path[1..].split('/');
        let segments = segments.map(|one| Segment::Literal(one.into())).collect();
        Self {
            text: path.into(),
            segments,
            end: End::Below,
        }
        .bounded()
    }

    /// `Path`: a template.
    pub(crate) fn template(written: &str) -> Result<Self, Wrong> {
        let Some(inner) = written.strip_prefix('/') else {
            return Err("must begin with `/`");
        };
        let mut pattern = Self {
            text: "/".into(),
            segments: Vec::new(),
            end: End::Here,
        };
        if inner.is_empty() {
            return Ok(pattern);
        }
        let mut text = String::with_capacity(written.len());
        let mut names = Vec::new();
        let mut parts = inner.split('/').peekable();
        while let Some(part) = parts.next() {
            text.push('/');
            let Some(name) = part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            else {
                let literal = part.to_ascii_lowercase();
                if literal.contains(['{', '}']) {
                    return Err("has braces that are not a whole segment");
                }
                plain_path(&format!("/{literal}"))?;
                text.push_str(&literal);
                pattern.segments.push(Segment::Literal(literal.into()));
                continue;
            };
            text.push_str(part);
            let (name, rest) = match name.strip_suffix("...") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(fits) {
                return Err("has a name in braces that is not letters, digits and `_`");
            }
            if names.contains(&name) {
                return Err("has the same name in braces twice");
            }
            names.push(name);
            if !rest {
                pattern.segments.push(Segment::Any);
            } else if parts.peek().is_some() {
                return Err("has `...` elsewhere than at its end");
            } else {
                pattern.end = End::Rest;
            }
        }
        pattern.text = text.into();
        pattern.bounded()
    }

    fn bounded(self) -> Result<Self, Wrong> {
        if self.segments.len() > SEGMENTS_MAX {
            return Err("has more segments than any path needs");
        }
        Ok(self)
    }

    /// As written, literals in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether some path is of both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let both = self.segments.iter().zip(&other.segments);
        let apart = |(one, other): (&Segment, &Segment)| matches!((one, other), (Segment::Literal(one), Segment::Literal(other)) if one != other);
        if both.into_iter().any(apart) {
            return false;
        }
        let (shorter, longer) = if self.segments.len() <= other.segments.len() {
            (self, other)
        } else {
            (other, self)
        };
        let equally_long = shorter.segments.len() == longer.segments.len();
        match (shorter.end, longer.end) {
            (End::Below, _) | (End::Rest, End::Rest | End::Below) => true,
            (End::Rest, End::Here) => !equally_long,
            (End::Here, End::Here | End::Below) => equally_long,
            (End::Here, End::Rest) => false,
        }
    }

    /// Whether every path of `other` is of this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        if other.segments.len() < self.segments.len() {
            return false;
        }
        let both = self.segments.iter().zip(&other.segments);
        let within = |(one, other): (&Segment, &Segment)| *one == Segment::Any || one == other;
        if !both.into_iter().all(within) {
            return false;
        }
        let equally_long = self.segments.len() == other.segments.len();
        match (self.end, other.end) {
            (End::Below, _) | (End::Rest, End::Rest) => true,
            (End::Rest, End::Here | End::Below) => !equally_long,
            (End::Here, End::Here) => equally_long,
            (End::Here, End::Rest | End::Below) => false,
        }
    }

    /// Whether its first segment is this one, and only this.
    pub(super) fn begins_with(&self, first: &str) -> bool {
        matches!(self.segments.first(), Some(Segment::Literal(literal)) if **literal == *first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_are_segments_names_and_a_rest() {
        for (written, want) in [
            ("/orders/{id}/items", Ok("/orders/{id}/items")),
            ("/Orders/{Id}", Ok("/orders/{Id}")),
            ("/files/{rest...}", Ok("/files/{rest...}")),
            ("/", Ok("/")),
            ("/{a}/{b}", Ok("/{a}/{b}")),
            ("orders", Err("must begin with `/`")),
            ("/orders/", Err("has an empty segment")),
            ("//orders", Err("has an empty segment")),
            ("/a/../b", Err("has a dot segment")),
            ("/a/{id}x", Err("has braces that are not a whole segment")),
            ("/a/{id", Err("has braces that are not a whole segment")),
            (
                "/a/{}",
                Err("has a name in braces that is not letters, digits and `_`"),
            ),
            (
                "/a/{b*}",
                Err("has a name in braces that is not letters, digits and `_`"),
            ),
            ("/{a}/{a}", Err("has the same name in braces twice")),
            ("/{a...}/b", Err("has `...` elsewhere than at its end")),
            (
                "/a b",
                Err("has characters other than letters, digits and `-._~`"),
            ),
        ] {
            let found = PathPattern::template(written);
            assert_eq!(
                found.as_ref().map(PathPattern::as_str),
                want.as_ref().copied(),
                "{written}"
            );
        }
        assert!(PathPattern::template(&"/{a}".repeat(2)).is_err());
        assert!(PathPattern::prefix(&"/a".repeat(SEGMENTS_MAX + 1)).is_err());
    }

    fn pattern(template: bool, written: &str) -> PathPattern {
        if template {
            PathPattern::template(written).unwrap()
        } else {
            PathPattern::prefix(written).unwrap()
        }
    }

    #[test]
    fn patterns_meet_and_cover() {
        for (one, other, meets, covers) in [
            ((true, "/a/{x}"), (true, "/a/b"), true, true),
            ((true, "/a/b"), (true, "/a/{x}"), true, false),
            ((true, "/a/{x}/c"), (true, "/a/b/{y}"), true, false),
            ((true, "/a/{x}"), (true, "/a/{y}/z"), false, false),
            ((true, "/a/{x...}"), (true, "/a"), false, false),
            ((true, "/a/{x...}"), (true, "/a/b/c"), true, true),
            ((true, "/a/{x...}"), (false, "/a"), true, false),
            ((false, "/a"), (true, "/a/{x...}"), true, true),
            ((false, "/a"), (true, "/a"), true, true),
            ((false, "/"), (true, "/{x}"), true, true),
            ((true, "/{x}/b"), (false, "/a"), true, false),
            ((false, "/a/b"), (true, "/a/{x}/c"), true, false),
            ((true, "/a"), (true, "/b"), false, false),
        ] {
            let one = pattern(one.0, one.1);
            let other = pattern(other.0, other.1);
            assert_eq!(one.meets(&other), meets, "{one:?} {other:?}");
            assert_eq!(other.meets(&one), meets, "{one:?} {other:?}");
            assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn what_covers_meets(one in "(/(a|b|\\{x\\})){1,3}", other in "(/(a|b|\\{x\\})){1,3}") {
            if let (Ok(one), Ok(other)) = (PathPattern::template(&one), PathPattern::template(&other)) {
                if one.covers(&other) {
                    prop_assert!(one.meets(&other));
                }
                prop_assert_eq!(one.covers(&other) && other.covers(&one), (&one.segments, one.end) == (&other.segments, other.end));
            }
        }
    }
}
