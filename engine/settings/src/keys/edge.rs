//! Keys of the edge: upstream, routes, limits, browsers, probes, log, drain.

use crate::table::{Bare, Key, Keys, Kind, Owner};

const fn seconds(min: &'static str, max: &'static str) -> Kind {
    Kind::Duration {
        min,
        max,
        bare: Bare::Seconds,
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) static UPSTREAM: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Endpoints",
            Kind::List(&Kind::Text),
            None,
            "Exactly one for now, of the same form as the plain string.",
        )
        .public(),
        Key::new("Balance", Kind::Anything, None, "How endpoints are chosen.").later(),
        Key::new("Health", Kind::Anything, None, "How endpoints are probed.").later(),
        Key::new("Retry", Kind::Anything, None, "How much is retried.").later(),
        Key::new(
            "ConnectTimeout",
            seconds("10ms", "1m"),
            Some("2s"),
            "To a connection, TLS included.",
        ),
        Key::new(
            "ResponseTimeout",
            seconds("10ms", "1h"),
            Some("60s"),
            "To the head of the response; what streams after it is not bounded.",
        ),
        Key::new(
            "IdleTimeout",
            seconds("0s", "1h"),
            Some("15s"),
            "How long an idle connection is kept for the next request.",
        ),
        Key::new(
            "HoldFor",
            Kind::Anything,
            None,
            "How long requests wait for an engine that is down.",
        )
        .later(),
        Key::new(
            "PreserveHost",
            Kind::Bool,
            Some("false"),
            "Sends the client's `Host` instead of the upstream's.",
        ),
        Key::new(
            "ForwardToken",
            Kind::Bool,
            Some("false"),
            "Sends the bearer token on.",
        ),
        Key::new(
            "Credentials",
            Kind::Object(&super::outbound::CREDENTIALS),
            None,
            "A token that the sidecar gets for itself and sends as `Authorization`; see \
             `docs/outbound.md`.",
        ),
        Key::new(
            "SignedIdentity",
            Kind::Either(&[
                Kind::Choice(&["off"]),
                Kind::Object(&super::outbound::SIGNED_IDENTITY),
            ]),
            Some("off"),
            "Tells the upstream who calls by a short-lived JWT in `X-Workflow-Identity`; see \
             `docs/outbound.md`.",
        ),
        Key::new(
            "Tls",
            Kind::Anything,
            None,
            "Trust and identity for `https://`.",
        )
        .later(),
    ],
};

pub(super) static ROUTE: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Prefix",
            Kind::Text,
            None,
            "Whole path segments, matched without case, and everything below. Required, unless \
             `Path` is given.",
        )
        .public(),
        Key::new(
            "Path",
            Kind::Text,
            None,
            "A template such as `/orders/{id}/items`: `{id}` is one segment, `{rest...}` at the \
             end one or more.",
        )
        .public(),
        Key::new(
            "Methods",
            Kind::List(&Kind::Text),
            None,
            "Methods that pass. Without it: all.",
        )
        .public(),
        Key::new(
            "Upstream",
            Kind::Anything,
            None,
            "Another upstream for this route.",
        )
        .later(),
        Key::new(
            "Scopes",
            Kind::Either(&[Kind::Choice(&["Public", "Token"]), Kind::List(&Kind::Text)]),
            Some("[\"WorkflowApi\"]"),
            "Scopes that a token needs, all of them; `\"Token\"`: any token; `\"Public\"`: none.",
        )
        .public(),
        Key::new(
            "AnyScope",
            Kind::List(&Kind::Text),
            None,
            "Scopes of which a token needs one; instead of `Scopes`.",
        )
        .public(),
        Key::new(
            "Operations",
            Kind::List(&Kind::Text),
            None,
            "Of the Workflow API: the operations that this route is for, as in a client's \
             `Operations`. Without it: all that no other route names.",
        )
        .public(),
        Key::new(
            "Shadow",
            Kind::Bool,
            None,
            "What policy refuses here is only counted and logged. Without it: as `Policy.Shadow`.",
        ),
        Key::new(
            "Rate",
            Kind::Rate,
            None,
            "Requests that each client may make on this route, beside its own rate. On a public \
             route: each address.",
        ),
        Key::new(
            "WebSocket",
            Kind::Bool,
            Some("false"),
            "Lets requests upgrade to a WebSocket.",
        )
        .later(),
    ],
};

pub(super) static FORWARD_AUTH: Keys = Keys {
    owner: Owner::Ours,
    keys: &[Key::new(
        "Routes",
        Kind::List(&Kind::Object(&ROUTE)),
        None,
        "What may be asked about, as in `Routes`; none of it is forwarded. Without it: `Routes`.",
    )],
};

