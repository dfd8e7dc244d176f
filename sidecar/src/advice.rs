//! What to do about a refusal: for `sidecar explain` and the error reference.
//!
//! In: a [`Reason`]. Out: what it most often comes from and what helps, in words for whoever runs
//! the sidecar or calls it. `docs/errors.md` is made of this and of the table of reasons; a test
//! keeps it in step.

use crate::reason::Reason;

/// Whose answers have a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Whatever is forwarded: the API's envelope and a challenge.
    Api,
    /// Token, introspection and revocation endpoint: RFC 6749 §5.2.
    OAuth,
    /// Both.
    Both,
}

macro_rules! advice {
    ($($group:literal $surface:ident { $($reason:ident $cause:literal $remedy:literal;)+ })+) => {
        impl Reason {
            /// The chapter of the error reference that it stands in.
            pub const fn group(self) -> &'static str {
                match self {
                    $($(Self::$reason)|+ => $group,)+
                }
            }

            /// Whose answers have it.
            pub const fn surface(self) -> Surface {
                match self {
                    $($(Self::$reason)|+ => Surface::$surface,)+
                }
            }

            /// What it most often comes from.
            pub const fn cause(self) -> &'static str {
                match self {
                    $($(Self::$reason => $cause,)+)+
                }
            }

            /// What helps.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $($(Self::$reason => $remedy,)+)+
                }
            }
        }
    };
}

