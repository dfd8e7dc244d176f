//! Why a request is refused: one table of codes, statuses, names and texts.

use http::StatusCode;

/// The API's short error names, as far as the sidecar itself answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the API's own")]
pub enum ErrorName {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    PayloadTooLarge,
    ExpectationFailed,
    RateLimited,
    HeaderTooLarge,
    InternalError,
    UpstreamUnavailable,
    UpstreamTimeout,
}

impl ErrorName {
    /// As it stands in `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::RequestTimeout => "RequestTimeout",
            Self::PayloadTooLarge => "PayloadTooLarge",
            Self::ExpectationFailed => "ExpectationFailed",
            Self::RateLimited => "RateLimited",
            Self::HeaderTooLarge => "HeaderTooLarge",
            Self::InternalError => "InternalError",
            Self::UpstreamUnavailable => "UpstreamUnavailable",
            Self::UpstreamTimeout => "UpstreamTimeout",
        }
    }
}

/// What the two protocols call it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// Nobody asked for credentials before: RFC 6750 §3.1 wants no error code.
    Unasked,
    /// Of the bearer's own header, not of the request at large.
    BearerRequest,
    InvalidToken,
    /// RFC 9449 §5 and §7.1.
    InvalidProof,
    /// RFC 9449 §8 and §9.
    UseNonce,
    InsufficientScope,
    /// No matter of credentials.
    InvalidRequest,
    UnsupportedGrantType,
    UnauthorizedClient,
    InvalidClient,
    /// The same, and what was wrong is not told: an attacker would learn which clients there are.
    InvalidAssertion,
    InvalidGrant,
    UnsupportedTokenType,
    InvalidScope,
    InvalidTarget,
    TemporarilyUnavailable,
    ServerError,
}

/// What `WWW-Authenticate` says under the API (RFC 6750 §3).
pub(super) enum Challenge {
    None,
    /// Without an error: no credentials were given.
    Plain,
    Error(&'static str),
}

macro_rules! reasons {
    ($($reason:ident $code:literal $status:literal $name:ident $protocol:ident $text:literal;)+) => {
        /// Why a request was not forwarded, or a token not issued. `code` goes to log and metric;
        /// the client gets the status, the API's short error name and, with `DetailedRefusals`,
        /// the code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the text of each says what it means")]
        pub enum Reason {
            $($reason,)+
        }

        impl Reason {
            /// Every reason, in the order of [`Reason::index`].
            pub const ALL: &'static [Self] = &[$(Self::$reason,)+];

            /// Stable, in lower case with underscores: for logs, metrics and `explain`.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$reason => $code,)+
                }
            }

            /// The status of the response.
            pub fn status(self) -> StatusCode {
                let status: u16 = match self {
                    $(Self::$reason => $status,)+
                };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The API's short error name.
            pub const fn name(self) -> ErrorName {
                match self {
                    $(Self::$reason => ErrorName::$name,)+
                }
            }

            const fn protocol(self) -> Protocol {
                match self {
                    $(Self::$reason => Protocol::$protocol,)+
                }
            }

            /// What exactly was wrong; for `DetailedRefusals` and `explain`.
            pub const fn detailed_text(self) -> &'static str {
                match self {
                    $(Self::$reason => $text,)+
                }
            }
        }
    };
}

