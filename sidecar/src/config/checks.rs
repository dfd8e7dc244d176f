//! What values mean together: nobody could be let in, or anybody.
//!
//! In: a complete draft. Out: faults and warnings.

use settings::{Fault, Reading};

use super::draft::{Draft, TokenServerDraft};
use super::issuers::IssuerDraft;
use super::{Access, Client, Endpoint, ListenUrl, RouteSettings};

/// Checks `draft` as it stands in the file.
pub(super) fn check(draft: &Draft, reading: &mut Reading) {
    plain_http(draft, reading);
    exposure(draft, reading);
    shadow(draft, reading);
    let certificate = draft.certificate.is_some();
    let tls_beyond = |url: &ListenUrl| url.tls && !url.is_loopback();
    if !certificate && draft.listen.iter().any(tls_beyond) {
        reading.faults.push(
            Fault::warning(
                draft.listen_mark,
                "the development certificate is for localhost only",
            )
            .label("other machines will not accept it")
            .help("name a certificate in `CertificateFile`"),
        );
    }
    if let (Some(url), Some(TokenServerDraft { signing, .. })) = (
        draft.listen.iter().find(|url| !url.is_loopback()),
        &draft.token_server,
    ) && signing.is_generated()
    {
        reading.faults.push(
            Fault::warning(
                draft.listen_mark,
                "the key that signs tokens is made by this machine for itself",
            )
            .label(format!("`{}` is reached from other machines", url.url))
            .help(
                "several replicas need one key: name it in \
                 `OpenIddictServerSettings.CertificateFile`",
            ),
        );
    }
    if draft.upstream.endpoint.is_one_of(&draft.listen) {
        reading.faults.push(
            Fault::error(draft.upstream_mark, "`Upstream` is this sidecar itself")
                .label("requests would go round in circles"),
        );
    }
    own_name(draft, reading);
    outbound(draft, reading);
    vouchers(draft, reading);
    match &draft.token_server {
        // What other issuers will let in is theirs to say.
        _ if draft.issuers_faulty || draft.issuers.iter().any(lets_in) => {}
        Some(token_server) => someone_passes(token_server, &draft.routes, reading),
        None => reading.faults.push(
            Fault::error(draft.disabled_mark, "nobody could ever be let in")
                .label("the token side is off, and no other issuer is trusted")
                .help(
                    "set `DisableOpenIddictServer` to false and register a client in \
                     `OpenIddictServerSettings.ClientCredentials`, or trust another issuer in \
                     `Issuers`",
                ),
        ),
    }
}

/// Whoever vouches for a client is one of `Issuers`.
fn vouchers(draft: &Draft, reading: &mut Reading) {
    let Some(token_server) = draft
        .token_server
        .as_ref()
        .filter(|_| !draft.issuers_faulty)
    else {
        return;
    };
    let known = |name: &str| {
        let mut issuers = draft.issuers.iter();
        issuers.any(|issuer| *issuer.settings.issuer == *name)
    };
    for client in token_server.registered.clients.federated() {
        for credential in &client.means.federated {
            if !known(&credential.issuer) {
                let message = format!(
                    "client `{}` relies on the issuer `{}`, which is not one of `Issuers`",
                    client.id.escape_debug(),
                    credential.issuer.escape_debug()
                );
                reading.faults.push(
                    Fault::error(token_server.mark, message)
                        .label("of one of its clients")
                        .help("add it there, with `\"AccessTokens\": false` if it only vouches"),
                );
            }
        }
    }
}

fn lets_in(issuer: &IssuerDraft) -> bool {
    issuer.settings.access_tokens
}

/// Our own issuer is nobody else's.
fn own_name(draft: &Draft, reading: &mut Reading) {
    let bare = |issuer: &str| issuer.strip_suffix('/').unwrap_or(issuer).to_owned();
    let own = bare(&draft.authority.issuer);
    for issuer in &draft.issuers {
        if draft.token_server.is_some() && bare(&issuer.settings.issuer) == own {
            let message = "an issuer in `Issuers` is this sidecar itself";
            let fault = match issuer.mark {
                Some(mark) => Fault::error(mark, message).label("our own name"),
                None => Fault::placeless(message),
            };
            reading.faults.push(
                fault.help(
                    "its own tokens are accepted anyway; `AuthorityUrl` says what it is called",
                ),
            );
        }
    }
}

