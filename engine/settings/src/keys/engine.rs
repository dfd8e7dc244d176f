//! Keys of the engine. It reads its file once, so all of them wait for a restart.

use crate::table::{Key, Keys, Kind, Owner};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) static WORKFLOW_API: Keys = Keys {
    owner: Owner::Theirs,
    keys: &[
        Key::new(
            "BlockUserApi",
            Kind::Bool,
            Some("false"),
            "Switches off the operations on users.",
        )
        .theirs()
        .restart()
        .both(),
        Key::new(
            "StrictHttpStatus",
            Kind::Bool,
            Some("false"),
            "Failures of operations get a 4xx or 5xx status instead of 200.",
        )
        .restart()
        .both(),
    ],
};

pub(super) static ENGINE: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Url",
            Kind::Text,
            Some("http://127.0.0.1:8078"),
            "Where the engine listens on its own: loopback, or `unix:/path`.",
        )
        .public()
        .restart()
        .engine(),
        Key::new(
            "Admin",
            Kind::Object(&ADMIN),
            None,
            "Probes and metrics of the engine.",
        )
        .engine(),
        Key::new(
            "Schemes",
            Kind::Text,
            Some("schemes"),
            "Folder of the schemes. A change of the files in it is live.",
        )
        .public()
        .restart()
        .engine(),
        Key::new(
            "Store",
            Kind::Text,
            Some("memory"),
            "Where instances are kept; only `\"memory\"` in this version.",
        )
        .restart()
        .engine(),
        Key::new(
            "Limits",
            Kind::Object(&LIMITS),
            None,
            "Every bound of the engine.",
        )
        .engine(),
        Key::new(
            "AllowedHosts",
            Kind::Anything,
            None,
            "Hosts that actions may call.",
        )
        .later()
        .engine(),
        Key::new("Callbacks", Kind::Anything, None, "Callback servers.")
            .later()
            .engine(),
    ],
};

static ADMIN: Keys = Keys {
    owner: Owner::Ours,
    keys: &[Key::new(
        "Url",
        Kind::Text,
        Some("http://127.0.0.1:8080"),
        "Where the engine's probes and metrics are.",
    )
    .public()
    .restart()
    .engine()],
};

static LIMITS: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Instances",
            Kind::Integer {
                min: 1,
                max: 1_000_000_000,
            },
            Some("1000000"),
            "Instances in all.",
        )
        .restart()
        .engine(),
        Key::new(
            "History",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
            },
            Some("10000"),
            "Entries of one instance's history.",
        )
        .restart()
        .engine(),
        Key::new(
            "ParameterBytes",
            Kind::Size { min: KIB, max: GIB },
            Some("1MiB"),
            "Bytes of one instance's parameters.",
        )
        .restart()
        .engine(),
        Key::new(
            "AutoHops",
            Kind::Integer {
                min: 1,
                max: 1_000_000,
            },
            Some("10000"),
            "Automatic transitions in a row before a scheme counts as endless.",
        )
        .restart()
        .engine(),
        Key::new(
            "Waiting",
            Kind::Integer {
                min: 1,
                max: 100_000,
            },
            Some("64"),
            "Writers that wait for one instance.",
        )
        .restart()
        .engine(),
        Key::new(
            "Body",
            Kind::Size { min: KIB, max: GIB },
            Some("16MiB"),
            "Bytes of a request body.",
        )
        .restart()
        .engine(),
        Key::new(
            "SchemeBytes",
            Kind::Size {
                min: KIB,
                max: 256 * MIB,
            },
            Some("4MiB"),
            "Bytes of one scheme file.",
        )
        .restart()
        .engine(),
        Key::new(
            "Memory",
            Kind::Anything,
            None,
            "Bytes of memory before load is shed.",
        )
        .later()
        .engine(),
    ],
};
