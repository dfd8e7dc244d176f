//! The configuration in force: a file becomes a [`Snapshot`], or diagnostics.
//!
//! ```text
//! Source ─▶ read (crate settings) ─▶ draft ─▶ checks ─▶ keep what needs a restart ─▶ keys ─▶ Snapshot ─▶ Live
//! ```
//!
//! In: `config.json`, `--set` arguments, what the builder registered. Out: an immutable,
//! validated [`Snapshot`], swapped whole; or every fault at once, each with its place.
//! Rules: `docs/configuration.md`, generated from one table of keys (`settings::keys`).
//! Elsewhere: reading JSON with comments and positions (crate `settings`).

mod checks;
mod client_certificates;
mod clients;
mod deny;
mod dpop;
mod draft;
mod edge;
mod issuers;
mod key_files;
mod live;
mod mandate;
mod policy;
mod proxies;
mod report;
mod retain;
mod routes;
mod signing;
mod snapshot;
mod source;
mod upstream;
mod urls;
mod watch;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub(crate) use issuers::Way;

#[cfg(test)]
mod tests;

pub use client_certificates::ClientCertificates;
pub(crate) use clients::OwnCertificate;
#[cfg(test)]
pub(crate) use clients::TlsSubject;
pub use clients::{AuthMethod, BoundTokens, Client, ClientCredential, Clients, Means};
pub use deny::Deny;
pub use dpop::{Dpop, NonceDemand};
pub use edge::{AccessLog, CorsOrigins, Drain, Limits, LogFormat, LogSettings};
pub use issuers::{
    ClaimMappings, ClaimPath, Issuer, IssuerSettings, Issuers, PathFault, RequiredClaim,
    RequiredValue, TrustedIssuer,
};
pub use key_files::{CertificateSource, SigningFile, SigningSource};
pub use live::{Live, ReloadStatus};
pub use policy::PolicySettings;
pub use proxies::{ForwardAuth, TrustedProxies};
pub use report::{Report, check};
pub use routes::{Access, PathPattern, RouteSettings};
pub(crate) use routes::{End, Segment};
pub use settings::scalar::Rate;
pub use settings::{Faults, schema};
pub use snapshot::{Snapshot, TokenServer};
pub(crate) use source::chain;
pub use source::{Loaded, Source};
pub use upstream::{Endpoint, SignedIdentity, UpstreamSettings};
pub use urls::{AdminUrl, Authority, ListenUrl};
pub use watch::{ApplyError, Reloader, Trigger};
