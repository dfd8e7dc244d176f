//! The table of every key of `config.json`, for both programs.
//!
//! A new key is one entry here: names, masking, readers, schema and documentation follow.

mod bound;
mod clients;
mod edge;
mod engine;
mod issuers;
mod outbound;
mod policy;

use crate::table::{Bare, Key, Keys, Kind, Owner};

/// The whole file. Unknown names at this level are warnings: the file is shared with another
/// product.
pub static ROOT: Keys = Keys {
    owner: Owner::Theirs,
    keys: &[
        Key::new(
            "Url",
            Kind::Text,
            Some("https://localhost:8077"),
            "Where to listen: one URL or several separated by `;`. `localhost` is 127.0.0.1 and \
             [::1], `*` every address. Plain `http://` beyond loopback needs `AllowPlainHttp`.",
        )
        .public()
        .theirs(),
        Key::new(
            "AllowPlainHttp",
            Kind::Bool,
            Some("false"),
            "Lets `Url` be plain `http://` beyond loopback. Tokens and secrets then cross the \
             network in clear.",
        ),
        Key::new(
            "PathBase",
            Kind::Text,
            None,
            "Prefix before every path, such as `/workflow`.",
        )
        .public()
        .theirs(),
        Key::new(
            "AuthorityUrl",
            Kind::Text,
            None,
            "Issuer of the tokens and public base URL, as clients see it. Without it: from `Url`.",
        )
        .public()
        .theirs(),
        Key::new(
            "CertificateFile",
            Kind::Text,
            None,
            "Certificate of the listener: PEM (chain, key) or PKCS#12. Without it: a development \
             certificate for localhost, kept under `DataFolder`.",
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
            "Certificates",
            Kind::Anything,
            None,
            "Several certificates, chosen by the name that the client asks for.",
        )
        .later(),
        Key::new(
            "ClientCertificates",
            Kind::Object(&bound::CLIENT_CERTIFICATES),
            None,
            "TLS certificates of clients.",
        ),
        Key::new(
            "Dpop",
            Kind::Object(&bound::DPOP),
            None,
            "Proofs of possession (RFC 9449), which bind tokens to keys of their clients.",
        ),
        Key::new(
            "DisableOpenIddictServer",
            Kind::Bool,
            Some("true"),
            "`true`: no token endpoint, tokens of other issuers only. The shipped file says \
             `false`.",
        )
        .theirs(),
        Key::new(
            "OpenIddictServerSettings",
            Kind::Object(&clients::TOKEN_SERVER),
            None,
            "The token side.",
        )
        .theirs(),
        Key::new(
            "Issuers",
            Kind::List(&Kind::Object(&issuers::ISSUER)),
            None,
            "Other issuers whose tokens are accepted; see `docs/issuers.md`.",
        ),
        Key::new(
            "Upstream",
            Kind::Either(&[Kind::Text, Kind::Object(&edge::UPSTREAM)]),
            Some("embedded"),
            "Where admitted requests go: `\"embedded\"`, `\"http://host:port\"`, \
             `\"unix:/path\"`, or an object.",
        )
        .public(),
        Key::new(
            "Routes",
            Kind::List(&Kind::Object(&edge::ROUTE)),
            None,
            "What is forwarded. Without it: `/workflowapi`, for the scope `WorkflowApi`.",
        ),
        Key::new(
            "Policy",
            Kind::Object(&policy::POLICY),
            None,
            "Rules that are no client's and no route's.",
        ),
        Key::new(
            "WorkflowApi",
            Kind::Object(&engine::WORKFLOW_API),
            None,
            "How the Workflow API answers.",
        )
        .theirs()
        .both(),
        Key::new(
            "Limits",
            Kind::Object(&edge::LIMITS),
            None,
            "Every bound at the edge.",
        ),
        Key::new(
            "TrustedProxies",
            Kind::List(&Kind::Text),
            None,
            "Addresses and networks (`10.0.0.0/8`) that may say for whom they forward, by \
             `Forwarded` or `X-Forwarded-For`.",
        )
        .public(),
        Key::new(
            "ForwardAuth",
            Kind::Object(&edge::FORWARD_AUTH),
            None,
            "Where it is given, listed proxies are answered at `/auth/check` whether a request that \
             they hold may pass; see `docs/forward-auth.md`.",
        ),
        Key::new(
            "DefaultCorsSettings",
            Kind::Object(&edge::CORS),
            None,
            "Browser pages of other origins that may call.",
        )
        .theirs(),
        Key::new(
            "Admin",
            Kind::Object(&edge::ADMIN),
            None,
            "The second listener: probes and metrics.",
        ),
        Key::new(
            "Ready",
            Kind::Object(&edge::READY),
            None,
            "What `/readyz` asks for.",
        ),
        Key::new(
            "Console",
            Kind::Bool,
            None,
            "The API-reference page. Without it: on when every listener is on loopback.",
        ),
        Key::new(
            "DetailedRefusals",
            Kind::Bool,
            Some("false"),
            "Tells clients the fine reason of a refusal, not only the log.",
        ),
        Key::new(
            "Log",
            Kind::Object(&edge::LOG),
            None,
            "What is logged, and how.",
        )
        .both(),
        Key::new(
            "Drain",
            Kind::Object(&edge::DRAIN),
            None,
            "How the program ends on SIGTERM.",
        )
        .both(),
        Key::new(
            "Deny",
            Kind::Object(&clients::DENY),
            None,
            "Tokens that are refused though nothing is wrong with them.",
        ),
        Key::new(
            "DataFolder",
            Kind::Text,
            Some("data"),
            "Keys and the development certificate; made with mode 0700.",
        )
        .public()
        .restart()
        .both(),
        Key::new(
            "Workers",
            Kind::Integer { min: 1, max: 1_024 },
            None,
            "Single-threaded runtimes. Without it: the cores granted.",
        )
        .restart()
        .both(),
        Key::new(
            "Engine",
            Kind::Object(&engine::ENGINE),
            None,
            "The engine, embedded or on its own.",
        )
        .engine(),
        Key::new(
            "CallBackCacheTimeout",
            Kind::Duration {
                min: "0s",
                max: "1d",
                bare: Bare::Milliseconds,
            },
            Some("300000"),
            "How long names of callback servers are remembered; a bare number is milliseconds.",
        )
        .theirs()
        .restart()
        .engine(),
        Key::new(
            "GlobalCommandTimeout",
            Kind::Duration {
                min: "0s",
                max: "1d",
                bare: Bare::Seconds,
            },
            None,
            "A command that runs longer fails. Without it, or 0: no bound.",
        )
        .theirs()
        .restart()
        .engine(),
        Key::new(
            "AssertNullOrWhitespaceTenantId",
            Kind::Bool,
            Some("false"),
            "A call without `tenantId` concerns only instances without a tenant.",
        )
        .theirs()
        .restart()
        .engine(),
        Key::ignored("Provider"),
        Key::ignored("ConnectionString"),
        Key::ignored("BackendFolder"),
        Key::ignored("MetadataFolder"),
        Key::ignored("LicensePath"),
        Key::ignored("LicenseKey"),
        Key::ignored("DefaultLoggerConfig"),
        Key::ignored("Plugins"),
        Key::ignored("PluginsFolder"),
        Key::ignored("CodeActions"),
        Key::ignored("IdentityServerSettings"),
        Key::ignored("UseHttps"),
        Key::ignored("FrontendFolder"),
        Key::ignored("Logging"),
        Key::ignored("$schema"),
    ],
};

/// The two forms in which a string may stand elsewhere.
pub(crate) static REFERENCE: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "File",
            Kind::Text,
            None,
            "The value is the content of this file, without its last line end.",
        )
        .public(),
        Key::new(
            "Env",
            Kind::Text,
            None,
            "The value is that of this environment variable.",
        )
        .public(),
    ],
};
