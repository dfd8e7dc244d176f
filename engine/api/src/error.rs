//! The short names in `error`, and the status that each has.

use serde::{Serialize, Serializer};

macro_rules! error_names {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:literal, $domain:literal;)+) => {
        /// Why a call failed: the short name that a program compares.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorName {
            $($(#[doc = $doc])+ $name,)+
        }

        impl ErrorName {
            /// Every name.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name as it stands in the envelope.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means, in a sentence.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)+).trim_ascii(),)+ }
            }

            /// The HTTP status that says the same. A failure of the domain is sent with it only
            /// under `StrictHttpStatus`, else with 200.
            pub const fn strict_status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// True for failures of the domain: the request was understood, and answered with no.
            pub const fn is_domain(self) -> bool {
                match self { $(Self::$name => $domain,)+ }
            }
        }
    };
}

error_names! {
    /// No instance has this process id.
    ProcessNotFound = 404, true;
    /// An instance with this process id exists.
    ProcessAlreadyExists = 409, true;
    /// No scheme has this code.
    SchemeNotFound = 404, true;
    /// The scheme has faults; nothing was stored. `data.Errors` lists them.
    SchemeInvalid = 422, true;
    /// The scheme knows the command, but this identity cannot give it in this activity.
    CommandNotAllowed = 409, true;
    /// The scheme knows no such command.
    CommandNotFound = 404, true;
    /// The scheme has no such state that can be set.
    StateNotFound = 404, true;
    /// A required parameter was not given.
    ParameterMissing = 400, true;
    /// A parameter has a value that does not fit.
    ParameterInvalid = 400, true;
    /// The instance belongs to another tenant.
    TenantMismatch = 403, true;
    /// Too many operations wait for this instance; try again.
    InstanceBusy = 409, true;
    /// An action, condition or rule failed while the operation ran.
    ActionFailed = 422, true;
    /// A callback server failed or did not answer in time.
    CallbackFailed = 424, true;
    /// A configured bound was reached.
    LimitExceeded = 422, true;
    /// This engine does not run the operation, or a construct that the scheme came to.
    NotSupported = 501, true;
    /// The store did not take the change; nothing changed.
    StoreFailed = 503, true;
    /// No user has this id.
    UserNotFound = 404, true;
    /// A user with this id or login exists.
    UserAlreadyExists = 409, true;
    /// The user operations are switched off by `WorkflowApi.BlockUserApi`.
    UserApiBlocked = 403, true;
    /// The request cannot be read: HTTP, percent-encoding, UTF-8, JSON or form.
    BadRequest = 400, false;
    /// The caller is not known.
    Unauthorized = 401, false;
    /// The caller is known but may not do this.
    Forbidden = 403, false;
    /// There is no such path or operation.
    NotFound = 404, false;
    /// The operation is not served by this method; `Allow` lists those that are.
    MethodNotAllowed = 405, false;
    /// The body did not arrive in time.
    RequestTimeout = 408, false;
    /// The body is larger than the limit.
    PayloadTooLarge = 413, false;
    /// The body's media type is not one that the operation takes.
    UnsupportedMediaType = 415, false;
    /// Too many requests; try again later.
    RateLimited = 429, false;
    /// A fault of the server; the operation's outcome is unknown.
    InternalError = 500, false;
    /// The engine behind cannot be reached or broke off.
    UpstreamUnavailable = 502, false;
    /// The server is starting or draining; try again.
    Unavailable = 503, false;
    /// The engine behind did not answer in time.
    UpstreamTimeout = 504, false;
}

impl ErrorName {
    /// The status to answer with; `strict` is the setting `StrictHttpStatus`.
    pub const fn status(self, strict: bool) -> u16 {
        if self.is_domain() && !strict {
            200
        } else {
            self.strict_status()
        }
    }
}

impl std::fmt::Display for ErrorName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_failures_are_200_unless_strict_and_transport_failures_keep_their_status() {
        for &name in ErrorName::ALL {
            assert!((400..600).contains(&name.status(true)), "{name}");
            if name.is_domain() {
                assert_eq!(name.status(false), 200, "{name}");
            } else {
                assert_eq!(name.status(false), name.status(true), "{name}");
            }
            assert!(name.doc().ends_with('.'), "{name}");
        }
    }
}
