//! What one key of the configuration is: name, kind, bounds, default, whose, and its sentence.
//!
//! The table itself is [`crate::keys`]; name checks, masking, readers, JSON schema and the
//! Markdown table are all derived from it.

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As documented; matched without ASCII case.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Read like a value of the file where that is possible, else words.
    pub default: Option<&'static str>,
    /// What a change of it does to a running program.
    pub change: Change,
    /// Whether diagnostics may show its string values.
    pub public: bool,
    /// Whose name it is.
    pub owner: Owner,
    /// Whether this version does what it says.
    pub support: Support,
    /// Which program checks it.
    pub program: Program,
    /// One or two sentences.
    pub doc: &'static str,
}

/// What a value may be. Every scalar may also be `{"File": …}` or `{"Env": …}`.
#[derive(Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds, both included.
    Integer {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// `"30s"`, `"5m"`; bounds as text of the same form.
    Duration {
        /// Least value.
        min: &'static str,
        /// Greatest value.
        max: &'static str,
        /// What a bare number means.
        bare: Bare,
    },
    /// `"64KiB"` or bytes, within bounds.
    Size {
        /// Least bytes.
        min: u64,
        /// Greatest bytes.
        max: u64,
    },
    /// `"10/s burst 50"`.
    Rate,
    /// `"1KiB/s after 60s"`.
    Flow,
    /// Any string that is not empty and has no control character.
    Text,
    /// One of these words, matched without case.
    Choice(&'static [&'static str]),
    /// A list of such values.
    List(&'static Kind),
    /// An object with keys of its own.
    Object(&'static Keys),
    /// An object whose names are free, each with such a value.
    Map(&'static Kind),
    /// Any of these.
    Either(&'static [Kind]),
    /// Not looked into.
    Anything,
}

/// The unit of a duration without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// Ours, and mostly the other product's.
    Seconds,
    /// `CallBackCacheTimeout` of the other product.
    Milliseconds,
}

/// The keys of one object.
#[derive(Debug)]
pub struct Keys {
    /// Unknown names are faults in our own objects, warnings elsewhere.
    pub owner: Owner,
    /// In the order of the documentation.
    pub keys: &'static [Key],
}

/// What a change does to a running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// In force on reload.
    Live,
    /// Reported on reload as needing a restart.
    Restart,
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This project's.
    Ours,
    /// The other product's, which works here as it does there.
    Theirs,
}

/// Whether this version does what a key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does.
    Now,
    /// It does not yet: a value that asks for something is refused, never ignored.
    Later,
    /// It means nothing here, and is reported once as ignored.
    Ignored,
}

/// Who checks a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Both programs.
    Both,
    /// The sidecar; the engine passes over it.
    Sidecar,
    /// The engine; the sidecar passes over it.
    Engine,
}

impl Key {
    /// A key of ours, in force on reload, read by the sidecar. Text is secret until marked
    /// [`public`](Key::public); everything else is public by its kind.
    pub(crate) const fn new(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        doc: &'static str,
    ) -> Self {
        let public = kind.is_brief();
        Self {
            name,
            kind,
            default,
            change: Change::Live,
            public,
            owner: Owner::Ours,
            support: Support::Now,
            program: Program::Sidecar,
            doc,
        }
    }

    pub(crate) const fn public(mut self) -> Self {
        self.public = true;
        self
    }

    pub(crate) const fn theirs(mut self) -> Self {
        self.owner = Owner::Theirs;
        self
    }

    pub(crate) const fn restart(mut self) -> Self {
        self.change = Change::Restart;
        self
    }

    pub(crate) const fn later(mut self) -> Self {
        self.support = Support::Later;
        self
    }

    pub(crate) const fn both(mut self) -> Self {
        self.program = Program::Both;
        self
    }

    pub(crate) const fn engine(mut self) -> Self {
        self.program = Program::Engine;
        self
    }

