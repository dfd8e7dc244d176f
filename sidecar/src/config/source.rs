//! From a file to a [`Snapshot`].
//!
//! In: the file's path, `--set` arguments, clients registered in code. Out: a snapshot or every
//! fault, what to warn of, what to watch.

use std::path::PathBuf;
use std::sync::Arc;

use settings::watch::Watched;
use settings::{Document, Fault, Faults, Input, Program, Reading};

use super::draft::{Draft, TokenServerDraft};
use super::key_files::KeyFiles;
use super::{
    CertificateSource, ClientCredential, Endpoint, Issuer, SigningSource, Snapshot, TokenServer,
    checks, clients, issuers, retain,
};
use crate::keys::KeyRing;
use crate::listener::Certificate;
use crate::policy::Hooks;

/// Where the configuration comes from; the same at start and at every reload.
#[derive(Clone, Default)]
pub struct Source {
    /// `None`: every key has its default, but for `overrides`.
    pub file: Option<PathBuf>,
    /// `Key.Path=value`, applied in this order.
    pub overrides: Vec<String>,
    /// Registered in code; they win over the file's for the same id.
    pub clients: Vec<ClientCredential>,
    /// Registered in code; they win over the file's of the same name.
    pub issuers: Vec<Issuer>,
    /// Rules in code, which every snapshot carries.
    pub hooks: Hooks,
}

impl std::fmt::Debug for Source {
    /// `overrides` may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("file", &self.file)
            .field("overrides", &self.overrides.len())
            .field("clients", &self.clients)
            .field("issuers", &self.issuers)
            .field("hooks", &self.hooks)
            .finish()
    }
}

/// What one reading gave.
pub struct Loaded {
    /// The configuration, or every fault.
    pub outcome: Result<Snapshot, Faults>,
    /// Warnings and notes, in either case.
    pub warnings: Faults,
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<&'static str>,
    /// Every file that was read, with the content that it had.
    pub watched: Vec<Watched>,
}

/// What a reading is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Keys that are not configured are made.
    Run,
    /// Nothing is written.
    Check,
}

impl Source {
    /// The file of that name and nothing else.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(path.into()),
            ..Self::default()
        }
    }

    /// Reads and validates everything, with what `previous` keeps. Reads files, and at the first
    /// time makes keys that are not configured: not for a thread that serves requests.
    pub fn load(&self, previous: Option<&Snapshot>) -> Loaded {
        let mut reading = self.read();
        let mut needs_restart = Vec::new();
        let snapshot = reading.draft.take().and_then(|mut draft| {
            let reading = &mut reading.reading;
            if let Some(previous) = previous {
                needs_restart = retain::retain(&mut draft, previous, reading);
            }
            finish(draft, previous, &self.hooks, reading)
        });
        let watched = reading.reading.watched().to_vec();
        let (errors, warnings) = reading.reading.faults.split_errors();
        let outcome = match snapshot {
            Some(snapshot) if errors.is_empty() => Ok(snapshot),
            _ => Err(errors),
        };
        Loaded {
            outcome,
            warnings,
            needs_restart,
            watched,
        }
    }

    /// Reads and validates everything without making anything.
    pub(super) fn check(&self) -> (Option<Draft>, Faults) {
        let mut found = self.read();
        let reading = &mut found.reading;
        if let Some(draft) = &found.draft {
            let certificate = draft.certificate.clone();
            load_certificate(certificate, draft, Purpose::Check, reading);
            draft.client_certificates.load(draft, reading);
            draft.deny.check(reading);
            if let Some(token_server) = &draft.token_server {
                load_keys(token_server, draft, None, Purpose::Check, reading);
            }
            issuers::load(&draft.issuers, None, None, reading);
            if let Some(credentials) = &draft.upstream_credentials {
                credentials.load(None, reading);
            }
        }
        (found.draft, found.reading.faults)
    }

    fn read(&self) -> Found {
        let (document, mut reading) = Document::read(Input {
            file: self.file.as_deref(),
            overrides: &self.overrides,
            env: Input::process_env,
        });
        let draft = document.map(|document| {
            let root = document.root();
            let draft = Draft::read(&root, &self.clients, &self.issuers, &mut reading);
            let program = match draft.upstream.endpoint {
                Endpoint::Embedded => Program::Both,
                Endpoint::Http { .. } | Endpoint::Unix { .. } => Program::Sidecar,
            };
            document.check_names(program, &mut reading);
            checks::check(&draft, &mut reading);
            draft
        });
        Found { draft, reading }
    }
}

struct Found {
    draft: Option<Draft>,
    reading: Reading,
}