reasons! {
    // The form of a request.
    PathEncodingMalformed "path_encoding_malformed" 400 BadRequest InvalidRequest
        "the path has a percent sign that is not followed by two hexadecimal digits";
    PathEncodingForbidden "path_encoding_forbidden" 400 BadRequest InvalidRequest
        "the path's first segment and operation take no percent-encoding";
    PathCharacterForbidden "path_character_forbidden" 400 BadRequest InvalidRequest
        "the path has a character that is not let through";
    PathSegmentForbidden "path_segment_forbidden" 400 BadRequest InvalidRequest
        "the path has an empty segment or a dot segment";
    QueryMalformed "query_malformed" 400 BadRequest InvalidRequest
        "the query has a malformed percent-encoding or a character that is not let through";
    ParameterContradiction "parameter_contradiction" 400 BadRequest InvalidRequest
        "a parameter that decides who may do what is given twice with different values";
    TargetMalformed "target_malformed" 400 BadRequest InvalidRequest
        "the request target is not a path";
    HostMissing "host_missing" 400 BadRequest InvalidRequest
        "the request names no host";
    HostSeveral "host_several" 400 BadRequest InvalidRequest
        "the request names more than one host";
    HostMalformed "host_malformed" 400 BadRequest InvalidRequest
        "the host is malformed";
    HostMismatch "host_mismatch" 400 BadRequest InvalidRequest
        "the request target and the Host header name different hosts";
    ConnectionMalformed "connection_malformed" 400 BadRequest InvalidRequest
        "the Connection header is malformed or names a header that it must not";
    TransferEncodingUnsupported "transfer_encoding_unsupported" 400 BadRequest InvalidRequest
        "the only transfer encoding served is chunked";
    UpgradeRefused "upgrade_refused" 400 BadRequest InvalidRequest
        "no upgrade is served here";
    ExpectationUnsupported "expectation_unsupported" 417 ExpectationFailed InvalidRequest
        "the only expectation served is 100-continue";
    ProxyNotTrusted "proxy_not_trusted" 403 Forbidden InvalidRequest
        "only a listed proxy may ask what the gate says";
    OriginalAmbiguous "original_ambiguous" 400 BadRequest InvalidRequest
        "the original request is not told in exactly one way";
    MethodRefused "method_refused" 405 MethodNotAllowed InvalidRequest
        "the method is not served";
    MethodNotAllowed "method_not_allowed" 405 MethodNotAllowed InvalidRequest
        "the method is not served here";
    RouteUnknown "route_unknown" 404 NotFound InvalidRequest
        "nothing is served under this path";
    HeaderTooLarge "header_too_large" 431 HeaderTooLarge InvalidRequest
        "the header is larger than allowed";
    BodyTooLarge "body_too_large" 413 PayloadTooLarge InvalidRequest
        "the body is larger than allowed";
    BodyTooSlow "body_too_slow" 408 RequestTimeout InvalidRequest
        "the body came too slowly";
    BodyBroken "body_broken" 400 BadRequest InvalidRequest
        "the body ended early or is malformed";

    // Credentials under the API.
    CredentialsMissing "credentials_missing" 401 Unauthorized Unasked
        "an access token is needed";
    SchemeUnsupported "scheme_unsupported" 401 Unauthorized Unasked
        "an access token is needed, in the scheme Bearer or DPoP";
    CredentialsSeveral "credentials_several" 400 BadRequest BearerRequest
        "more than one Authorization header was sent";
    CredentialsMalformed "credentials_malformed" 400 BadRequest BearerRequest
        "the Authorization header is malformed";
    TokenTooLong "token_too_long" 431 HeaderTooLarge InvalidRequest
        "the access token is longer than allowed";
    TokenMalformed "token_malformed" 401 Unauthorized InvalidToken
        "the access token is not a JWT";
    TokenHeaderMalformed "token_header_malformed" 401 Unauthorized InvalidToken
        "the access token's header is malformed";
    AlgorithmRefused "algorithm_refused" 401 Unauthorized InvalidToken
        "the access token is not signed with an algorithm of its key";
    TokenTypeRefused "token_type_refused" 401 Unauthorized InvalidToken
        "the token is not an access token: its type is not at+jwt";
    CriticalRefused "critical_refused" 401 Unauthorized InvalidToken
        "the access token's header demands an extension that is not understood";
    KeyUnknown "key_unknown" 401 Unauthorized InvalidToken
        "the access token is signed with an unknown key";
    SignatureWrong "signature_wrong" 401 Unauthorized InvalidToken
        "the access token's signature is wrong";
    ClaimsMalformed "claims_malformed" 401 Unauthorized InvalidToken
        "a claim of the access token is missing or malformed";
    IssuerWrong "issuer_wrong" 401 Unauthorized InvalidToken
        "the access token is from another issuer";
    AudienceWrong "audience_wrong" 401 Unauthorized InvalidToken
        "the access token is for another audience";
    TokenExpired "token_expired" 401 Unauthorized InvalidToken
        "the access token has expired";
    TokenNotYetValid "token_not_yet_valid" 401 Unauthorized InvalidToken
        "the access token is not valid yet";
    ClaimRequired "claim_required" 401 Unauthorized InvalidToken
        "the access token lacks a claim, or a value of it, that is required of its issuer";
    IssuerKeysMissing "issuer_keys_missing" 503 UpstreamUnavailable TemporarilyUnavailable
        "the keys of the access token's issuer could not be fetched yet";
    ClientRemoved "client_removed" 401 Unauthorized InvalidToken
        "the access token's client is not registered";
    BindingUnsupported "binding_unsupported" 401 Unauthorized InvalidToken
        "the access token is bound in a way that is not known here";
    TokenBound "token_bound" 401 Unauthorized InvalidToken
        "the access token is bound to a key, so it is presented in the scheme DPoP with a proof";
    TokenUnbound "token_unbound" 401 Unauthorized InvalidToken
        "the access token is not bound to a key";
    CertificateMissing "certificate_missing" 401 Unauthorized InvalidToken
        "the access token is bound to a TLS certificate, and none was sent";
    CertificateWrong "certificate_wrong" 401 Unauthorized InvalidToken
        "the access token is bound to another TLS certificate";
    ProofMissing "proof_missing" 401 Unauthorized InvalidProof
        "a DPoP proof is needed";
    ProofSeveral "proof_several" 401 Unauthorized InvalidProof
        "more than one DPoP proof was sent";
    ProofMalformed "proof_malformed" 401 Unauthorized InvalidProof
        "the DPoP proof is not a JWT of its type with every claim that it needs";
    ProofAlgorithmRefused "proof_algorithm_refused" 401 Unauthorized InvalidProof
        "the DPoP proof is not signed with an algorithm that is served";
    ProofKeyUnfit "proof_key_unfit" 401 Unauthorized InvalidProof
        "the DPoP proof carries no public key that fits its algorithm";
    ProofKeyWrong "proof_key_wrong" 401 Unauthorized InvalidToken
        "the access token is bound to another key than that of the DPoP proof";
    ProofMethodWrong "proof_method_wrong" 401 Unauthorized InvalidProof
        "the DPoP proof is for another method";
    ProofUriWrong "proof_uri_wrong" 401 Unauthorized InvalidProof
        "the DPoP proof is for another URI";
    ProofTokenWrong "proof_token_wrong" 401 Unauthorized InvalidProof
        "the DPoP proof is not for this access token";
    ProofNotCurrent "proof_not_current" 401 Unauthorized InvalidProof
        "the DPoP proof was not made just now";
    ProofNonceNeeded "proof_nonce_needed" 401 Unauthorized UseNonce
        "the DPoP proof needs a nonce of this server that is good now";
    ProofSignatureWrong "proof_signature_wrong" 401 Unauthorized InvalidProof
        "the DPoP proof's signature is wrong";
    ProofReplayed "proof_replayed" 401 Unauthorized InvalidProof
        "the DPoP proof was used before";
    ProofsTooMany "proofs_too_many" 429 RateLimited TemporarilyUnavailable
        "the client uses more DPoP proofs than can be told apart";
    TokenRevoked "token_revoked" 401 Unauthorized InvalidToken
        "the access token was revoked";
    TokenDenied "token_denied" 401 Unauthorized InvalidToken
        "the access token is on the deny list";
    NoIssuerTrusted "no_issuer_trusted" 401 Unauthorized InvalidToken
        "no issuer of access tokens is trusted";
    BearerFailuresSpent "bearer_failures_spent" 429 RateLimited InvalidRequest
        "too many refused access tokens from this address";

    // What a principal may do.
    ScopeInsufficient "scope_insufficient" 403 Forbidden InsufficientScope
        "the access token lacks a scope that this needs";
    OperationNotAllowed "operation_not_allowed" 403 Forbidden InvalidRequest
        "the client may not call this operation";
    UserApiBlocked "user_api_blocked" 403 Forbidden InvalidRequest
        "the user operations are switched off";
    IdentityNotAllowed "identity_not_allowed" 403 Forbidden InvalidRequest
        "the client may not speak for an identity that the request names";
    IdentityMissing "identity_missing" 403 Forbidden InvalidRequest
        "the client has to name an identity that it may speak for";
    TenantNotAllowed "tenant_not_allowed" 403 Forbidden InvalidRequest
        "the client may not speak for a tenant that the request names";
    TenantMissing "tenant_missing" 403 Forbidden InvalidRequest
        "the client has to name a tenant that it may speak for";
    BoundClaimMissing "bound_claim_missing" 403 Forbidden InvalidRequest
        "the access token lacks the claim that says for whom the client speaks";
    BoundParameterAmbiguous "bound_parameter_ambiguous" 403 Forbidden InvalidRequest
        "a parameter that names an identity or tenant is spelled in a way that servers read differently";
    BoundValueNotText "bound_value_not_text" 403 Forbidden InvalidRequest
        "a parameter that names an identity or tenant is not one text";
    BoundBodyUnsupported "bound_body_unsupported" 403 Forbidden InvalidRequest
        "the body has to be JSON or a form, in UTF-8 and without Content-Encoding, for this client";
    BoundBodyAmbiguous "bound_body_ambiguous" 403 Forbidden InvalidRequest
        "the body is malformed or can be read in more than one way";
    PolicyHookRefused "policy_hook_refused" 403 Forbidden InvalidRequest
        "a rule of this server refuses the request";
    PolicyHookPanicked "policy_hook_panicked" 500 InternalError ServerError
        "a rule of this server failed";

    ClientRateExceeded "client_rate_exceeded" 429 RateLimited InvalidRequest
        "the client makes more requests than it may";
    RouteRateExceeded "route_rate_exceeded" 429 RateLimited InvalidRequest
        "more requests are made on this route than may be";

    // The token endpoint.
    FormMediaTypeWrong "form_media_type_wrong" 400 BadRequest InvalidRequest
        "the body must be application/x-www-form-urlencoded";
    FormMalformed "form_malformed" 400 BadRequest InvalidRequest
        "the form is malformed";
    FormParameterRepeated "form_parameter_repeated" 400 BadRequest InvalidRequest
        "a parameter of the form is repeated";
    FormTooLarge "form_too_large" 413 PayloadTooLarge InvalidRequest
        "the form is larger than 64 KiB";
    FormTooSlow "form_too_slow" 408 RequestTimeout InvalidRequest
        "the form came too slowly";
    GrantTypeMissing "grant_type_missing" 400 BadRequest InvalidRequest
        "the parameter grant_type is missing";
    GrantTypeUnsupported "grant_type_unsupported" 400 BadRequest UnsupportedGrantType
        "the only grant type served is client_credentials";
    ClientMethodsSeveral "client_methods_several" 400 BadRequest InvalidRequest
        "more than one method of client authentication was used";
    ClientCredentialsMalformed "client_credentials_malformed" 401 Unauthorized InvalidClient
        "the client credentials are malformed";
    ClientCredentialsMissing "client_credentials_missing" 401 Unauthorized InvalidClient
        "client authentication is needed";
    ClientCredentialsWrong "client_credentials_wrong" 401 Unauthorized InvalidClient
        "client authentication failed";
    ClientMethodRefused "client_method_refused" 401 Unauthorized InvalidClient
        "the client must authenticate by another method";
    GrantNotAllowed "grant_not_allowed" 400 BadRequest UnauthorizedClient
        "the client may not use this grant type";
    SecretChecksBusy "secret_checks_busy" 503 UpstreamUnavailable TemporarilyUnavailable
        "too many secrets wait to be checked";
    AssertionMalformed "assertion_malformed" 401 Unauthorized InvalidAssertion
        "the client assertion is not a JWT of the expected form";
    AssertionKeyUnknown "assertion_key_unknown" 401 Unauthorized InvalidAssertion
        "the client assertion is of an unknown client, or signed with an unknown key";
    AssertionIssuerUnknown "assertion_issuer_unknown" 401 Unauthorized InvalidAssertion
        "the client assertion is from an issuer that no client relies on";
    AssertionSignatureWrong "assertion_signature_wrong" 401 Unauthorized InvalidAssertion
        "the client assertion's signature is wrong";
    AssertionClaimsWrong "assertion_claims_wrong" 401 Unauthorized InvalidAssertion
        "a claim of the client assertion is missing or wrong";
    AssertionExpired "assertion_expired" 401 Unauthorized InvalidAssertion
        "the client assertion has expired";
    AssertionNotYetValid "assertion_not_yet_valid" 401 Unauthorized InvalidAssertion
        "the client assertion is not valid yet";
    AssertionTooLong "assertion_too_long" 401 Unauthorized InvalidAssertion
        "the client assertion is good for longer than is allowed";
    AssertionReplayed "assertion_replayed" 401 Unauthorized InvalidAssertion
        "the client assertion was used before";
    ClientKeysMissing "client_keys_missing" 503 UpstreamUnavailable TemporarilyUnavailable
        "the keys that the client assertion is checked with could not be fetched yet";
    AssertionsTooMany "assertions_too_many" 429 RateLimited TemporarilyUnavailable
        "too many client assertions of this client have to be remembered";
    ClientCertificateWrong "client_certificate_wrong" 401 Unauthorized InvalidAssertion
        "the TLS certificate is not one of the client";
    ScopeUnknown "scope_unknown" 400 BadRequest InvalidScope
        "a scope is malformed, unknown, or not allowed to this client";
    ResourceMalformed "resource_malformed" 400 BadRequest InvalidTarget
        "a resource is not an absolute URI without a fragment";
    ClientCertificateNeeded "client_certificate_needed" 400 BadRequest InvalidRequest
        "the client's tokens are bound to its TLS certificate, and none was sent";
    ResourceUnknown "resource_unknown" 400 BadRequest InvalidTarget
        "the resource is unknown";
    SecretFailuresSpent "secret_failures_spent" 429 RateLimited TemporarilyUnavailable
        "too many failed attempts of this client from this address";
    TokenNotOwn "token_not_own" 400 BadRequest InvalidGrant
        "the token was issued to another client";
    TokenUnrevocable "token_unrevocable" 400 BadRequest UnsupportedTokenType
        "the token has no id by which it could be revoked";
    TokenMissing "token_missing" 400 BadRequest InvalidRequest
        "the parameter token is missing";
    RevocationsFull "revocations_full" 503 UpstreamUnavailable TemporarilyUnavailable
        "as many revocations as can be are kept already";
    RevocationsBusy "revocations_busy" 503 UpstreamUnavailable TemporarilyUnavailable
        "too many revocations wait to be written";
    RevocationNotKept "revocation_not_kept" 503 UpstreamUnavailable TemporarilyUnavailable
        "the revocation is in force, but cannot be kept over a restart";
    TokenRateExceeded "token_rate_exceeded" 429 RateLimited TemporarilyUnavailable
        "the client asks for more tokens than it may";
    SigningFailed "signing_failed" 500 InternalError ServerError
        "the token could not be signed";

    // Behind the gate, and the sidecar itself.
    UpstreamUnavailable "upstream_unavailable" 503 UpstreamUnavailable TemporarilyUnavailable
        "the engine cannot be reached";
    UpstreamOverloaded "upstream_overloaded" 503 UpstreamUnavailable TemporarilyUnavailable
        "too many requests wait for the engine";
    UpstreamTokenMissing "upstream_token_missing" 503 UpstreamUnavailable TemporarilyUnavailable
        "the sidecar has no token for the engine yet";
    UpstreamTokenRefused "upstream_token_refused" 503 UpstreamUnavailable TemporarilyUnavailable
        "the engine refused the sidecar's own token";
    UpstreamBroken "upstream_broken" 502 UpstreamUnavailable ServerError
        "the engine's answer broke off or is malformed";
    UpstreamTimeout "upstream_timeout" 504 UpstreamTimeout TemporarilyUnavailable
        "the engine did not answer in time";
    Draining "draining" 503 UpstreamUnavailable TemporarilyUnavailable
        "the sidecar is stopping";
    Panic "panic" 500 InternalError ServerError
        "something failed here";
}

