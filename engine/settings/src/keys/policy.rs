//! Keys of policy: for whom callers may speak, and what is only reported.

use crate::table::{Key, Keys, Kind, Owner};

const ABSENT: Key = Key::new(
    "Absent",
    Kind::Choice(&["refuse", "allow", "fill"]),
    Some("refuse"),
    "What becomes of a request that names none where it could: refused; let through, for nobody; \
     or the one value is set in the query.",
);
const CLAIM: Key = Key::new(
    "Claim",
    Kind::Text,
    None,
    "Claim of the token whose value, or values, may be named: a path as in `ClaimMappings`.",
)
.public();
const VALUES: Key = Key::new(
    "Values",
    Kind::List(&Kind::Text),
    None,
    "Values that may be named; a `*` at the end stands for any ending.",
)
.public();

static IDENTITY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        VALUES,
        CLAIM,
        ABSENT,
        Key::new(
            "Impersonate",
            Kind::List(&Kind::Text),
            None,
            "Values that `impersonatedIdentityId` may have. Without it: the same ones.",
        )
        .public(),
    ],
};

static TENANT: Keys = Keys {
    owner: Owner::Ours,
    keys: &[VALUES, CLAIM, ABSENT],
};

static IDENTITY_FORMS: [Kind; 2] = [Kind::List(&Kind::Text), Kind::Object(&IDENTITY)];
static TENANT_FORMS: [Kind; 2] = [Kind::List(&Kind::Text), Kind::Object(&TENANT)];

/// `BindIdentity`, wherever it may stand.
pub(super) const BIND_IDENTITY: Key = Key::new(
    "BindIdentity",
    Kind::Either(&IDENTITY_FORMS),
    None,
    "Identities that may be spoken for in calls of the Workflow API: a list, or an object. \
     Without it: any.",
)
.public();

/// `BindTenant`, wherever it may stand.
pub(super) const BIND_TENANT: Key = Key::new(
    "BindTenant",
    Kind::Either(&TENANT_FORMS),
    None,
    "Tenants that may be spoken for in calls of the Workflow API: a list, or an object. Without \
     it: any.",
)
.public();

pub(super) static POLICY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Shadow",
            Kind::Bool,
            Some("false"),
            "What scopes, operations, bindings and rules in code refuse is only counted and \
             logged, and passes.",
        ),
        Key::new(
            "Subjects",
            Kind::List(&Kind::Object(&SUBJECT)),
            None,
            "For whom single subjects may speak; counts instead of what is said of their client or \
             issuer.",
        ),
    ],
};

static SUBJECT: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Issuer",
            Kind::Text,
            None,
            "Required; the issuer of its tokens.",
        )
        .public(),
        Key::new(
            "Subject",
            Kind::Text,
            None,
            "Required; `sub` of its tokens.",
        )
        .public(),
        BIND_IDENTITY,
        BIND_TENANT,
    ],
};