/// Loads the keys; `None` after a fault.
fn finish(
    mut draft: Draft,
    previous: Option<&Snapshot>,
    hooks: &Hooks,
    reading: &mut Reading,
) -> Option<Snapshot> {
    let certificate = draft.certificate.take();
    let certificate = load_certificate(certificate, &draft, Purpose::Run, reading);
    let client_certificates = draft.client_certificates.load(&draft, reading);
    let token_server = draft.token_server.take();
    let token_server = token_server.map(|token_server| {
        let keys = load_keys(&token_server, &draft, previous, Purpose::Run, reading);
        (keys, token_server.registered, token_server.signing)
    });
    // Keys that were fetched are kept under the data folder, for a start while an issuer is down.
    let folder = draft.data_folder.as_path();
    let issuers = issuers::load(&draft.issuers, previous, Some(folder), reading);
    let credentials = draft.upstream_credentials.as_ref();
    let upstream_token = credentials.and_then(|one| one.load(previous, reading));
    if let Some((_, registered, _)) = &token_server {
        clients::connect(&registered.clients, previous, folder, reading);
    }
    let deny = draft.deny.load(previous, reading);
    if reading.faults.has_errors() {
        return None;
    }
    let token_server = match token_server {
        Some((Some(keys), registered, signing)) => Some(TokenServer {
            keys,
            rotation: signing.rotation,
            makes: match signing.source {
                SigningSource::Generated { algorithm } => Some(algorithm),
                SigningSource::Files(_) => None,
            },
            clients: registered.clients,
            assertion_lifetime: registered.assertion_lifetime,
        }),
        _ => None,
    };
    Some(Snapshot {
        generation: previous.map_or(1, |previous| previous.generation + 1),
        listen: draft.listen,
        path_base: draft.path_base,
        authority: draft.authority,
        certificate,
        client_certificates,
        dpop: draft.dpop,
        token_server,
        issuers,
        routes: draft.routes,
        policy: draft.policy,
        hooks: hooks.clone(),
        upstream: draft.upstream,
        upstream_token,
        #[cfg(feature = "embedded")]
        engine: match (draft.engine, previous) {
            (Some(engine), _) => Some(Arc::new(engine)),
            // The engine that runs stays as it is.
            (None, Some(previous)) => previous.engine.clone(),
            (None, None) => None,
        },
        block_user_api: draft.block_user_api,
        strict_http_status: draft.strict_http_status,
        limits: draft.limits,
        cors_origins: draft.cors_origins,
        detailed_refusals: draft.detailed_refusals,
        console: draft.console,
        log: draft.log,
        drain: draft.drain,
        admin_url: draft.admin_url,
        ready_requires_upstream: draft.ready_requires_upstream,
        trusted_proxies: draft.trusted_proxies,
        forward_auth: draft.forward_auth,
        deny,
        data_folder: draft.data_folder,
        workers: draft.workers.unwrap_or_else(cores_granted),
        prepared: crate::gate::Prepared::default(),
    })
}

/// What the cgroup and the affinity mask leave to this process.
fn cores_granted() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The listener's certificate, when a listener needs one. A named file that is of no use is a
/// fault also when nothing listens with TLS.
fn load_certificate(
    files: Option<KeyFiles>,
    draft: &Draft,
    purpose: Purpose,
    reading: &mut Reading,
) -> Option<Arc<Certificate>> {
    let tls = draft.listen.iter().any(|url| url.tls);
    let Some(files) = files else {
        let wanted = tls && purpose == Purpose::Run && !reading.faults.has_errors();
        if !wanted {
            return None;
        }
        let loaded = Certificate::load(&CertificateSource::Development, &draft.data_folder);
        return loaded
            .map_err(|error| {
                let message = format!("no development certificate: {}", chain(&error));
                reading.faults.push(
                    Fault::error(draft.data_folder_mark, message)
                        .label("it is kept in this folder"),
                );
            })
            .ok()
            .map(Arc::new);
    };
    files.watch(reading);
    let (mark, name) = (files.mark, files.name.clone());
    match Certificate::load(&files.certificate(), &draft.data_folder) {
        Ok(certificate) => tls.then(|| Arc::new(certificate)),
        Err(error) => {
            report(mark, &name, &error, reading);
            None
        }
    }
}

fn load_keys(
    token_server: &TokenServerDraft,
    draft: &Draft,
    previous: Option<&Snapshot>,
    purpose: Purpose,
    reading: &mut Reading,
) -> Option<Arc<KeyRing>> {
    let previous = previous
        .and_then(|previous| previous.token_server.as_ref())
        .map(|token_server| &*token_server.keys);
    let tokens = token_server.registered.longest_lifetime;
    // Identities for the upstream are verified by the same key set.
    let identities = draft.upstream.signed_identity.as_ref();
    let lifetime = identities.map_or(tokens, |one| tokens.max(one.lifetime));
    let folder = &draft.data_folder;
    let signing = &token_server.signing;
    let generated = signing.is_generated();
    if generated && (purpose == Purpose::Check || reading.faults.has_errors()) {
        return None;
    }
    signing.watch(folder, reading);
    match KeyRing::load(&signing.source, folder, previous, lifetime) {
        Ok(keys) => Some(Arc::new(keys)),
        Err(error) if generated => {
            let message = format!("no key to sign tokens with: {}", chain(&error));
            reading.faults.push(
                Fault::error(draft.data_folder_mark, message).label("it is kept in this folder"),
            );
            None
        }
        Err(error) => {
            // Of several files the error itself names the one.
            if let Some((mark, name)) = signing.files.first() {
                report(*mark, name, &error, reading);
            }
            None
        }
    }
}

/// Which file, and what was found in it.
fn report(
    mark: settings::Mark,
    name: &str,
    error: &(dyn std::error::Error + 'static),
    reading: &mut Reading,
) {
    reading.faults.push(
        Fault::error(mark, format!("`{name}`: {}", chain(error))).label("this file is of no use"),
    );
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