impl Reason {
    /// The place in [`Reason::ALL`], for tables of counters.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// What the client is told. Of a token that was presented it learns only that it is not good.
    pub fn text(self) -> &'static str {
        match self.protocol() {
            Protocol::InvalidToken => "the access token is not valid",
            Protocol::InvalidProof => "the DPoP proof is not valid",
            Protocol::InvalidAssertion => "client authentication failed",
            _ => self.detailed_text(),
        }
    }

    pub(super) fn challenge(self) -> Challenge {
        match self.protocol() {
            Protocol::Unasked => Challenge::Plain,
            Protocol::BearerRequest => Challenge::Error("invalid_request"),
            Protocol::InvalidToken => Challenge::Error("invalid_token"),
            Protocol::InsufficientScope => Challenge::Error("insufficient_scope"),
            Protocol::InvalidProof => Challenge::Error("invalid_dpop_proof"),
            Protocol::UseNonce => Challenge::Error("use_dpop_nonce"),
            Protocol::InvalidRequest
            | Protocol::UnsupportedGrantType
            | Protocol::UnauthorizedClient
            | Protocol::InvalidClient
            | Protocol::InvalidAssertion
            | Protocol::InvalidGrant
            | Protocol::UnsupportedTokenType
            | Protocol::InvalidScope
            | Protocol::InvalidTarget
            | Protocol::TemporarilyUnavailable
            | Protocol::ServerError => Challenge::None,
        }
    }

    /// The `error` of the token endpoint (RFC 6749 §5.2, RFC 8707 §2). RFC 6749 has no code for
    /// what passes with time; clients know the one of §4.1.2.1.
    pub(super) fn oauth_error(self) -> &'static str {
        match self.protocol() {
            Protocol::UnsupportedGrantType => "unsupported_grant_type",
            Protocol::UnauthorizedClient => "unauthorized_client",
            Protocol::InvalidClient | Protocol::InvalidAssertion => "invalid_client",
            Protocol::InvalidGrant => "invalid_grant",
            Protocol::UnsupportedTokenType => "unsupported_token_type",
            Protocol::InvalidScope => "invalid_scope",
            Protocol::InvalidProof => "invalid_dpop_proof",
            Protocol::UseNonce => "use_dpop_nonce",
            Protocol::InvalidTarget => "invalid_target",
            Protocol::TemporarilyUnavailable => "temporarily_unavailable",
            Protocol::ServerError => "server_error",
            Protocol::Unasked
            | Protocol::BearerRequest
            | Protocol::InvalidToken
            | Protocol::InsufficientScope
            | Protocol::InvalidRequest => "invalid_request",
        }
    }

    /// The status at the token endpoint, where a proof is a part of the request and not the
    /// client's credentials (RFC 9449 §5 and §8).
    pub(super) fn oauth_status(self) -> StatusCode {
        match self.protocol() {
            Protocol::InvalidProof | Protocol::UseNonce => StatusCode::BAD_REQUEST,
            _ => self.status(),
        }
    }

    /// Seconds to wait where a later attempt may pass without anything else being done.
    pub(super) fn wait(self) -> Option<u32> {
        match self {
            Self::UpstreamUnavailable
            | Self::UpstreamOverloaded
            | Self::UpstreamTokenMissing
            | Self::UpstreamTokenRefused
            | Self::RevocationsFull
            | Self::RevocationsBusy
            | Self::RevocationNotKept
            | Self::SecretChecksBusy
            | Self::Draining => Some(1),
            // The issuer is asked again within ten seconds when somebody waits for it.
            Self::IssuerKeysMissing | Self::ClientKeysMissing => Some(5),
            other => (other.name() == ErrorName::RateLimited).then_some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_stand_at_their_index() {
        let mut seen = std::collections::HashSet::new();
        for (place, reason) in Reason::ALL.iter().copied().enumerate() {
            assert_eq!(reason.index(), place);
            assert!(seen.insert(reason.code()), "{reason:?}");
            let code = reason.code().bytes();
            assert!(
                code.clone().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{reason:?}"
            );
        }
    }

    #[test]
    fn texts_need_no_escaping_anywhere() {
        // RFC 6750 §3: error_description has no `"` and no `\`.
        for reason in Reason::ALL.iter().copied() {
            for text in [reason.text(), reason.detailed_text()] {
                let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
                assert!(text.chars().all(plain), "{reason:?}");
                assert!(!text.ends_with('.'), "{reason:?}");
            }
        }
    }

    #[test]
    fn names_agree_with_statuses() {
        for reason in Reason::ALL.iter().copied() {
            let want = match reason.status().as_u16() {
                400 => ErrorName::BadRequest,
                401 => ErrorName::Unauthorized,
                403 => ErrorName::Forbidden,
                404 => ErrorName::NotFound,
                405 => ErrorName::MethodNotAllowed,
                408 => ErrorName::RequestTimeout,
                413 => ErrorName::PayloadTooLarge,
                417 => ErrorName::ExpectationFailed,
                429 => ErrorName::RateLimited,
                431 => ErrorName::HeaderTooLarge,
                500 => ErrorName::InternalError,
                502 | 503 => ErrorName::UpstreamUnavailable,
                504 => ErrorName::UpstreamTimeout,
                other => panic!("{reason:?} has {other}"),
            };
            assert_eq!(reason.name(), want, "{reason:?}");
        }
    }
}
