//! Keys of what the sidecar shows the upstream: a token of its own, a signed identity.

use crate::table::{Bare, Key, Keys, Kind, Owner};

pub(super) static CREDENTIALS: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "TokenUrl",
            Kind::Text,
            None,
            "Required. Token endpoint: `https://…`, or `http://` on loopback.",
        )
        .public(),
        Key::new("ClientId", Kind::Text, None, "Required. The sidecar's own."),
        Key::new("ClientSecret", Kind::Text, None, "Required."),
        Key::new(
            "Scope",
            Kind::Text,
            None,
            "What is asked for, with spaces between. Without it: what the server gives.",
        )
        .public(),
        Key::new(
            "Audience",
            Kind::Text,
            None,
            "Sent as `audience`, which some servers want.",
        )
        .public(),
        Key::new(
            "Resource",
            Kind::Text,
            None,
            "Sent as `resource`: the URI of what the token is for (RFC 8707).",
        )
        .public(),
        Key::new(
            "Method",
            Kind::Choice(&["basic", "post"]),
            Some("basic"),
            "Where the secret goes: the `Authorization` header, or the form.",
        ),
        Key::new(
            "FetchFrom",
            Kind::Text,
            None,
            "Where to connect instead of the host that the URL names: `host`, `host:port` or \
             `http://127.0.0.1:port`.",
        )
        .public(),
        Key::new(
            "Authorities",
            Kind::Text,
            None,
            "PEM file of certificate authorities that vouch for it, besides the system's.",
        )
        .public(),
    ],
};

pub(super) static SIGNED_IDENTITY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Audience",
            Kind::Text,
            None,
            "Required. `aud` of the identity: the upstream's name for itself, and no audience of \
             access tokens.",
        )
        .public(),
        Key::new(
            "Lifetime",
            Kind::Duration {
                min: "5s",
                max: "5m",
                bare: Bare::Seconds,
            },
            Some("60s"),
            "How long one is good. It is made anew at four fifths of that.",
        ),
        Key::new(
            "BareHeaders",
            Kind::Bool,
            Some("true"),
            "Sends `X-Workflow-Client`, `-Subject` and `-Scopes` as well.",
        ),
    ],
};
