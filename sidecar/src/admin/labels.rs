//! The label values of the metrics: small closed sets, and two bounded registries for names that
//! come from the configuration.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::config::AuthMethod;

/// Distinct clients that get series of their own. A series costs about 1 KiB for each worker it
/// is used on, so this bounds the metrics to a few MiB; clients beyond it share `other`.
pub(crate) const CLIENTS_MAX: usize = 1024;

/// Distinct routes with series of their own; more than any sensible routing table.
pub(crate) const ROUTES_MAX: usize = 32;

/// A closed set of label values.
pub(crate) trait Label: Copy + 'static {
    /// Every value, in the order of [`Label::index`].
    const ALL: &'static [Self];
    /// The place in a table of counters.
    fn index(self) -> usize;
    /// As it stands in the exposition.
    fn name(self) -> &'static str;
}

/// What became of a token request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOutcome {
    /// A token was issued.
    Issued,
    /// `invalid_request`.
    InvalidRequest,
    /// `unsupported_grant_type`.
    UnsupportedGrantType,
    /// `unauthorized_client`.
    UnauthorizedClient,
    /// `invalid_client`.
    InvalidClient,
    /// `invalid_scope`.
    InvalidScope,
    /// `invalid_target`.
    InvalidTarget,
    /// 429: the failure budget is spent.
    TooManyFailures,
    /// 413.
    BodyTooLarge,
    /// 405.
    MethodNotAllowed,
    /// 5xx: no key, or a fault of ours.
    ServerError,
}

impl Label for TokenOutcome {
    const ALL: &'static [Self] = &[
        Self::Issued,
        Self::InvalidRequest,
        Self::UnsupportedGrantType,
        Self::UnauthorizedClient,
        Self::InvalidClient,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::TooManyFailures,
        Self::BodyTooLarge,
        Self::MethodNotAllowed,
        Self::ServerError,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::InvalidRequest => "invalid_request",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidClient => "invalid_client",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::TooManyFailures => "too_many_failures",
            Self::BodyTooLarge => "body_too_large",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::ServerError => "server_error",
        }
    }
}

impl Label for AuthMethod {
    const ALL: &'static [Self] = &AuthMethod::ALL;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        AuthMethod::name(self)
    }
}

/// What became of one attempt at the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamOutcome {
    /// It answered with a head.
    Answered,
    /// No connection could be had.
    Unavailable,
    /// No head within `ResponseTimeout`.
    Timeout,
    /// The connection broke, or the answer was no HTTP.
    Broken,
    /// The client left before the head came.
    Abandoned,
}

impl Label for UpstreamOutcome {
    const ALL: &'static [Self] = &[
        Self::Answered,
        Self::Unavailable,
        Self::Timeout,
        Self::Broken,
        Self::Abandoned,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Why a connection was closed by us before its client was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLimit {
    /// `Limits.Connections`.
    Connections,
    /// `Limits.ConnectionsPerAddress`.
    ConnectionsPerAddress,
    /// `Limits.Handshake`.
    Handshake,
    /// `Limits.Header`.
    Header,
    /// `Limits.Idle`.
    Idle,
    /// `Drain.Timeout`.
    Drain,
}

impl Label for ConnectionLimit {
    const ALL: &'static [Self] = &[
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::Handshake,
        Self::Header,
        Self::Idle,
        Self::Drain,
    ];

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Handshake => "handshake",
            Self::Header => "header",
            Self::Idle => "idle",
            Self::Drain => "drain",
        }
    }
}

/// A client's place in the metrics. Kept in what is made once for each token, so that a request
/// carries it at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientLabel(u16);

impl ClientLabel {
    /// A request without a principal.
    pub const NONE: Self = Self(0);
    /// A client beyond the bound of the registry.
    pub const OTHER: Self = Self(1);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A route's place in the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteLabel(u8);

impl RouteLabel {
    /// Outside every route, or beyond the bound of the registry.
    pub const OTHER: Self = Self(0);
    /// The discovery documents.
    pub const DISCOVERY: Self = Self(1);
    /// `/.well-known/jwks`.
    pub const JWKS: Self = Self(2);
    /// `/connect/token`.
    pub const TOKEN: Self = Self(3);
    /// `/connect/introspect`.
    pub const INTROSPECT: Self = Self(4);
    /// `/connect/revoke`.
    pub const REVOKE: Self = Self(5);

