//! Names in messages: those that would have been right, and what a caller gave instead.

use std::fmt;

/// Names listed in one message; a longer list helps nobody.
const LISTED_MAX: usize = 20;

/// Names that are compared with a wrong one: comparing is slow, and a refusal must stay cheap.
const COMPARED_MAX: usize = 1_000;

/// Characters shown of what a caller gave.
const SHOWN_MAX: usize = 80;

/// Names that would have been right: the nearest one first, then all, up to a bound.
#[derive(Debug, Default)]
pub struct Known {
    nearest: Option<Box<str>>,
    names: Vec<Box<str>>,
    more: usize,
}

impl Known {
    /// Nothing to suggest: displays as the empty string.
    pub fn none() -> Self {
        Self::default()
    }

    /// The known names, with the one nearest to `wanted` named apart.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>, wanted: &str) -> Self {
        let wanted = (wanted.len() <= SHOWN_MAX).then(|| wanted.to_lowercase());
        let mut nearest: Option<(f64, &str)> = None;
        let mut known = Self::default();
        for (place, name) in names.into_iter().enumerate() {
            let likeness = match &wanted {
                Some(wanted) if place < COMPARED_MAX => {
                    strsim::jaro_winkler(&name.to_lowercase(), wanted)
                }
                _ => 0.0,
            };
            if likeness > 0.8 && nearest.is_none_or(|(best, _)| likeness > best) {
                nearest = Some((likeness, name));
            }
            if known.names.len() < LISTED_MAX {
                known.names.push(name.into());
            } else {
                known.more += 1;
            }
        }
        known.nearest = nearest.map(|(_, name)| name.into());
        known
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        let Some((first, rest)) = self.names.split_first() else {
            return Ok(());
        };
        let start = if self.nearest.is_some() { " " } else { "; " };
        write!(f, "{start}known: {first}")?;
        for name in rest {
            write!(f, ", {name}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// What a caller gave, for a message: cut short, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(Box<str>);

impl Shown {
    /// The first characters of `text`.
    pub fn new(text: &str) -> Self {
        let mut shown: String = text
            .chars()
            .take(SHOWN_MAX)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if text.chars().nth(SHOWN_MAX).is_some() {
            shown.push('…');
        }
        Self(shown.into())
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_its_nearest_and_what_there_is() {
        for (known, wanted, want) in [
            (
                &["approve", "return"][..],
                "aprove",
                "; did you mean `approve`? known: approve, return",
            ),
            (
                &["approve"],
                "Approve",
                "; did you mean `approve`? known: approve",
            ),
            (&["approve"], "zzz", "; known: approve"),
            (&[], "zzz", ""),
        ] {
            assert_eq!(Known::of(known.iter().copied(), wanted).to_string(), want);
        }
    }

    #[test]
    fn long_lists_and_long_names_are_cut() {
        let names: Vec<String> = (0..2_000).map(|number| format!("n{number}")).collect();
        let text = Known::of(names.iter().map(String::as_str), &"x".repeat(99)).to_string();
        assert!(text.ends_with("n19 and 1980 more"), "{text}");
        let shown = Shown::new(&format!("a\n{}", "x".repeat(99))).to_string();
        assert!(shown.starts_with("a x") && shown.ends_with('…'), "{shown}");
        assert_eq!(shown.chars().count(), SHOWN_MAX + 1);
    }
}
