//! The methods by which a client authenticates.

/// A method of client authentication, by its name in the OAuth registry; the last is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// `client_secret_basic` (RFC 6749 §2.3.1).
    Basic,
    /// `client_secret_post` (RFC 6749 §2.3.1).
    Post,
    /// `private_key_jwt` (OIDC Core §9, RFC 7523 §2.2).
    PrivateKeyJwt,
    /// `tls_client_auth` (RFC 8705 §2.1).
    Tls,
    /// `self_signed_tls_client_auth` (RFC 8705 §2.2).
    SelfSignedTls,
    /// A trusted issuer's token as assertion (RFC 7523 §2.2). The registry has no name for it.
    Federated,
}

impl AuthMethod {
    /// Every one, at the place of its number.
    pub const ALL: [Self; 6] = [
        Self::Basic,
        Self::Post,
        Self::PrivateKeyJwt,
        Self::Tls,
        Self::SelfSignedTls,
        Self::Federated,
    ];

    /// For configuration, documents and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Tls => "tls_client_auth",
            Self::SelfSignedTls => "self_signed_tls_client_auth",
            Self::Federated => "federated_jwt",
        }
    }

    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}
