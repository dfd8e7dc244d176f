//! Which client asks, whatever the endpoint: one method, proved.
//!
//! In: a head, a form, the connection. Out: the client, or a refusal; what went well is counted and
//! noted. Rules: RFC 6749 §2.3, the reference §3. A client that must use one method is refused
//! after it has proved itself by another, never before: the refusal would tell that it exists.
//! Elsewhere: what was presented (`client_auth`), secrets (`memory`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use http::HeaderMap;

use super::assertion::{self, Assertion};
use super::certificate;
use super::client_auth::{Credentials, Offered, offered};
use super::federated;
use super::form::Form;
use super::memory::Attempt;
use crate::Shared;
use crate::admin::Counters;
use crate::config::{AuthMethod, Client, Clients, Snapshot, TokenServer};
use crate::listener::ClientCertificate;
use crate::refusal::{Reason, Refusal};

/// A request to an endpoint that authenticates clients.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) counters: &'a Counters,
    pub(crate) snapshot: &'a Snapshot,
    /// Of the connection.
    pub(crate) certificate: Option<&'a ClientCertificate>,
    /// The client's, as far as trusted.
    pub(crate) address: IpAddr,
    pub(crate) arrived: Instant,
    /// Seconds since the epoch.
    pub(crate) unix_time: u64,
}

impl Asking<'_> {
    /// The client that asks, and by which method. Everyone it does not hold for is refused, alike as far as can be told
    /// from outside.
    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        form: &Form<'_>,
    ) -> Result<(Arc<Client>, AuthMethod), Refusal> {
        let server = self.snapshot.token_server.as_ref();
        let server = server.ok_or(Reason::RouteUnknown)?;
        let clients = &server.clients;
        let attempt = self.attempt();
        let memory = &self.shared.secrets;
        let proved = match offered(headers, form, self.certificate.is_some())? {
            Offered::Secret(credentials) => self.by_secret(&credentials, clients).await?,
            // What nobody can guess is judged whatever was tried before in the client's name, so
            // nobody locks a good one out; what fails spends the budget all the same.
            Offered::Assertion {
                client_id,
                assertion,
            } => {
                let (id, judged) = self.by_assertion(assertion, client_id, server);
                match judged {
                    Ok(proved) => proved,
                    Err(reason) => {
                        memory.spend(&id, attempt)?;
                        return Err(reason.into());
                    }
                }
            }
            Offered::Certificate { client_id } => {
                let Some(proved) = self.by_certificate(client_id, clients) else {
                    memory.spend(client_id, attempt)?;
                    return Err(Reason::ClientCertificateWrong.into());
                };
                proved
            }
        };
        let Proved {
            client,
            method,
            secret,
        } = proved;
        if client.method.is_some_and(|only| only != method) {
            return Err(Reason::ClientMethodRefused.into());
        }
        self.counters.client_authenticated(method);
        let last_used = &self.shared.last_used;
        last_used.note(&client, method, secret, self.unix_time);
        Ok((client, method))
    }

    async fn by_secret(
        &self,
        credentials: &Credentials<'_>,
        clients: &Clients,
    ) -> Result<Proved, Refusal> {
        let memory = &self.shared.secrets;
        let found = memory.authenticate(credentials, clients, self.attempt());
        let found = found.await?;
        if found.raw {
            self.counters.basic_taken_raw();
        }
        Ok(Proved {
            client: found.client,
            method: if credentials.basic {
                AuthMethod::Basic
            } else {
                AuthMethod::Post
            },
            secret: Some(found.secret),
        })
    }

    /// Also whose budget a failure is.
    fn by_assertion(
        &self,
        assertion: &str,
        client_id: Option<&str>,
        server: &TokenServer,
    ) -> (Box<str>, Result<Proved, Reason>) {
        let assertion = match Assertion::split(assertion) {
            Ok(assertion) => assertion,
            Err(reason) => return (client_id.unwrap_or_default().into(), Err(reason)),
        };
        let id = client_id.or(assertion.subject()).unwrap_or_default();
        // Whoever speaks for himself is a client; RFC 7523 §3 knows no other way to tell.
        if assertion.issuer() != assertion.subject() {
            let judge = federated::Judge {
                clients: &server.clients,
                issuers: &self.snapshot.issuers,
                now: self.unix_time,
            };
            let judged = judge.client(&assertion, client_id).map(|client| Proved {
                client,
                method: AuthMethod::Federated,
                secret: None,
            });
            return (id.into(), judged);
        }
        let judge = assertion::Judge {
            clients: &server.clients,
            authority: &self.snapshot.authority,
            used: &self.shared.assertions,
            lifetime: server.assertion_lifetime,
            now: self.unix_time,
        };
        let judged = judge.client(&assertion, client_id).map(|client| Proved {
            client,
            method: AuthMethod::PrivateKeyJwt,
            secret: None,
        });
        (id.into(), judged)
    }

    fn by_certificate(&self, client_id: &str, clients: &Clients) -> Option<Proved> {
        let client = clients.find(client_id)?;
        let certificate = self.certificate?;
        let vouched = || certificate.is_trusted(self.snapshot, self.unix_time);
        let method = certificate::method(certificate, client, vouched, self.unix_time)?;
        Some(Proved {
            client: Arc::clone(client),
            method,
            secret: None,
        })
    }

    fn attempt(&self) -> Attempt {
        Attempt {
            address: self.address,
            budget: self.snapshot.limits.secret_failures,
            arrived: self.arrived,
            now: UNIX_EPOCH + Duration::from_secs(self.unix_time),
        }
    }
}

/// A client that has proved who it is.
struct Proved {
    client: Arc<Client>,
    method: AuthMethod,
    /// The place of the secret, when it was one.
    secret: Option<usize>,
}
