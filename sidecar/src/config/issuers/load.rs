//! Reads an issuer's files, and takes over the keys that are held already.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use settings::{Fault, Mark, Reading};

use super::{IssuerDraft, Issuers, KeysDraft, TrustedIssuer};
use crate::bearer::{IssuerKeys, KeyStore, Plan};
use crate::config::Snapshot;
use crate::config::source::chain;
use crate::fetch::Client;
use crate::keys::{Algorithm, DOCUMENT_BYTES_MAX, PublicKeys};

/// Reads what the issuers name, has it watched, and makes their stores: the one in force where
/// nothing of it changes. `folder` keeps what was fetched; without it nothing is kept.
pub(in crate::config) fn load(
    drafts: &[IssuerDraft],
    previous: Option<&Snapshot>,
    folder: Option<&Path>,
    reading: &mut Reading,
) -> Issuers {
    let mut issuers = Vec::with_capacity(drafts.len());
    for IssuerDraft {
        settings,
        keys,
        mark,
    } in drafts
    {
        let keys = match keys {
            KeysDraft::File { path, mark } => {
                file(path, *mark, &settings.algorithms, reading).map(IssuerKeys::File)
            }
            KeysDraft::Fetched {
                way,
                from,
                authorities,
            } => {
                let authorities = match authorities {
                    Some((path, mark)) => certificates(path, *mark, reading),
                    None => Some(Vec::new()),
                };
                authorities.and_then(|authorities| {
                    let plan = Plan {
                        issuer: Arc::clone(&settings.issuer),
                        way: way.as_ref().clone(),
                        from: from.clone(),
                        authorities,
                        algorithms: settings.algorithms.clone(),
                    };
                    store(plan, previous, folder, *mark, reading)
                })
            }
        };
        if let Some(keys) = keys {
            let settings = Arc::clone(settings);
            issuers.push(TrustedIssuer { settings, keys });
        }
    }
    Issuers::of(issuers)
}

fn store(
    plan: Plan,
    previous: Option<&Snapshot>,
    folder: Option<&Path>,
    mark: Option<Mark>,
    reading: &mut Reading,
) -> Option<IssuerKeys> {
    let before = previous
        .and_then(|snapshot| snapshot.issuers.find(&plan.issuer))
        .and_then(|issuer| match &issuer.keys {
            IssuerKeys::Fetched(store) => Some(store),
            IssuerKeys::File(_) => None,
        });
    if let Some(store) = before.filter(|store| store.plan == plan) {
        return Some(IssuerKeys::Fetched(Arc::clone(store)));
    }
    match Client::new(&plan.authorities) {
        Ok(client) => {
            let store = KeyStore::new(plan, client, before.map(|store| &**store), folder);
            Some(IssuerKeys::Fetched(Arc::new(store)))
        }
        Err(error) => {
            let message = format!("`Authorities`: {}", chain(&error));
            fault(mark, &message, reading);
            None
        }
    }
}

fn file(
    path: &Path,
    mark: Option<Mark>,
    allowed: &[Algorithm],
    reading: &mut Reading,
) -> Option<Arc<PublicKeys>> {
    reading.watch(path);
    let shown = path.display();
    let document = match read(path) {
        Ok(document) => document,
        Err(error) => {
            fault(
                mark,
                &format!("cannot read `JwksFile` `{shown}`: {error}"),
                reading,
            );
            return None;
        }
    };
    match PublicKeys::parse(&document, allowed) {
        Ok(keys) => {
            for passed in keys.passed_over() {
                if passed.why.is_alarming() {
                    let message = format!("`JwksFile` `{shown}`: {passed}");
                    let fault = mark.map_or_else(
                        || Fault::placeless_warning(&*message),
                        |mark| Fault::warning(mark, &*message),
                    );
                    reading.faults.push(fault.label("in this file"));
                }
            }
            Some(Arc::new(keys))
        }
        Err(error) => {
            fault(mark, &format!("`JwksFile` `{shown}`: {error}"), reading);
            None
        }
    }
}

/// One byte more than may be is enough to see that it is too much.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;

    let mut document = Vec::new();
    let bound = u64::try_from(DOCUMENT_BYTES_MAX).unwrap_or(u64::MAX);
    let file = std::fs::File::open(path)?;
    file.take(bound + 1).read_to_end(&mut document)?;
    Ok(document)
}

/// Every certificate of a PEM file, at least one.
pub(in crate::config) fn certificates(
    path: &Path,
    mark: Option<Mark>,
    reading: &mut Reading,
) -> Option<Vec<CertificateDer<'static>>> {
    reading.watch(path);
    let shown = path.display();
    let read = std::fs::read(path).map_err(|error| error.to_string());
    let certificates = read.and_then(|pem| {
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        parsed.map_err(|error| error.to_string())
    });
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        Ok(_) => {
            fault(
                mark,
                &format!("`Authorities`: no certificate in `{shown}`"),
                reading,
            );
            None
        }
        Err(error) => {
            fault(mark, &format!("`Authorities` `{shown}`: {error}"), reading);
            None
        }
    }
}

fn fault(mark: Option<Mark>, message: &str, reading: &mut Reading) {
    let fault = mark.map_or_else(
        || Fault::placeless(message),
        |mark| Fault::error(mark, message),
    );
    reading.faults.push(fault.label("this file is of no use"));
}
