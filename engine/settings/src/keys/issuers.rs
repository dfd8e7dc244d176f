//! Keys of the issuers that are trusted besides our own.

use super::policy;
use crate::table::{Bare, Key, Keys, Kind, Owner};

/// A path, or several.
const PATHS: Kind = Kind::Either(&[Kind::Text, Kind::List(&Kind::Text)]);

pub(super) static ISSUER: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "Issuer",
            Kind::Text,
            None,
            "Required; unique. `iss` of its tokens, compared character by character.",
        )
        .public(),
        Key::new(
            "Audience",
            PATHS,
            None,
            "Required, unless `AccessTokens` is false. A token must be for it, or for one of them.",
        )
        .public(),
        Key::new(
            "AccessTokens",
            Kind::Bool,
            Some("true"),
            "Whether its tokens are let in. With false they only vouch for clients, by \
             `FederatedCredentials`.",
        ),
        Key::new(
            "JwksUri",
            Kind::Text,
            None,
            "Where its keys are fetched: `https://…`, or `http://` on loopback. Without it and \
             without `JwksFile`: by discovery, from `Issuer`.",
        )
        .public(),
        Key::new(
            "JwksFile",
            Kind::Text,
            None,
            "File of its keys, watched; nothing is fetched then.",
        )
        .public(),
        Key::new(
            "FetchFrom",
            Kind::Text,
            None,
            "Where to connect instead of the host that the URL names: `host`, `host:port` or \
             `http://127.0.0.1:port`. Host header and certificate stay those of the URL.",
        )
        .public(),
        Key::new(
            "Authorities",
            Kind::Text,
            None,
            "PEM file of certificate authorities that vouch for it, besides the system's.",
        )
        .public(),
        Key::new(
            "Algorithms",
            Kind::List(&Kind::Text),
            Some("[\"RS256\", \"ES256\", \"EdDSA\"]"),
            "What its tokens may be signed with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, \
             ES384, EdDSA.",
        )
        .public(),
        Key::new(
            "TokenTypes",
            Kind::List(&Kind::Text),
            Some("[\"at+jwt\"]"),
            "`typ` of its access tokens. With `JWT` also tokens without a `typ`.",
        )
        .public(),
        Key::new(
            "RequiredScopes",
            Kind::List(&Kind::Text),
            Some("[]"),
            "Scopes without which a token is refused, whatever the route asks for.",
        )
        .public(),
        Key::new(
            "RequiredClaims",
            Kind::Map(&Kind::Either(&[
                Kind::Bool,
                Kind::Integer {
                    min: 0,
                    max: u64::MAX,
                },
                Kind::Text,
                Kind::List(&Kind::Text),
            ])),
            None,
            "Claims by path, each with the value that it must have, or a list of which it must \
             have one. Of a claim that is a list, one member has to match.",
        )
        .public(),
        Key::new(
            "GrantedScopes",
            Kind::List(&Kind::Text),
            Some("[]"),
            "Scopes that each of its tokens has besides those that it names.",
        )
        .public(),
        Key::new(
            "Operations",
            Kind::List(&Kind::Text),
            Some("[\"*\"]"),
            "Operations of the Workflow API that its tokens may call: names, `read`, `run`, \
             `manage`, `*` (all but `manage`).",
        )
        .public(),
        policy::BIND_IDENTITY,
        policy::BIND_TENANT,
        Key::new(
            "ClaimMappings",
            Kind::Object(&MAPPINGS),
            None,
            "Where its tokens say who calls and what for. A path is names with dots between; \
             `\\\\.` is a dot of a name, and what has `://` is one name.",
        ),
        Key::new(
            "ClockSkew",
            Kind::Duration {
                min: "0s",
                max: "300s",
                bare: Bare::Seconds,
            },
            Some("30s"),
            "How far its clock may be from ours.",
        ),
    ],
};

static MAPPINGS: Keys = Keys {
    owner: Owner::Ours,
    keys: &[
        Key::new(
            "ClientId",
            PATHS,
            Some("[\"client_id\", \"azp\", \"appid\", \"cid\"]"),
            "The client's id: the first of these that is there.",
        )
        .public(),
        Key::new(
            "Subject",
            PATHS,
            Some("[\"sub\"]"),
            "Who it acts for: the first of these that is there, else the client.",
        )
        .public(),
        Key::new(
            "Scope",
            PATHS,
            Some("[\"scope\", \"scp\"]"),
            "Its scopes: all of these that are there, each a list or one string with spaces \
             between.",
        )
        .public(),
    ],
};
