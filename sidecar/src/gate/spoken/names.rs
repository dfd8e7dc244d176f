//! Which names a server may take for one of the parameters that identities and tenants stand in.
//!
//! In: a decoded name. Out: [`Named`]. The API matches names without ASCII case. A name that is
//! none of ours to the letter, but could become one in a server that trims, folds, decodes once
//! more or binds nested names, is alike: whether it means anything depends on the reader.

use percent_encoding::percent_decode_str;

/// A parameter by which the engine knows an identity or a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Identity,
    Impersonated,
    Tenant,
    /// `id` of the operations on users: users are identities.
    User,
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Exactly(Bound),
    /// Some servers would take it for this.
    Alike(Bound),
    Other,
}

impl Bound {
    const ALL: [Self; 4] = [Self::Identity, Self::Impersonated, Self::Tenant, Self::User];

    /// As documented.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identityId",
            Self::Impersonated => "impersonatedIdentityId",
            Self::Tenant => "tenantId",
            Self::User => "id",
        }
    }
}

/// Which of them matter: the mandate binds them, and the operation has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watched {
    pub(super) identity: bool,
    pub(super) tenant: bool,
    pub(super) user: bool,
}

impl Watched {
    fn watches(self, bound: Bound) -> bool {
        match bound {
            Bound::Identity | Bound::Impersonated => self.identity,
            Bound::Tenant => self.tenant,
            Bound::User => self.user,
        }
    }

    pub(super) fn read(self, name: &str) -> Named {
        let mut watched = Bound::ALL.into_iter().filter(|bound| self.watches(*bound));
        if let Some(bound) = watched
            .clone()
            .find(|bound| bound.name().eq_ignore_ascii_case(name))
        {
            return Named::Exactly(bound);
        }
        let decoded = percent_decode_str(name).decode_utf8_lossy();
        match watched.find(|bound| is_alike(name, *bound) || is_alike(&decoded, *bound)) {
            Some(bound) => Named::Alike(bound),
            None => Named::Other,
        }
    }
}

/// Whole, or as a part: `instances[0].identityId`, `identityId[]`, `$.identityId`.
fn is_alike(name: &str, bound: Bound) -> bool {
    let same = |part: &str| {
        let known = bound.name().bytes().map(|byte| byte.to_ascii_lowercase());
        let letters = part.chars().filter(|letter| letter.is_alphanumeric());
        letters.map(folded).eq(known.map(char::from))
    };
    same(name)
        || name
            .split(['[', ']', '.', '/', ':', '\0'])
            .any(|part| part.len() < name.len() && same(part))
}

/// Without case by the widest rule there is: dotless and dotted `i`, long `s`, the Kelvin sign and
/// full-width letters are the letters that they look like.
fn folded(letter: char) -> char {
    let letter = match u32::from(letter) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(letter),
        _ => letter,
    };
    let upper = letter.to_uppercase().next().unwrap_or(letter);
    upper.to_lowercase().next().unwrap_or(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_alike_or_others() {
        let all = Watched {
            identity: true,
            tenant: true,
            user: false,
        };
        for (name, want) in [
            ("identityId", Named::Exactly(Bound::Identity)),
            ("IDENTITYID", Named::Exactly(Bound::Identity)),
            (
                "impersonatedidentityid",
                Named::Exactly(Bound::Impersonated),
            ),
            ("TenantId", Named::Exactly(Bound::Tenant)),
            (" identityId", Named::Alike(Bound::Identity)),
            ("identityId\t", Named::Alike(Bound::Identity)),
            ("identityId\0", Named::Alike(Bound::Identity)),
            ("identityId\0x", Named::Alike(Bound::Identity)),
            ("\u{feff}identityId", Named::Alike(Bound::Identity)),
            ("?tenantId", Named::Alike(Bound::Tenant)),
            ("identityId[]", Named::Alike(Bound::Identity)),
            ("identityId[0]", Named::Alike(Bound::Identity)),
            ("instances[0][tenantId]", Named::Alike(Bound::Tenant)),
            ("instances[0].tenantId", Named::Alike(Bound::Tenant)),
            ("identity_id", Named::Alike(Bound::Identity)),
            ("identity-id", Named::Alike(Bound::Identity)),
            ("identity.Id", Named::Alike(Bound::Identity)),
            ("\u{131}dentityId", Named::Alike(Bound::Identity)),
            ("\u{130}dentityId", Named::Alike(Bound::Identity)),
            (
                "imper\u{17f}onatedIdentityId",
                Named::Alike(Bound::Impersonated),
            ),
            ("\u{ff49}dentityId", Named::Alike(Bound::Identity)),
            ("identity%49d", Named::Alike(Bound::Identity)),
            ("identity%5fid", Named::Alike(Bound::Identity)),
            ("identityIds", Named::Other),
            ("identity", Named::Other),
            ("myIdentityId", Named::Other),
            ("id", Named::Other),
            ("", Named::Other),
            ("100%", Named::Other),
        ] {
            assert_eq!(all.read(name), want, "{name:?}");
        }
        let users = Watched {
            identity: true,
            tenant: false,
            user: true,
        };
        assert_eq!(users.read("ID"), Named::Exactly(Bound::User));
        assert_eq!(users.read("id[]"), Named::Alike(Bound::User));
        assert_eq!(users.read("tenantId"), Named::Other);
    }
}