    /// The other product's, and nothing here.
    pub(crate) const fn ignored(name: &'static str) -> Self {
        let mut key = Self::new(name, Kind::Anything, None, "Means nothing here.");
        key.owner = Owner::Theirs;
        key.support = Support::Ignored;
        key.program = Program::Both;
        key
    }
}

impl Kind {
    /// Whether what may stand here is short by nature, unlike a name, a path or a secret.
    /// Objects and lists are not: their own keys and items say it each for themselves.
    pub(crate) const fn is_brief(&self) -> bool {
        match self {
            Self::Bool
            | Self::Integer { .. }
            | Self::Duration { .. }
            | Self::Size { .. }
            | Self::Rate
            | Self::Flow
            | Self::Choice(_) => true,
            Self::Text
            | Self::List(_)
            | Self::Object(_)
            | Self::Map(_)
            | Self::Either(_)
            | Self::Anything => false,
        }
    }

    /// The keys of an object at this place, if one may stand here.
    pub(crate) fn keys(&self) -> Option<&'static Keys> {
        match self {
            Self::Object(keys) => Some(keys),
            Self::Either(kinds) => kinds.iter().find_map(Self::keys),
            _ => None,
        }
    }

    /// What the items of a list at this place are, if one may stand here.
    pub(crate) fn item(&self) -> Option<&'static Kind> {
        match self {
            Self::List(kind) => Some(kind),
            Self::Either(kinds) => kinds.iter().find_map(Self::item),
            _ => None,
        }
    }

    /// What the values of an object with free names are, if one may stand here.
    pub(crate) fn value(&self) -> Option<&'static Kind> {
        match self {
            Self::Map(kind) => Some(kind),
            Self::Either(kinds) => kinds.iter().find_map(Self::value),
            _ => None,
        }
    }

    /// Whether a string, and so a reference to one, may stand here.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Self::Object(_) | Self::Map(_) | Self::List(_) | Self::Anything => false,
            Self::Either(kinds) => kinds.iter().any(Self::is_scalar),
            Self::Bool
            | Self::Integer { .. }
            | Self::Duration { .. }
            | Self::Size { .. }
            | Self::Rate
            | Self::Flow
            | Self::Text
            | Self::Choice(_) => true,
        }
    }

    /// In words, for "expected …".
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer { min, max } if *max == u64::MAX => {
                format!("a whole number from {min}")
            }
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min, max, bare } => {
                let unit = match bare {
                    Bare::Seconds => "seconds",
                    Bare::Milliseconds => "milliseconds",
                };
                format!("a duration from {min} to {max}, such as `\"30s\"` or a number of {unit}")
            }
            Self::Size { min, max } => format!(
                "a size from {} to {}, such as `\"64KiB\"` or a number of bytes",
                crate::scalar::size_text(*min),
                crate::scalar::size_text(*max)
            ),
            Self::Rate => "a rate, such as `\"10/s burst 50\"`".to_owned(),
            Self::Flow => "a flow, such as `\"1KiB/s after 60s\"`".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(" or ")
            }
            Self::List(kind) => format!("a list, each {}", kind.expected()),
            Self::Object(_) => "an object".to_owned(),
            Self::Map(kind) => format!("an object, each value {}", kind.expected()),
            Self::Either(kinds) => {
                let kinds: Vec<_> = kinds.iter().map(Self::expected).collect();
                kinds.join(" or ")
            }
            Self::Anything => "any value".to_owned(),
        }
    }
}

impl Keys {
    /// The key of that name, matched without ASCII case.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys
            .iter()
            .find(|key| key.name.eq_ignore_ascii_case(name))
    }

    /// The known name nearest to `name`, if any is near.
    pub(crate) fn nearest(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.keys.iter().map(|key| key.name))
    }
}

/// The nearest of `names` to what was written: a typing slip away, or a part of it.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Jaro-Winkler similarity; below it a suggestion misleads more often than it helps.
    const NEAR: f64 = 0.84;
    // A name of a kilobyte is no slip; the measure is quadratic.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    names
        .map(|name| {
            let known = name.to_ascii_lowercase();
            (strsim::jaro_winkler(&written, &known), name)
        })
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}