advice! {
    "The form of a request" Both {
        PathEncodingMalformed
            "A percent sign was put into a path as it is."
            "Encode it as `%25`.";
        PathEncodingForbidden
            "The client encodes letters that need no encoding, or somebody tries to get round a rule."
            "Send the first segment and the operation's name as plain letters. In later segments `/`, `\\`, `.` and `%` may not be encoded either.";
        PathCharacterForbidden
            "A backslash, a semicolon, a control character or a byte outside ASCII stands in the path."
            "Encode it. Path parameters behind `;` are not served.";
        PathSegmentForbidden
            "Two slashes were joined when a URL was put together, or the path has `.` or `..`."
            "Put the URL together with exactly one slash between segments, and resolve dots before you send it.";
        QueryMalformed
            "A value was put into the query as it is."
            "Encode values as a form does.";
        ParameterContradiction
            "`operation`, `processId`, `identityId`, `impersonatedIdentityId` or `tenantId` stands in path and query, or twice, with different values."
            "Give each of them once.";
        TargetMalformed
            "The request has no path, such as `OPTIONS *`, or a target of another form."
            "Send a path, or an absolute URL with a path.";
        HostMissing
            "An HTTP/1.1 client sent no `Host`."
            "Send `Host`.";
        HostSeveral
            "A proxy in front added a second `Host`."
            "Have the proxy replace the field instead of adding one.";
        HostMalformed
            "`Host` is no host with an optional port."
            "Send the host and port of the URL, and nothing else.";
        HostMismatch
            "The request line names one host and `Host` another, or `:authority` and `Host` differ."
            "Have the proxy in front set both, or leave one out.";
        ConnectionMalformed
            "`Connection` names a field that decides who calls, such as `authorization`, or is no list of names."
            "Send only names of fields that are meant for the next hop.";
        TransferEncodingUnsupported
            "The client compresses the framing: `Transfer-Encoding: gzip` and the like."
            "Send `chunked` alone, or a `Content-Length`.";
        UpgradeRefused
            "The client asks for a WebSocket or for HTTP/2 over plain text."
            "Use `https` for HTTP/2. Upgrades are not served.";
        ExpectationUnsupported
            "`Expect` has another value than `100-continue`."
            "Leave the field out.";
        ProxyNotTrusted
            "Something that is not in `TrustedProxies` asked `/auth/check`, or the proxy's address changed."
            "Add the proxy's network to `TrustedProxies`; the log has the address.";
        OriginalAmbiguous
            "The question to `/auth/check` has the original request in two ways, or in none: a client sent `X-Original-URI` or `X-Forwarded-Uri` itself, or the proxy sets neither."
            "Have the proxy set one pair of fields and remove the other; docs/forward-auth.md has whole configurations.";
        MethodRefused
            "`CONNECT` or `TRACE` was sent."
            "Neither is served on any path.";
        MethodNotAllowed
            "The path is right and the method is not; a token endpoint that is read with GET is the usual case."
            "Use a method of the answer's `Allow`, or add the method to the route's `Methods`.";
        RouteUnknown
            "The path has a typing error, `PathBase` is missing, or the token side is off (`DisableOpenIddictServer`) and its path was called."
            "Compare the path with `Routes` and `PathBase`.";
        HeaderTooLarge
            "Cookies or a chain of proxies made the header large, or it has more fields than `Limits.HeaderCount`."
            "Send less, or raise `Limits.HeaderBytes` or `Limits.HeaderCount`.";
        BodyTooLarge
            "The body is larger than `Limits.Body`; where a rule has to read it whole, than `Limits.RuleBody`."
            "Send less, or raise the limit.";
        BodyTooSlow
            "The client's network is slow, or the client stopped sending."
            "Send it again. `Limits.BodyRate` and `Limits.FormBody` say how slow a body may be.";
        BodyBroken
            "The client went away while it sent, or its framing is wrong."
            "Send it again; if it happens every time, the client's HTTP library is at fault.";
    }

    "The access token" Api {
        CredentialsMissing
            "The client sent no `Authorization` field, or put the token into the query, a form or a cookie, where it is never read."
            "Send `Authorization: Bearer` and a token of the token endpoint.";
        SchemeUnsupported
            "`Authorization` has another scheme, such as `Basic`."
            "Get a token with the credentials, and send that. Client credentials belong to the token endpoint.";
        CredentialsSeveral
            "The client and a proxy in front each added an `Authorization` field."
            "Let one of them send it.";
        CredentialsMalformed
            "There are spaces, quotes or a second value in the field, or the token is missing behind the scheme."
            "Send the scheme, one space and the token as it was issued.";
        TokenTooLong
            "An issuer puts many groups or roles into its tokens."
            "Have the issuer leave them out, or raise `Limits.Token`.";
        TokenMalformed
            "It is an opaque token, an encrypted one (five parts), or was cut off when it was copied."
            "Have the issuer make signed JWTs; compare the token with the one that was issued.";
        TokenHeaderMalformed
            "The first part of the token is no JSON object, repeats a name, or has a `kid` that is no text."
            "Get a new token; if it happens every time, the issuer's library is at fault.";
        AlgorithmRefused
            "`alg` is `none`, a secret's algorithm such as HS256, one that its key is not for, or not in `Algorithms` of its issuer."
            "Add the algorithm to the issuer's `Algorithms` if it should be taken. `none` and HS256 never are.";
        TokenTypeRefused
            "An ID token was sent instead of an access token, or the issuer writes another `typ` into its access tokens."
            "Send the access token. If the issuer's access tokens have another type, add it to `TokenTypes` of the issuer.";
        CriticalRefused
            "The token's header has `crit` or `b64`."
            "Have the issuer make plain JWTs.";
        KeyUnknown
            "The key was replaced and the token is older than what is kept of it, the token is of another installation with the same name, or replicas sign with different keys."
            "Get a new token. With several replicas give all of them the same signing key; `sidecar keys list` shows which keys one has.";
        SignatureWrong
            "The token was changed or cut off on its way, or another server signs under the same key id."
            "Get a new token; compare the key set at `jwks_uri` with that of the issuer.";
        ClaimsMalformed
            "A claim that is needed is missing, such as `exp`, `sub` or `client_id`, or one has the wrong type."
            "`sidecar explain` shows the claims. For another issuer say in `ClaimMappings` where they are.";
        IssuerWrong
            "The token is of an issuer that is not configured, or the sidecar's `AuthorityUrl` changed after it was issued."
            "Compare `iss` with `AuthorityUrl` and `Issuers`: they have to be equal letter by letter, but for the slash at the end of our own.";
        AudienceWrong
            "The token was issued for another API."
            "Ask the token endpoint for the right `resource` or audience, or set `Audience` of the issuer or client.";
        TokenExpired
            "The client keeps tokens too long, or a clock is wrong."
            "Get a new token before `exp`. For another issuer `ClockSkew` allows for clocks that differ.";
        TokenNotYetValid
            "The issuer's clock is ahead of this one."
            "Set the clocks by NTP. For another issuer `ClockSkew` allows for some seconds.";
        ClaimRequired
            "The token lacks what `RequiredClaims` of its issuer asks for, such as a tenant."
            "Use a token of the right tenant or group, or change `RequiredClaims`.";
        IssuerKeysMissing
            "The issuer has not answered since the sidecar started, and nothing was kept from before."
            "Nothing is wrong with the token: try again. `/readyz?verbose` on the admin listener says what the fetch failed of; `FetchFrom` is for an issuer that has another address from here.";
        ClientRemoved
            "The client was taken out of the configuration after its token was issued."
            "Register the client again, or use another one.";
        BindingUnsupported
            "The token's `cnf` names a proof that is not known here."
            "Have the issuer bind tokens by `jkt` (DPoP) or `x5t#S256` (mutual TLS).";
        NoIssuerTrusted
            "The token side is off and no issuer is configured."
            "Add the issuer to `Issuers`, or turn the token side on.";
        TokenRevoked
            "The client or an administrator revoked it."
            "Get a new token. `sidecar deny list` shows what is revoked.";
        TokenDenied
            "It fits an entry of `Deny` in the configuration or of the deny file."
            "Get a new token, unless the entry covers the client or subject: then it has to be removed.";
        BearerFailuresSpent
            "Many bad tokens came from this address; others behind the same address are asked to wait too. Tokens that were good before still pass."
            "Wait as long as `Retry-After` says. Look for the client that sends bad tokens; `Limits.BearerFailures` is the budget.";
    }

    "Tokens that are bound to a key or certificate" Both {
        TokenBound
            "A token that is bound to a key was sent as `Bearer`."
            "Send `Authorization: DPoP`, and a proof in `DPoP`.";
        TokenUnbound
            "`DPoP` was sent with a bearer token, or bound tokens are required here."
            "Send a proof when you ask for the token, so that it is bound.";
        CertificateMissing
            "The client sent no TLS certificate, or a proxy in front ended TLS."
            "Connect with the certificate that the token was issued for, straight to the sidecar.";
        CertificateWrong
            "The certificate was replaced after the token was issued."
            "Get a new token with the new certificate.";
        ProofMissing
            "The client sends the token in the scheme `DPoP` and no `DPoP` field."
            "Send a new proof with each request.";
        ProofSeveral
            "A proxy or a retry added a second `DPoP` field."
            "Send one.";
        ProofMalformed
            "The proof is no JWT of the type `dpop+jwt`, or lacks `jti`, `htm`, `htu` or `iat`."
            "Compare the proof with RFC 9449 section 4.2.";
        ProofAlgorithmRefused
            "The client signs proofs with an algorithm that is not served."
            "Use one of `dpop_signing_alg_values_supported` of the discovery document.";
        ProofKeyUnfit
            "`jwk` is missing, is private, or is of another kind than `alg` needs."
            "Put the public key into the proof's header.";
        ProofKeyWrong
            "The client made a new key after it got the token."
            "Make proofs with the key that the token was asked for with, or get a new token.";
        ProofMethodWrong
            "A proof was used for a request with another method."
            "Make a proof for each request.";
        ProofUriWrong
            "The client calls a name that the sidecar does not know as its own, or the proof is of another request."
            "Put the URL that is called into `htu`, without query. If the sidecar has other names, add them to `Dpop.Origins`.";
        ProofTokenWrong
            "`ath` is missing or is of another token."
            "Put the SHA-256 of the access token into `ath`.";
        ProofNotCurrent
            "The client's clock is wrong, or it kept the proof."
            "Set the clock, and make a proof for each request.";
        ProofNonceNeeded
            "It is the first request of the client, or its nonce is too old. This is how nonces are handed out."
            "Send it again with the nonce of the answer's `DPoP-Nonce`; libraries for DPoP do so by themselves.";
        ProofSignatureWrong
            "The proof was changed, or signed by another key than it carries."
            "Make it anew with the key that is in it.";
        ProofReplayed
            "The request was sent again as it was, by a retry or by somebody who has seen it."
            "Make a new proof with a new `jti` for each attempt.";
        ProofsTooMany
            "One client sends more proofs in their lifetime than are remembered for it."
            "Wait as long as `Retry-After` says, and spread the load over several clients.";
    }

    "What a caller may do" Api {
        ScopeInsufficient
            "The token was asked for with less scope than the route needs, or the client lost a scope since."
            "Ask for the scopes of the challenge's `scope`; the client needs them in `Scopes`.";
        OperationNotAllowed
            "`Operations` of the client or of its issuer does not have the operation. `*` has `read` and `run`; `manage` has to be named."
            "Add the operation or its group to `Operations`.";
        UserApiBlocked
            "`WorkflowApi.BlockUserApi` is true."
            "Set it to false if users should be managed from here.";
        IdentityNotAllowed
            "The request names an `identityId` or `impersonatedIdentityId` that `BindIdentity` of the client does not have."
            "Name one that it has, or extend `BindIdentity`; the log says which parameter it was and where it stood.";
        IdentityMissing
            "A client that is bound by `BindIdentity` names nobody."
            "Send `identityId`, or say in `Absent` that it is filled in or may be left out.";
        TenantNotAllowed
            "The request names a `tenantId` that `BindTenant` of the client does not have."
            "Name one that it has, or extend `BindTenant`.";
        TenantMissing
            "A client that is bound by `BindTenant` names no tenant."
            "Send `tenantId`, or say in `Absent` that it is filled in or may be left out.";
        BoundClaimMissing
            "`BindIdentity` or `BindTenant` takes its values from a claim that this token does not have, or that has several values where one is to be filled in."
            "Have the issuer add the claim, or list the values.";
        BoundParameterAmbiguous
            "`identityId`, `tenantId` or the like is written in another case, or with brackets, which some servers read as the same name."
            "Spell it as the API does.";
        BoundValueNotText
            "An identity or tenant is a number, a list or an object."
            "Send one text.";
        BoundBodyUnsupported
            "The body's media type cannot be looked through, it is compressed, or it belongs to another method than POST. ForwardAuth cannot see bodies at all."
            "Send JSON, a form or multipart in UTF-8 without `Content-Encoding`; let bound clients call the sidecar itself.";
        BoundBodyAmbiguous
            "The body repeats a name, is cut off, or has a byte order mark."
            "Send each name once, in strict JSON or a strict form.";
        PolicyHookRefused
            "A rule that the embedding program registered said no."
            "The log has the rule's own words.";
        PolicyHookPanicked
            "A rule that the embedding program registered panicked."
            "Mend the rule; the request was not forwarded.";
        ClientRateExceeded
            "The client sends more than its `Rate`, or `Limits.Requests`, allows."
            "Wait as long as `Retry-After` says, or raise the rate. Every replica counts for itself.";
        RouteRateExceeded
            "The client sends more on this route than the route's `Rate` allows each."
            "Wait as long as `Retry-After` says, or raise the rate. Every replica counts for itself.";
    }

    "Token, introspection and revocation endpoint" OAuth {
        FormMediaTypeWrong
            "The client sends JSON."
            "Send `Content-Type: application/x-www-form-urlencoded`.";
        FormMalformed
            "The form is not UTF-8, or has a percent sign without two digits."
            "Encode values as a form does; many tools have a switch for it, such as `--data-urlencode` of curl.";
        FormParameterRepeated
            "A parameter is given twice; several scopes are one parameter."
            "Give each once, scopes separated by spaces. `resource` too is taken once.";
        FormTooLarge
            "Something else than a token request was sent."
            "A form has 64 KiB at most.";
        FormTooSlow
            "The client's network is slow, or it stopped sending."
            "Send it again. `Limits.FormBody` is the time that it may take.";
        GrantTypeMissing
            "The form was sent as a query, which is never read, or without `grant_type`."
            "Send `grant_type=client_credentials` in the body.";
        GrantTypeUnsupported
            "The client uses another flow, such as `password` or `authorization_code`."
            "Use `client_credentials`.";
        ClientMethodsSeveral
            "A library sends Basic, and the application `client_secret` in the form as well."
            "Use one of them.";
        ClientCredentialsMalformed
            "The Basic credentials are no base64, have no colon, or are percent-encoded wrongly."
            "Form-encode id and secret, join them by a colon, then base64.";
        ClientCredentialsMissing
            "There is neither an `Authorization` field nor `client_id` with a secret, an assertion or a certificate."
            "Authenticate the client by one of `token_endpoint_auth_methods_supported` of the discovery document.";
        ClientCredentialsWrong
            "The id or the secret is wrong, the secret's `NotAfter` is past, or it has a line end from the file that it was read from."
            "Compare id and secret with `ClientCredentials`. The answer never tells which of them was wrong.";
        ClientMethodRefused
            "The client proved itself by another method than its `TokenEndpointAuthMethod`."
            "Use that one, or change it.";
        GrantNotAllowed
            "The client is registered without the grant `client_credentials`."
            "Add it to `GrantTypes` of the client.";
        SecretChecksBusy
            "Many new secrets that are hashed slowly arrive at once, as after a restart."
            "Send it again after `Retry-After`. A secret that was right once is not hashed slowly again.";
        AssertionMalformed
            "`client_assertion` is no JWT, or `client_assertion_type` does not fit it."
            "Send `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` and a signed JWT.";
        AssertionKeyUnknown
            "`sub` is no registered client, or `kid` is not in the client's `Jwks` or `JwksUri`."
            "Register the client's public key.";
        AssertionIssuerUnknown
            "The assertion is of an issuer that no client names."
            "Name issuer and subject in `FederatedCredentials` of the client.";
        AssertionSignatureWrong
            "It is signed by another key than the registered one of that id."
            "Register the client's present public key.";
        AssertionClaimsWrong
            "`iss` and `sub` are not both the client's id, `aud` is neither the token endpoint nor the issuer, or `exp` or `jti` is missing."
            "Compare the assertion with RFC 7523 section 3.";
        AssertionExpired
            "The client keeps assertions, or a clock is wrong."
            "Make a new one for each request.";
        AssertionNotYetValid
            "The client's clock is ahead."
            "Set the clocks by NTP.";
        AssertionTooLong
            "`exp` lies too far ahead."
            "Let assertions live some minutes, or raise `AssertionLifetime`.";
        AssertionReplayed
            "The same assertion was sent twice, by a retry or by somebody who has seen it."
            "Make a new one with a new `jti` for each request.";
        ClientKeysMissing
            "`JwksUri` of the client, or its issuer, has not answered since the start."
            "Try again. `/readyz?verbose` on the admin listener says what the fetch failed of.";
        AssertionsTooMany
            "One client makes more assertions in their lifetime than are remembered for it."
            "Reuse tokens until they expire, and let assertions live shorter.";
        ClientCertificateWrong
            "The certificate has another subject than `TlsSubject` names, or is none of the registered ones."
            "Compare the certificate with the client's settings.";
        ClientCertificateNeeded
            "The client's tokens are bound to its certificate, and it connected without one."
            "Connect with the certificate, straight to the sidecar.";
        ScopeUnknown
            "The client asks for a scope that it does not have in `Scopes`, or that nobody has."
            "Leave `scope` out to get all that the client has, or add the scope to it.";
        ResourceMalformed
            "`resource` is no absolute URI, or has a fragment."
            "Send the `resource` of the protected resource metadata.";
        ResourceUnknown
            "`resource` is not the one of this server."
            "Send the `resource` of the protected resource metadata, or leave it out.";
        SecretFailuresSpent
            "Wrong secrets of this client came from this address. A secret that was right before still passes."
            "Correct the secret and wait as long as `Retry-After` says; `Limits.SecretFailures` is the budget.";
        TokenNotOwn
            "A client tried to revoke a token that was issued to another one."
            "Let the owner revoke it, or an administrator with `sidecar deny add`.";
        TokenUnrevocable
            "The token has no `jti`."
            "Let an administrator deny its client or subject.";
        TokenMissing
            "The form has no `token`."
            "Send the token in the body.";
        RevocationsFull
            "`Deny.Limit` is reached."
            "Raise it, or remove entries that are not needed: `sidecar deny list`.";
        RevocationsBusy
            "Many revocations arrive at once."
            "Send it again after `Retry-After`.";
        RevocationNotKept
            "The disk under `DataFolder` is full or cannot be written."
            "The token is refused already; make room and revoke it again, so that it stays refused after a restart.";
        TokenRateExceeded
            "The client asks for a token for each call."
            "Keep the token until it expires; `Limits.TokenRequests` is the rate.";
        SigningFailed
            "The signing key is of no use."
            "Look at the log, and at the key with `sidecar keys list`.";
    }

    "The engine, and the sidecar itself" Both {
        UpstreamUnavailable
            "The engine is starting, stopped, or `Upstream` has the wrong address."
            "Try again after `Retry-After`; `/readyz?verbose` on the admin listener says how it stands.";
        UpstreamOverloaded
            "The engine is slower than what is sent to it."
            "Try again after `Retry-After`, and give the engine more room.";
        UpstreamTokenMissing
            "The token endpoint that the sidecar asks for a token toward the engine is down or unknown."
            "Try again after `Retry-After`; the log says what the request for a token failed of.";
        UpstreamTokenRefused
            "The engine does not take the sidecar's own token: another audience or scope, or the key changed."
            "Compare `Upstream.Credentials` with what the engine asks for.";
        UpstreamBroken
            "The engine ended while it answered, or what is there speaks no HTTP."
            "Look at the engine's log. Whether the operation was done is not known.";
        UpstreamTimeout
            "The engine took longer than `Upstream.ResponseTimeout`."
            "Look at the engine's log. Whether the operation was done is not known.";
        Draining
            "The sidecar is being stopped."
            "Send it again; another replica takes it.";
        Panic
            "A fault of the sidecar. It concerns this request only."
            "Report it with the `requestId`, the log and the version.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::reason::Challenge;

    fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    const INTRODUCTION: &str = "\
# Errors

Every refusal has a code that never changes its meaning. The code stands in the log (`reason`) and in
the metric `sidecar_refusals_total`. The client gets it too, as `code`, when `DetailedRefusals` is true;
without it a client learns of a bad token only that it is not valid. `sidecar explain` takes a request
and a token and says which code they would get, step by step.

- Under the routes the body is `{\"success\":false,\"error\":…,\"message\":…,\"requestId\":…}`. `error` is
  the API's short name. A 401 has a challenge in `WWW-Authenticate`; its `error` is that of RFC 6750 or
  RFC 9449.
- The token, introspection and revocation endpoints answer `{\"error\":…,\"error_description\":…}` as
  RFC 6749 says.
- `requestId` is the `X-Request-Id` of the answer, and stands in the log.
- What may pass later has `Retry-After`, in seconds.
- Where the engine answers, the answer is the engine's, also when it is an error.

";

    fn reference() -> String {
        let mut text = INTRODUCTION.to_owned();
        let mut group = "";
        for reason in by_group() {
            if reason.group() != group {
                group = reason.group();
                let _ = writeln!(text, "## {group}\n");
            }
            let _ = writeln!(text, "### {}\n", reason.code());
            let _ = writeln!(text, "{}\n", answers(reason));
            let mut meaning = reason.detailed_text().chars();
            let first = meaning.next().map(|c| c.to_ascii_uppercase());
            let meaning: String = first.into_iter().chain(meaning).collect();
            let _ = writeln!(text, "- Meaning: {meaning}.");
            let _ = writeln!(text, "- Likely cause: {}", reason.cause());
            let _ = writeln!(text, "- What to do: {}\n", reason.remedy());
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    fn by_group() -> Vec<Reason> {
        let mut groups: Vec<&str> = Vec::new();
        for reason in Reason::ALL {
            if !groups.contains(&reason.group()) {
                groups.push(reason.group());
            }
        }
        let mut reasons = Reason::ALL.to_vec();
        reasons.sort_by_key(|reason| groups.iter().position(|group| *group == reason.group()));
        reasons
    }

    /// Status and names, for each of the protocols that the reason is answered in.
    fn answers(reason: Reason) -> String {
        let status = reason.status();
        let challenge = match reason.challenge() {
            Challenge::None => String::new(),
            Challenge::Plain => ", challenge without error".to_owned(),
            Challenge::Error(error) => format!(", challenge `{error}`"),
        };
        let api = format!(
            "{} `{}`{challenge}",
            status.as_u16(),
            reason.name().as_str()
        );
        let (oauth_status, error) = (reason.oauth_status(), reason.oauth_error());
        let oauth = format!("{} `{error}`", oauth_status.as_u16());
        let wait = match reason.wait() {
            Some(_) => ", with `Retry-After`",
            None => "",
        };
        match reason.surface() {
            Surface::Api => format!("{api}{wait}"),
            Surface::OAuth => format!("{oauth}{wait}"),
            Surface::Both => format!("{api}{wait}; at the OAuth endpoints {oauth}"),
        }
    }

    #[test]
    fn the_error_reference_is_in_step_with_the_table() {
        let path = workspace().join("docs/errors.md");
        let wanted = reference();
        if std::env::var_os("REWRITE").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        // Packaged without the documents there is nothing to compare.
        let Ok(found) = fs::read_to_string(&path) else {
            return;
        };
        assert!(found == wanted, "REWRITE=1 rewrites docs/errors.md");
    }

    #[test]
    fn advice_is_whole_sentences_in_plain_characters() {
        for reason in Reason::ALL.iter().copied() {
            for text in [reason.cause(), reason.remedy()] {
                assert!(text.ends_with('.'), "{reason:?}: {text}");
                assert!(text.chars().all(|c| matches!(c, ' '..='~')), "{reason:?}");
                assert_eq!(text.matches('`').count() % 2, 0, "{reason:?}: {text}");
            }
        }
    }

    /// Names in backticks that are not keys of the configuration.
    const OTHER_NAMES: &[&str] = &[
        "Allow",
        "Authorization",
        "Basic",
        "Bearer",
        "Connection",
        "DPoP",
        "Expect",
        "Host",
    ];

    #[test]
    fn keys_that_advice_names_are_keys() {
        let path = workspace().join("docs/configuration.md");
        let Ok(configuration) = fs::read_to_string(path) else {
            return;
        };
        let known: BTreeSet<_> = configuration
            .split(|c: char| !c.is_ascii_alphanumeric())
            .collect();
        for reason in Reason::ALL.iter().copied() {
            let texts = [reason.cause(), reason.remedy()];
            let quoted = texts
                .iter()
                .flat_map(|text| text.split('`').skip(1).step_by(2));
            for name in quoted.filter(|name| !OTHER_NAMES.contains(name)) {
                let is_key = name.starts_with(|c: char| c.is_ascii_uppercase())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
                    && name.chars().any(|c| c.is_ascii_lowercase());
                if is_key {
                    let is_known = name.split('.').all(|part| known.contains(part));
                    assert!(is_known, "{reason:?}: `{name}` is no key");
                }
            }
        }
    }

    /// Codes that no test brings about, and why.
    const WITHOUT_TEST: &[&str] = &[
        "proxy_not_trusted",
        "original_ambiguous",
        "token_revoked",
        "token_denied",
        "client_rate_exceeded",
        "route_rate_exceeded",
        "form_media_type_wrong",
        "form_too_large",
        "form_too_slow",
        "grant_type_missing",
        "grant_type_unsupported",
        "client_method_refused",
        "grant_not_allowed",
        "assertion_issuer_unknown",
        "client_keys_missing",
        "client_certificate_wrong",
        "client_certificate_needed",
        "token_not_own",
        "token_unrevocable",
        "token_missing",
        "revocations_busy",
        "revocation_not_kept",
        "token_rate_exceeded",
        "signing_failed",
    ];

    /// What tests say, here and in the black-box tests.
    fn tests_text(folder: &Path, all: bool, text: &mut String) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if path.is_dir() {
                tests_text(&path, all, text);
            } else if name.ends_with(".rs") && name != "advice.rs" && name != "reason.rs" {
                let source = fs::read_to_string(&path).unwrap_or_default();
                let only_tests = all || name.ends_with("tests.rs") || source_is_tests(&path);
                let begin = if only_tests {
                    Some(0)
                } else {
                    source.find("#[cfg(test)]\nmod ")
                };
                if let Some(begin) = begin {
                    text.push_str(&source[begin..]);
                }
            }
        }
    }

    fn source_is_tests(path: &Path) -> bool {
        path.ancestors().any(|folder| folder.ends_with("tests"))
    }

    #[test]
    fn every_code_is_brought_about_by_a_test() {
        let mut text = String::new();
        tests_text(&workspace().join("sidecar/src"), false, &mut text);
        tests_text(&workspace().join("tests/tests"), true, &mut text);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words: BTreeSet<&str> = text.split(|c| !is_name(c)).collect();
        let mentioned = |reason: Reason| {
            words.contains(reason.code()) || words.contains(format!("{reason:?}").as_str())
        };
        let unmentioned: Vec<_> = Reason::ALL
            .iter()
            .copied()
            .filter(|reason| !mentioned(*reason))
            .map(Reason::code)
            .collect();
        assert_eq!(unmentioned, WITHOUT_TEST, "codes without a test");
    }
}
