//! Rules of the program that embeds the sidecar.
//!
//! In: a request that the configuration lets through, in its canonical form, and who sends it.
//! Out: nothing, or a [`Denial`]. A hook can only refuse: what the configuration refuses it never
//! sees. It is called on the thread that serves, once for each request, and must not block.

use std::fmt;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::Method;
use workflow_api::Operation;

use crate::bearer::Principal;
use crate::refusal::{Reason, Refusal};

/// What a hook sees of a request: exactly what is forwarded, apart from headers and body.
#[derive(Clone, Copy, Debug)]
pub struct HookRequest<'a> {
    /// Who calls; `None` on a public route.
    pub principal: Option<&'a Principal>,
    /// As it is forwarded.
    pub method: &'a Method,
    /// As it is forwarded: without `PathBase`, and in lower case as far as a route names it.
    pub path: &'a str,
    /// As it is forwarded, still encoded, without the question mark.
    pub query: Option<&'a str>,
    /// The operation of the Workflow API, when there is one that the table knows.
    pub operation: Option<&'static Operation>,
    /// The client's address as far as trusted.
    pub client_address: IpAddr,
}

/// A hook says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    message: Box<str>,
}

impl Denial {
    /// `message` goes to the log, never to the client. It must hold no secret.
    pub fn new(message: impl Into<Box<str>>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// A rule in code. Every closure of the fitting form is one.
pub trait PolicyHook: Send + Sync + 'static {
    /// Lets the request pass, or says why not. A panic refuses the request with 500.
    ///
    /// # Errors
    /// The request is refused with 403 and the code `policy_hook_refused`.
    fn judge(&self, request: &HookRequest<'_>) -> Result<(), Denial>;
}

impl<F> PolicyHook for F
where
    F: Fn(&HookRequest<'_>) -> Result<(), Denial> + Send + Sync + 'static,
{
    fn judge(&self, request: &HookRequest<'_>) -> Result<(), Denial> {
        self(request)
    }
}

/// Every hook that was registered, in that order; all of them have to agree.
#[derive(Clone, Default)]
pub struct Hooks(Vec<Arc<dyn PolicyHook>>);

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hooks").field(&self.0.len()).finish()
    }
}

impl Hooks {
    /// Adds one.
    pub fn add(&mut self, hook: impl PolicyHook) {
        self.0.push(Arc::new(hook));
    }

    /// Whether nobody is asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks one after the other until one refuses.
    pub(crate) fn judge(&self, request: &HookRequest<'_>) -> Result<(), Refusal> {
        for hook in &self.0 {
            // What a hook shares with others is its own to keep whole; nothing of ours is open.
            let judged = catch_unwind(AssertUnwindSafe(|| hook.judge(request)));
            match judged {
                Ok(Ok(())) => {}
                Ok(Err(Denial { message })) => {
                    return Err(Refusal::new(Reason::PolicyHookRefused).with_detail(message));
                }
                Err(_panic) => return Err(Reason::PolicyHookPanicked.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn ask(hooks: &Hooks) -> Result<(), Reason> {
        let request = HookRequest {
            principal: None,
            method: &Method::GET,
            path: "/orders/7",
            query: Some("a=b"),
            operation: None,
            client_address: Ipv4Addr::LOCALHOST.into(),
        };
        hooks.judge(&request).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn all_hooks_have_to_agree_and_a_panic_is_no_consent() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let mut hooks = Hooks::default();
        assert!(hooks.is_empty());
        assert_eq!(ask(&hooks), Ok(()));
        hooks.add(|request: &HookRequest<'_>| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            assert_eq!((request.path, request.query), ("/orders/7", Some("a=b")));
            Ok(())
        });
        assert_eq!(ask(&hooks), Ok(()));
        let mut panics = hooks.clone();
        hooks.add(|_: &HookRequest<'_>| Err(Denial::new("not today")));
        hooks.add(|_: &HookRequest<'_>| -> Result<(), Denial> { unreachable!("refused before") });
        assert_eq!(ask(&hooks), Err(Reason::PolicyHookRefused));
        panics.add(|_: &HookRequest<'_>| -> Result<(), Denial> { panic!("a fault") });
        assert_eq!(ask(&panics), Err(Reason::PolicyHookPanicked));
        assert_eq!(ASKED.load(Ordering::Relaxed), 3);
    }
}
