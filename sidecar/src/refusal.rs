//! A refusal is a value; one place turns it into a response.

/// Why a request was not forwarded. `code` goes to log and metric; the client gets the status,
/// the API's short error name and, with `DetailedRefusals`, the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    UpstreamUnavailable,
    UpstreamTimeout,
    UpstreamBroken,
    Panic,
}

/// A refusal on its way to the client.
#[derive(Debug)]
pub struct Refusal {
    pub reason: Reason,
    /// For the log; never a secret, a token or a part of one.
    pub detail: Option<Box<str>>,
}

impl Reason {
    pub(crate) const ALL: &'static [Self] = &[
        Self::UpstreamUnavailable,
        Self::UpstreamTimeout,
        Self::UpstreamBroken,
        Self::Panic,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamBroken => "upstream_broken",
            Self::Panic => "panic",
        }
    }
}