/// What the upstream is shown: one token, and nothing that is taken for another thing.
fn outbound(draft: &Draft, reading: &mut Reading) {
    let upstream = &draft.upstream;
    if let Some(credentials) = &draft.upstream_credentials {
        let fault = |what: &str| Fault::error(credentials.mark, what.to_owned());
        if upstream.forward_token {
            let what = "`Upstream.Credentials` and `Upstream.ForwardToken` want the same header";
            let label = "the sidecar's token, or the client's";
            reading.faults.push(fault(what).label(label));
        }
        match &upstream.endpoint {
            Endpoint::Embedded => {
                let what = "the embedded engine asks for no token";
                reading.faults.push(fault(what).label("for nobody"));
            }
            Endpoint::Http { authority } if !is_loopback(authority) => reading.faults.push(
                Fault::warning(
                    draft.upstream_mark,
                    "the sidecar's token goes to the upstream in clear",
                )
                .label("not on loopback, and not encrypted"),
            ),
            Endpoint::Http { .. } | Endpoint::Unix { .. } => {}
        }
    }
    let Some(identity) = &upstream.signed_identity else {
        return;
    };
    let Some(token_server) = &draft.token_server else {
        reading.faults.push(
            Fault::error(
                draft.upstream_mark,
                "`Upstream.SignedIdentity` needs the token side, whose key signs it",
            )
            .label("the token side is off")
            .help("set `DisableOpenIddictServer` to false; the upstream verifies by our key set"),
        );
        return;
    };
    let mut clients = token_server.registered.clients.iter();
    if clients.any(|client| *client.audience == *identity.audience) {
        reading.faults.push(
            Fault::error(
                draft.upstream_mark,
                "`Upstream.SignedIdentity.Audience` is an audience of access tokens",
            )
            .label("one could be taken for the other")
            .help("a name of its own for the upstream, such as `engine`"),
        );
    }
}

fn is_loopback(authority: &http::uri::Authority) -> bool {
    let host = authority.host().trim_matches(['[', ']']);
    let address = host.parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(settings::url::is_loopback)
}

/// The sample secret must not meet a listener that other machines reach.
fn exposure(draft: &Draft, reading: &mut Reading) {
    const MESSAGE: &str = "this secret is the sample that everyone knows";
    let beyond = draft.listen.iter().find(|url| !url.is_loopback());
    let (Some(token_server), Some(beyond)) = (&draft.token_server, beyond) else {
        return;
    };
    for place in &token_server.registered.sample_secrets {
        let fault = match place {
            Some(mark) => Fault::error(*mark, MESSAGE).label("not beyond loopback"),
            None => Fault::placeless(format!("{MESSAGE}: a client registered in code has it")),
        };
        reading.faults.push(fault.help(format!(
            "`{}` is reached from other machines; make a secret of your own",
            beyond.url
        )));
    }
}

/// What is only reported is a way in.
fn shadow(draft: &Draft, reading: &mut Reading) {
    let beyond = draft.listen.iter().find(|url| !url.is_loopback());
    let (Some(beyond), Some(route)) = (beyond, draft.routes.iter().find(|route| route.shadow))
    else {
        return;
    };
    let message = format!(
        "what policy refuses on the route `{}` passes: it is in shadow mode",
        route.pattern.as_str()
    );
    reading.faults.push(
        Fault::warning(draft.policy_mark, message)
            .label(format!("`{}` is reached from other machines", beyond.url))
            .help("take `Shadow` out once `sidecar_would_refuse_total` stays at rest"),
    );
}

fn plain_http(draft: &Draft, reading: &mut Reading) {
    let plain = draft
        .listen
        .iter()
        .find(|url| !url.tls && !url.is_loopback());
    if let (Some(url), false) = (plain, draft.allow_plain_http) {
        reading.faults.push(
            Fault::error(
                draft.listen_mark,
                "plain `http://` beyond loopback sends secrets and tokens in clear",
            )
            .label(format!("`{}` is reached from other machines", url.url))
            .help("use `https://`, or say `\"AllowPlainHttp\": true`"),
        );
    }
}

/// Some client must be able to get a token and pass some route with it.
fn someone_passes(
    token_server: &TokenServerDraft,
    routes: &[RouteSettings],
    reading: &mut Reading,
) {
    let clients: Vec<_> = token_server.registered.clients.iter().collect();
    if reading.faults.has_errors() {
        // A client that is faulty is reported; what it would be let do is not known.
        return;
    }
    if clients.is_empty() {
        reading.faults.push(
            Fault::error(token_server.mark, "nobody could ever be let in")
                .label("no client is registered")
                .help("register one in `OpenIddictServerSettings.ClientCredentials`"),
        );
        return;
    }
    let guarded: Vec<_> = routes
        .iter()
        .filter(|route| route.access != Access::Public)
        .collect();
    let open = |route: &&RouteSettings| clients.iter().any(|client| passes(client, route));
    let closed: Vec<_> = guarded.iter().filter(|route| !open(route)).collect();
    if routes.is_empty() {
        reading.faults.push(
            Fault::error(token_server.mark, "nothing could ever be reached")
                .label("`Routes` is empty")
                .help("leave `Routes` out for the Workflow API"),
        );
    } else if closed.len() == routes.len() {
        reading.faults.push(
            Fault::error(token_server.mark, "nobody could ever be let in")
                .label("no client has the scopes and operations of any route")
                .help("the Workflow API needs the scope `WorkflowApi` and some operation"),
        );
    } else {
        for route in closed {
            let message = format!("no client passes the route `{}`", route.pattern.as_str());
            reading.faults.push(
                Fault::warning(token_server.mark, message)
                    .label("no client has its scopes and operations"),
            );
        }
    }
}

fn passes(client: &Client, route: &RouteSettings) -> bool {
    let scopes = match &route.access {
        Access::Public => return true,
        Access::Scopes(needed) => needed.iter().all(|scope| client.scopes.contains(scope)),
        Access::AnyScope(any) => any.iter().any(|scope| client.scopes.contains(scope)),
    };
    client.client_credentials && scopes && !(route.workflow_api && client.operations.is_empty())
}
