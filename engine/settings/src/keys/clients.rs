//! Keys of the token side.

use super::policy;
use crate::table::{Bare, Key, Keys, Kind, Owner};

const LIFETIME: Kind = Kind::Duration {
    min: "1s",
    max: "24h",
    bare: Bare::Seconds,
};

pub(super) static TOKEN_SERVER: Keys = Keys {
    owner: Owner::Theirs,
    keys: &[
        Key::new(
            "CertificateFile",
            Kind::Text,
            None,
            "Key that signs tokens: PEM or PKCS#12. Without it: made once and kept under \
             `DataFolder`.",
        )
        .public()
        .theirs(),
        Key::new(
            "CertificateKeyFile",
            Kind::Text,
            None,
            "PEM file of the key, when it is not in `CertificateFile`.",
        )
        .public(),
        Key::new(
            "CertificatePassword",
            Kind::Text,
            None,
            "Password of `CertificateFile` when that is PKCS#12 or holds an encrypted key.",
        )
        .theirs(),
        Key::new(
            "TokenLifetime",
            LIFETIME,
            Some("1h"),
            "How long a token is good, unless its client says otherwise.",
        ),
        Key::new(
            "KeyRotation",
            Kind::Anything,
            None,
            "When the signing key is replaced.",
        )
        .later(),
        Key::new(
            "ClientCredentials",
            Kind::List(&Kind::Object(&CLIENT)),
            None,
            "The clients that may ask for tokens.",
        )
        .theirs(),
        Key::ignored("RedirectHosts"),
        Key::ignored("RedirectUrls"),
    ],
};

static CLIENT: Keys = Keys {
    owner: Owner::Theirs,
    keys: &[
        Key::new("ClientId", Kind::Text, None, "Required; unique.")
            .public()
            .theirs(),
        Key::new(
            "ClientSecret",
            Kind::Text,
            None,
            "Required, unless `ClientSecrets` is given.",
        )
        .theirs(),
        Key::new(
            "ClientSecrets",
            Kind::List(&Kind::Object(&SECRET)),
            None,
            "Several secrets, any of which is good: to replace one without an outage.",
        ),
        Key::new(
            "Scopes",
            Kind::List(&Kind::Text),
            Some("[\"WorkflowApi\"]"),
            "Scopes that the client may ask for, and gets when it asks for none.",
        )
        .public(),
        Key::new(
            "Operations",
            Kind::List(&Kind::Text),
            Some("[\"*\"]"),
            "Operations of the Workflow API that the client may call: names, `read`, `run`, \
             `manage`, `*` (all but `manage`).",
        )
        .public(),
        Key::new(
            "Audience",
            Kind::Text,
            Some("WorkflowApi"),
            "Audience of its tokens.",
        )
        .public(),
        Key::new(
            "TokenLifetime",
            LIFETIME,
            None,
            "How long its tokens are good. Without it: as for all.",
        ),
        Key::new(
            "BoundTokens",
            Kind::Choice(&["dpop", "certificate"]),
            None,
            "What its tokens have to be bound to: the key of a DPoP proof, or its TLS certificate. \
             Without it: to the key when it sends a proof, else to the certificate when it \
             authenticates by that.",
        ),
        Key::new(
            "Introspect",
            Kind::Bool,
            Some("false"),
            "Whether the client may introspect other clients' tokens.",
        )
        .later(),
        policy::BIND_IDENTITY,
        policy::BIND_TENANT,
        Key::new(
            "Rate",
            Kind::Anything,
            None,
            "Requests that the client may make.",
        )
        .later(),
        Key::new(
            "Jwks",
            Kind::Anything,
            None,
            "Public keys of the client, for `private_key_jwt`.",
        )
        .later(),
        Key::new(
            "JwksUri",
            Kind::Anything,
            None,
            "Where the client publishes its keys.",
        )
        .later(),
        Key::new(
            "TlsSubject",
            Kind::Anything,
            None,
            "Subject of the client's TLS certificate.",
        )
        .later(),
    ],
};

static SECRET: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new("Value", Kind::Text, None, "The secret."),
        Key::new("Hash", Kind::Anything, None, "The secret as a PHC string.").later(),
        Key::new(
            "NotAfter",
            Kind::Text,
            None,
            "RFC 3339 time after which the secret is not good any more.",
        )
        .public(),
    ],
};
