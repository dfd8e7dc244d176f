//! Keys of what binds tokens to their clients: TLS certificates and `DPoP` proofs.

use crate::table::{Key, Keys, Kind, Owner};

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
    ],
};
