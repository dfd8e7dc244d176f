//! Where in a token something stands: names with dots between.
//!
//! `realm_access.roles` is `roles` in `realm_access`. `\.` is a dot of a name and `\\` a
//! backslash, so `kubernetes\.io.namespace` is `namespace` in `kubernetes.io`. What has `://` and
//! no backslash is one name, so that namespaced claims are written as they are.

/// Names from the outside in. At least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Box<str>>);

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum PathFault {
    #[error("a name in it is empty")]
    EmptyName,
    #[error("a backslash in it is before neither `.` nor another backslash")]
    Escape,
    #[error("it has more than {DEPTH_MAX} names")]
    Deep,
}

/// Names of one path; claims are seldom nested deeper than three.
const DEPTH_MAX: usize = 8;

impl ClaimPath {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathFault> {
        if text.contains("://") && !text.contains('\\') {
            return Ok(Self(vec![text.into()]));
        }
        let mut names = Vec::new();
        let mut name = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some(escaped @ ('.' | '\\')) => name.push(escaped),
                    _ => return Err(PathFault::Escape),
                },
                '.' => names.push(std::mem::take(&mut name)),
                other => name.push(other),
            }
        }
        names.push(name);
        if names.iter().any(String::is_empty) {
            return Err(PathFault::EmptyName);
        }
        if names.len() > DEPTH_MAX {
            return Err(PathFault::Deep);
        }
        Ok(Self(names.into_iter().map(Into::into).collect()))
    }

    /// From the outside in.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_names_with_dots_between() {
        for (text, want) in [
            ("scope", Ok(vec!["scope"])),
            ("realm_access.roles", Ok(vec!["realm_access", "roles"])),
            (
                r"kubernetes\.io.serviceaccount.name",
                Ok(vec!["kubernetes.io", "serviceaccount", "name"]),
            ),
            (
                "https://example.com/scopes",
                Ok(vec!["https://example.com/scopes"]),
            ),
            (
                r"https://example\.com/app.roles",
                Ok(vec!["https://example.com/app", "roles"]),
            ),
            (r"a\\b", Ok(vec![r"a\b"])),
            ("a..b", Err(PathFault::EmptyName)),
            (".a", Err(PathFault::EmptyName)),
            ("a.", Err(PathFault::EmptyName)),
            ("", Err(PathFault::EmptyName)),
            (r"a\b", Err(PathFault::Escape)),
            (r"a\", Err(PathFault::Escape)),
            ("a.b.c.d.e.f.g.h.i", Err(PathFault::Deep)),
        ] {
            let want = want.map(|names| names.into_iter().map(Into::into).collect());
            assert_eq!(ClaimPath::parse(text), want.map(ClaimPath), "{text}");
        }
    }
}
