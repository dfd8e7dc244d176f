//! `ClientCertificates`: whether clients are asked for one, and who vouches for them.
//!
//! In: the object, the clients that are registered. Out: [`ClientCertificates`], or faults.
//! Elsewhere: the handshake and the judgement of a chain (`listener`).

use std::path::PathBuf;
use std::sync::Arc;

use settings::{Fault, Mark, Object, Reading};

use super::AuthMethod;
use super::draft::Draft;
use super::source::chain;
use crate::listener::Authorities;

/// What the listener makes of clients' certificates.
#[derive(Clone, Debug, Default)]
pub struct ClientCertificates {
    /// Clients are asked for one; none is required.
    pub asked: bool,
    /// Who vouches for clients; without any, a certificate counts only where that very key is
    /// registered.
    pub authorities: Option<Arc<Authorities>>,
}

/// When to ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// When there is a use for it.
    Auto,
    Always,
    Never,
}

/// As it stands in the file.
pub(super) struct ClientCertificatesDraft {
    ask: Ask,
    ask_mark: Mark,
    authorities: Option<(PathBuf, Mark)>,
    revocation_lists: Option<(PathBuf, Mark)>,
}

impl ClientCertificatesDraft {
    /// `root` is the whole file.
    pub(super) fn read(root: &Object<'_>, reading: &mut Reading) -> Self {
        let object = root.object(reading, "ClientCertificates");
        let ask = match object.choice(reading, "Ask").map(|ask| ask.value) {
            Some("always") => Ask::Always,
            Some("never") => Ask::Never,
            Some(_) | None => Ask::Auto,
        };
        let mut file = |name: &str| {
            let text = object.text(reading, name)?;
            Some((reading.absolute(&text.value), text.mark))
        };
        let authorities = file("Authorities");
        let revocation_lists = file("RevocationLists");
        if let (None, Some((_, mark))) = (&authorities, &revocation_lists)
            && object.key_mark("Authorities").is_none()
        {
            let message = "this needs `ClientCertificates.Authorities` beside it";
            reading
                .faults
                .push(Fault::error(*mark, message).label("whose lists are these?"));
        }
        Self {
            revocation_lists,
            ask,
            ask_mark: object.value_mark("Ask").unwrap_or(object.mark()),
            authorities,
        }
    }

    /// Loads the authorities, and decides whether to ask.
    pub(super) fn load(&self, draft: &Draft, reading: &mut Reading) -> ClientCertificates {
        let authorities = self.load_authorities(reading).map(Arc::new);
        let used = self.authorities.is_some()
            || draft.token_server.iter().any(|server| {
                let mut clients = server.registered.clients.iter();
                clients.any(|client| client.uses_certificate())
            });
        let unvouched = self.authorities.is_none()
            && draft.token_server.iter().any(|server| {
                let mut clients = server.registered.clients.iter();
                clients.any(|client| client.offers(AuthMethod::Tls))
            });
        if unvouched {
            let message = "clients have a `TlsSubject`, and no authority vouches for names";
            reading.faults.push(
                Fault::warning(self.ask_mark, message)
                    .label("nobody can authenticate by one")
                    .help("name the authority's file in `ClientCertificates.Authorities`"),
            );
        }
        let tls = draft.listen.iter().any(|url| url.tls);
        if used && self.ask == Ask::Never {
            let message = "clients need their certificates, and are not asked for them";
            reading.faults.push(
                Fault::warning(self.ask_mark, message)
                    .label("nobody is asked")
                    .help("leave `Ask` out: then they are asked when there is a use for it"),
            );
        } else if (used || self.ask == Ask::Always) && !tls {
            let message = "clients send a certificate over TLS only";
            reading.faults.push(
                Fault::warning(draft.listen_mark, message)
                    .label("no listener has TLS")
                    .help("listen on `https://`, or leave `ClientCertificates` out"),
            );
        }
        ClientCertificates {
            asked: match self.ask {
                Ask::Auto => used,
                Ask::Always => true,
                Ask::Never => false,
            },
            authorities,
        }
    }
    fn load_authorities(&self, reading: &mut Reading) -> Option<Authorities> {
        let (path, mark) = self.authorities.as_ref()?;
        reading.watch(path);
        let lists = self.revocation_lists.as_ref();
        if let Some((lists, _)) = lists {
            reading.watch(lists);
        }
        let error = match Authorities::load(path, lists.map(|(lists, _)| &**lists)) {
            Ok(authorities) => return Some(authorities),
            Err(error) => error,
        };
        let (name, mark) = match lists {
            Some((lists, mark)) if error.path() == lists => ("RevocationLists", mark),
            Some(_) | None => ("Authorities", mark),
        };
        let message = format!("`ClientCertificates.{name}`: {}", chain(&error));
        let fault = Fault::error(*mark, message).label("this file is of no use");
        reading.faults.push(fault);
        None
    }
}