pub(super) static LIMITS: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Handshake",
            seconds("100ms", "10m"),
            Some("10s"),
            "A TLS handshake ends within this.",
        ),
        Key::new(
            "Header",
            seconds("100ms", "10m"),
            Some("30s"),
            "A request's head is in within this.",
        ),
        Key::new(
            "FormBody",
            seconds("100ms", "1h"),
            Some("60s"),
            "A body that is read whole is in within this.",
        ),
        Key::new(
            "BodyRate",
            Kind::Flow,
            Some("1KiB/s after 60s"),
            "Least flow of a streamed request body; `0` asks for none.",
        ),
        Key::new(
            "Idle",
            seconds("100ms", "1d"),
            Some("75s"),
            "A connection without a request is closed after this.",
        ),
        Key::new(
            "HeaderBytes",
            Kind::Size {
                min: 8 * KIB,
                max: MIB,
            },
            Some("32KiB"),
            "Bytes of a request's head.",
        ),
        Key::new(
            "HeaderCount",
            Kind::Integer { min: 8, max: 1_000 },
            Some("100"),
            "Fields of a request's head.",
        ),
        Key::new(
            "Body",
            Kind::Size {
                min: 0,
                max: 1_024 * GIB,
            },
            Some("16MiB"),
            "Bytes of a request body.",
        ),
        Key::new(
            "RuleBody",
            Kind::Size {
                min: 0,
                max: 64 * MIB,
            },
            Some("1MiB"),
            "Bytes of a body that a rule has to see whole.",
        ),
        Key::new(
            "Token",
            Kind::Size {
                min: KIB,
                max: 64 * KIB,
            },
            Some("8KiB"),
            "Bytes of a bearer token.",
        ),
        Key::new(
            "Connections",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
            },
            Some("8192"),
            "Open connections.",
        ),
        Key::new(
            "ConnectionsPerAddress",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
            },
            Some("6000"),
            "Open connections of one client address.",
        ),
        Key::new(
            "Http2Streams",
            Kind::Integer {
                min: 1,
                max: 10_000,
            },
            Some("128"),
            "Concurrent requests on one HTTP/2 connection.",
        ),
        Key::new(
            "Memory",
            Kind::Anything,
            None,
            "Bytes of memory before load is shed.",
        )
        .later(),
        Key::new(
            "SecretFailures",
            Kind::Rate,
            Some("10/s burst 50"),
            "Failed client authentications, for each client and address.",
        ),
        Key::new(
            "BearerFailures",
            Kind::Rate,
            Some("500/s burst 2000"),
            "Failed bearer tokens, for each address.",
        ),
        Key::new(
            "TokenRequests",
            Kind::Rate,
            None,
            "Tokens that each client may ask for. Without it: as many as it likes.",
        ),
        Key::new(
            "Requests",
            Kind::Rate,
            None,
            "Requests that each client may make, unless it has a `Rate` of its own. Without it: \
             as many as it likes.",
        ),
    ],
};

pub(super) static CORS: Keys = Keys {
    owner: Owner::Theirs,
    keys: &[
        Key::new(
            "AllowedOrigins",
            Kind::List(&Kind::Text),
            None,
            "Origins, such as `https://app.example`, or `\"*\"`.",
        )
        .public()
        .theirs(),
        Key::ignored("AllowedHeaders"),
        Key::ignored("AllowedMethods"),
    ],
};

pub(super) static ADMIN: Keys = Keys {
    owner: Owner::Ours,
    keys: &[Key::new(
        "Url",
        Kind::Text,
        Some("http://127.0.0.1:8079"),
        "Probes and metrics, for anyone who reaches it.",
    )
    .public()
    .restart()],
};

pub(super) static READY: Keys = Keys {
    owner: Owner::Ours,
    keys: &[Key::new(
        "RequireUpstream",
        Kind::Bool,
        Some("false"),
        "`/readyz` follows the engine.",
    )],
};

pub(super) static LOG: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Format",
            Kind::Choice(&["human", "json"]),
            None,
            "Without it: `human` on a terminal, else `json`.",
        )
        .both(),
        Key::new(
            "Level",
            Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
            Some("info"),
            "What is logged at all.",
        )
        .both(),
        Key::new(
            "Access",
            Kind::Choice(&["refusals", "all", "off"]),
            Some("refusals"),
            "Which requests are logged; `refusals` includes failures.",
        ),
    ],
};

pub(super) static DRAIN: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Delay",
            seconds("0s", "10m"),
            None,
            "How long to go on accepting once `/readyz` says no. Without it: 5s, 0 when every \
             listener is on loopback.",
        ),
        Key::new(
            "Timeout",
            seconds("0s", "1h"),
            Some("25s"),
            "How long what is in flight may take to end.",
        )
        .both(),
    ],
};
