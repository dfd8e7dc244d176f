//! Keys of what binds tokens to their clients: TLS certificates and `DPoP` proofs.

use crate::table::{Bare, Key, Keys, Kind, Owner};

pub(super) static CLIENT_CERTIFICATES: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Ask",
            Kind::Choice(&["auto", "always", "never"]),
            Some("auto"),
            "Whether TLS listeners ask clients for a certificate; none is ever required. `auto`: \
             when `Authorities` is given or a registered client uses one, so that browsers are \
             not asked for nothing.",
        ),
        Key::new(
            "Authorities",
            Kind::Text,
            None,
            "PEM file of the authorities that vouch for clients. Other certificates, self-signed \
             ones too, count only where that very key is registered.",
        )
        .public(),
        Key::new(
            "RevocationLists",
            Kind::Text,
            None,
            "PEM file of the revocation lists of `Authorities`, one for each authority that issued \
             a certificate of a chain. A certificate on no list that is still in its time is not \
             vouched for.",
        )
        .public(),
    ],
};

pub(super) static DPOP: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Required",
            Kind::Bool,
            Some("false"),
            "Every token has to be bound to a key: tokens are issued to proofs only, and bearer \
             tokens are refused.",
        ),
        Key::new(
            "Nonce",
            Kind::Choice(&["never", "token", "always"]),
            Some("never"),
            "Where a proof needs a nonce that the sidecar gave: nowhere, at the token endpoint, or \
             on forwarded routes as well.",
        ),
        Key::new(
            "NonceLifetime",
            Kind::Duration {
                min: "2s",
                max: "1h",
                bare: Bare::Seconds,
            },
            Some("5m"),
            "How long a nonce is good at most; a new one is handed out at half of it.",
        ),
        Key::new(
            "NonceKey",
            Kind::Text,
            None,
            "Secret of at least 32 bytes from which nonces are made, the same for all replicas. \
             Without it: each makes its own at its start, and takes no other's nonces.",
        ),
        Key::new(
            "ProofLifetime",
            Kind::Duration {
                min: "1s",
                max: "5m",
                bare: Bare::Seconds,
            },
            Some("60s"),
            "How far from now, in either direction, a proof may have been made.",
        ),
        Key::new(
            "Algorithms",
            Kind::List(&Kind::Text),
            Some("[\"ES256\", \"ES384\", \"EdDSA\", \"PS256\", \"RS256\"]"),
            "What proofs may be signed with.",
        )
        .public(),
        Key::new(
            "Origins",
            Kind::List(&Kind::Text),
            None,
            "Origins under which clients reach the sidecar besides that of `AuthorityUrl`, such as \
             `https://sidecar.namespace.svc:8077`: a proof names the URL that its client calls.",
        )
        .public(),
    ],
};
