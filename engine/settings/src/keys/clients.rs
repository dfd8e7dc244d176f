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
            "AssertionLifetime",
            Kind::Duration {
                min: "10s",
                max: "24h",
                bare: Bare::Seconds,
            },
            Some("1h"),
            "How long a client assertion may be good for, by its `exp` and `iat`.",
        ),
        Key::new(
            "SigningKeys",
            Kind::List(&Kind::Object(&SIGNING_KEY)),
            None,
            "Keys that sign tokens, each from an instant on: replicas change from one to the next \
             together, without a reload.",
        ),
        Key::new(
            "SigningAlgorithm",
            Kind::Choice(&["RS256", "ES256", "EdDSA"]),
            Some("RS256"),
            "Of keys that are made under `DataFolder`.",
        ),
        Key::new(
            "KeyRotation",
            Kind::Duration {
                min: "1m",
                max: "3650d",
                bare: Bare::Seconds,
            },
            None,
            "How often a key under `DataFolder` is replaced; the next one is published a tenth of \
             it before. Without it: never.",
        ),
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
            "Its secret; or `ClientSecrets`, or another way to authenticate.",
        )
        .theirs(),
        Key::new(
            "ClientSecrets",
            Kind::List(&Kind::Object(&SECRET)),
            None,
            "Several secrets, any of which is good: to replace one without an outage.",
        ),
        Key::new(
            "TokenEndpointAuthMethod",
            Kind::Choice(&[
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
                "tls_client_auth",
                "self_signed_tls_client_auth",
                "federated_jwt",
            ]),
            None,
            "The one method by which the client must authenticate. Without it: any that it has \
             the means for.",
        )
        .public(),
        Key::new(
            "GrantTypes",
            Kind::List(&Kind::Text),
            Some("[\"client_credentials\"]"),
            "Empty for a client that only asks about others' tokens.",
        )
        .public(),
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
        ),
        policy::BIND_IDENTITY,
        policy::BIND_TENANT,
        Key::new(
            "Rate",
            Kind::Rate,
            None,
            "Requests that the client may make. Without it: `Limits.Requests`.",
        ),
        Key::new(
            "Jwks",
            Kind::Anything,
            None,
            "Public keys of the client, for `private_key_jwt`: a JWK Set, or `{\"File\": …}` of \
             one. Those with `x5c` also for `self_signed_tls_client_auth`.",
        ),
        Key::new(
            "JwksUri",
            Kind::Text,
            None,
            "Instead of `Jwks`: where the client publishes its keys, `https://…`, or `http://` on \
             loopback.",
        )
        .public(),
        Key::new(
            "FederatedCredentials",
            Kind::List(&Kind::Object(&FEDERATED)),
            None,
            "Tokens of other issuers that count as the client's own assertions, so that it needs no \
             secret: a Kubernetes service account's.",
        ),
        Key::new(
            "TlsSubject",
            Kind::Either(&[Kind::Text, Kind::Object(&TLS_SUBJECT)]),
            None,
            "Name in the client's TLS certificate, for `tls_client_auth`: a distinguished name, or \
             one alternative name. One of `ClientCertificates.Authorities` has to vouch for it.",
        )
        .public(),
        Key::new(
            "TlsThumbprints",
            Kind::List(&Kind::Text),
            None,
            "SHA-256 of the client's own TLS certificates, for `self_signed_tls_client_auth`.",
        )
        .public(),
    ],
};

static TLS_SUBJECT: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new("Dns", Kind::Text, None, "A host name.").public(),
        Key::new("Uri", Kind::Text, None, "A URI, such as a SPIFFE ID.").public(),
        Key::new("Email", Kind::Text, None, "A mail address.").public(),
        Key::new("Ip", Kind::Text, None, "An IP address.").public(),
    ],
};

static SIGNING_KEY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "CertificateFile",
            Kind::Text,
            None,
            "Required: PEM or PKCS#12.",
        )
        .public(),
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
            "Password of `CertificateFile` when that is PKCS#12.",
        ),
        Key::new(
            "NotBefore",
            Kind::Text,
            None,
            "RFC 3339 time from which on it signs. Without it: always.",
        )
        .public(),
    ],
};

static FEDERATED: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Issuer",
            Kind::Text,
            None,
            "Required. `iss` of the token; one of `Issuers`.",
        )
        .public(),
        Key::new(
            "Subject",
            Kind::Text,
            None,
            "Required. `sub` of the token, such as `system:serviceaccount:shop:orders`.",
        )
        .public(),
        Key::new(
            "Audience",
            Kind::Text,
            None,
            "Required. The token must be for it.",
        )
        .public(),
    ],
};

static SECRET: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new("Value", Kind::Text, None, "The secret."),
        Key::new(
            "Hash",
            Kind::Text,
            None,
            "Instead of `Value`: its PHC string, argon2id or pbkdf2, as `sidecar hash-secret` \
             prints it.",
        ),
        Key::new(
            "NotAfter",
            Kind::Text,
            None,
            "RFC 3339 time after which the secret is not good any more.",
        )
        .public(),
    ],
};

pub(super) static DENY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Entries",
            Kind::List(&Kind::Object(&DENIAL)),
            None,
            "Each refuses the tokens that have everything it names.",
        ),
        Key::new(
            "File",
            Kind::Text,
            None,
            "A JSON array of such entries, watched: what replicas share.",
        )
        .public(),
        Key::new(
            "Limit",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
            },
            Some("65536"),
            "Revoked tokens and an administrator's entries that are kept at a time, some 200 bytes \
             each. None that is in force is forgotten to make room: beyond it a revocation is \
             refused with 503, and an administrator has room for 1,000 more.",
        ),
    ],
};

static DENIAL: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new("Token", Kind::Text, None, "Id of one token (`jti`).").public(),
        Key::new("Client", Kind::Text, None, "Client that it was issued to.").public(),
        Key::new("Subject", Kind::Text, None, "Subject that it speaks of.").public(),
        Key::new(
            "Key",
            Kind::Text,
            None,
            "Id of the key that signed it (`kid`).",
        )
        .public(),
        Key::new("Issuer", Kind::Text, None, "Issuer. Without it: any.").public(),
        Key::new(
            "IssuedBefore",
            Kind::Text,
            None,
            "RFC 3339 time; tokens issued before it, and those that do not say when.",
        )
        .public(),
        Key::new(
            "Until",
            Kind::Text,
            None,
            "RFC 3339 time at which the entry itself ends.",
        )
        .public(),
    ],
};
