//! Client secrets, kept as keyed digests: no log, error or core dump of ours shows one.

use std::fmt;
use std::sync::LazyLock;
use std::time::SystemTime;

use aws_lc_rs::constant_time;
use ring::hmac;

/// Random in every process, so that a digest is worth nothing outside it.
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
});

/// A client secret. Equality tells whether two are the same secret with the same end.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    digest: [u8; 32],
    not_after: Option<SystemTime>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// Digests `text` under this process's random key.
    pub fn new(text: &str) -> Self {
        Self {
            digest: digest(text),
            not_after: None,
        }
    }

    /// The same secret, good up to and including `instant`.
    #[must_use]
    pub fn until(self, instant: SystemTime) -> Self {
        Self {
            not_after: Some(instant),
            ..self
        }
    }

    /// Whether `presented` is this secret and `now` is not past its end; in constant time.
    pub fn matches(&self, presented: &str, now: SystemTime) -> bool {
        Presented::new(presented).is_one_of(std::slice::from_ref(self), now)
    }

    fn is_over(&self, now: SystemTime) -> bool {
        self.not_after.is_some_and(|end| now > end)
    }
}

/// What a client presented as its secret: digested once, whatever it is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Presented([u8; 32]);

impl Presented {
    pub(crate) fn new(text: &str) -> Self {
        Self(digest(text))
    }

    /// Whether it is one of `secrets` and not over; every one is compared, in constant time. The
    /// cost is the HMAC of [`Presented::new`], which is made before anyone looks for the client:
    /// an unknown client (no secrets) takes as long as a wrong secret.
    pub(crate) fn is_one_of(&self, secrets: &[Secret], now: SystemTime) -> bool {
        let mut found = false;
        for secret in secrets {
            let equal = constant_time::verify_slices_are_equal(&self.0, &secret.digest).is_ok();
            found |= equal & !secret.is_over(now);
        }
        found
    }
}

fn digest(text: &str) -> [u8; 32] {
    let tag = hmac::sign(&KEY, text.as_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(tag.as_ref());
    digest
}