    const FIXED: [&'static str; 6] = [
        "other",
        "discovery",
        "jwks",
        "token",
        "introspect",
        "revoke",
    ];

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Client ids by label. Grows to [`CLIENTS_MAX`], never shrinks: counters only count up.
pub(crate) struct ClientNames {
    inner: Mutex<ClientTable>,
}

struct ClientTable {
    by_name: HashMap<Arc<str>, ClientLabel>,
    names: Vec<Arc<str>>,
}

impl ClientNames {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(ClientTable {
                by_name: HashMap::new(),
                names: vec!["".into(), "other".into()],
            }),
        }
    }

    /// The label of `client`, registered on first sight.
    pub(crate) fn label(&self, client: &Arc<str>) -> ClientLabel {
        let mut table = self.inner.lock();
        if let Some(&label) = table.by_name.get(client) {
            return label;
        }
        let next = table.names.len();
        let Ok(index) = u16::try_from(next) else {
            return ClientLabel::OTHER;
        };
        if next >= CLIENTS_MAX {
            return ClientLabel::OTHER;
        }
        table.names.push(Arc::clone(client));
        let label = ClientLabel(index);
        table.by_name.insert(Arc::clone(client), label);
        label
    }

    /// Every name, at the place of its label.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.inner.lock().names.clone()
    }
}

/// Route prefixes by label. Read without a lock: slots are filled once, in order.
pub(crate) struct RouteNames {
    slots: [OnceLock<Box<str>>; ROUTES_MAX],
}

impl RouteNames {
    pub(crate) fn new() -> Self {
        let slots = [const { OnceLock::new() }; ROUTES_MAX];
        for (slot, name) in slots.iter().zip(RouteLabel::FIXED) {
            slot.get_or_init(|| name.into());
        }
        Self { slots }
    }

    /// The label of `prefix`, registered on first sight. A handful of short comparisons.
    pub(crate) fn label(&self, prefix: &str) -> RouteLabel {
        let own = (0u8..).zip(&self.slots).skip(RouteLabel::FIXED.len());
        for (index, slot) in own {
            // Two workers may race for one slot; the loser compares and goes on to the next.
            if &**slot.get_or_init(|| prefix.into()) == prefix {
                return RouteLabel(index);
            }
        }
        RouteLabel::OTHER
    }

    /// The name of each label in use.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| slot.get().map(|name| (index, &**name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_beyond_the_bound_share_one_label() {
        let names = ClientNames::new();
        let first = names.label(&"a".into());
        assert_ne!(first, ClientLabel::NONE);
        assert_ne!(first, ClientLabel::OTHER);
        assert_eq!(names.label(&"a".into()), first);
        for n in 0..CLIENTS_MAX * 2 {
            names.label(&n.to_string().into());
        }
        assert_eq!(names.label(&"late".into()), ClientLabel::OTHER);
        assert_eq!(names.label(&"a".into()), first);
        assert_eq!(names.names().len(), CLIENTS_MAX);
    }

    #[test]
    fn routes_beyond_the_bound_share_one_label() {
        let names = RouteNames::new();
        let first = names.label("/workflowapi");
        assert_eq!(names.label("/workflowapi"), first);
        assert_ne!(names.label("/other"), first);
        for n in 0..ROUTES_MAX {
            names.label(&n.to_string());
        }
        assert_eq!(names.label("/late"), RouteLabel::OTHER);
    }

    #[test]
    fn a_label_stands_at_its_index() {
        fn check<L: Label + PartialEq + std::fmt::Debug>() {
            for (index, label) in L::ALL.iter().enumerate() {
                assert_eq!(label.index(), index, "{label:?}");
            }
        }
        check::<TokenOutcome>();
        check::<AuthMethod>();
        check::<UpstreamOutcome>();
        check::<ConnectionLimit>();
    }
}
