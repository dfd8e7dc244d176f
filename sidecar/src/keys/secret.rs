//! Client secrets, kept as keyed digests or as slow hashes: no log, error or core dump of ours
//! shows one.
//!
//! In: a secret's text or its PHC string, an end. Out: a [`Secret`] to compare with what a client
//! presents. Elsewhere: when a slow hash is worth its time (`oauth`), the PHC form (`phc`).

mod phc;

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use aws_lc_rs::constant_time;
use ring::hmac;

pub use phc::{HashAlgorithm, HashFault, hash_secret};

pub(crate) use phc::{Cost, Hashed};

/// Random in every process, so that a digest is worth nothing outside it.
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
});

/// A client secret. Equality tells whether two are the same secret with the same end.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    kept: Kept,
    not_after: Option<SystemTime>,
}

/// How a secret is kept.
#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Plain(Keyed),
    Hashed { hash: Arc<Hashed>, id: Keyed },
}

/// A digest under this process's random key: tells texts apart, and says nothing outside.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Keyed([u8; 32]);

impl Keyed {
    pub(crate) fn new(text: &[u8]) -> Self {
        let tag = hmac::sign(&KEY, text);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Self(digest)
    }

    /// Of two texts, of which neither can run into the other.
    pub(crate) fn pair(one: &str, two: &str) -> Self {
        let mut context = hmac::Context::with_key(&KEY);
        context.update(&(one.len() as u64).to_be_bytes());
        context.update(one.as_bytes());
        context.update(two.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        Self(digest)
    }

    /// Half of it, where many are kept.
    pub(crate) fn short(&self) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.0[..16]);
        short
    }
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
            kept: Kept::Plain(Keyed::new(text.as_bytes())),
            not_after: None,
        }
    }

    /// A secret of which only the hash is known: a PHC string.
    ///
    /// # Errors
    /// It is not a PHC string, of an algorithm that is not served, or beyond the bounds that keep
    /// one check from taking the machine.
    pub fn hashed(phc: &str) -> Result<Self, HashFault> {
        let hash = Arc::new(Hashed::parse(phc)?);
        Ok(Self {
            kept: Kept::Hashed {
                hash,
                id: Keyed::new(phc.as_bytes()),
            },
            not_after: None,
        })
    }

    /// The same secret, good up to and including `instant`.
    #[must_use]
    pub fn until(self, instant: SystemTime) -> Self {
        Self {
            not_after: Some(instant),
            ..self
        }
    }

    /// When it ends.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// How it is kept, in a word: `plain`, or the hash's algorithm.
    pub fn kind(&self) -> &'static str {
        match &self.kept {
            Kept::Plain(_) => "plain",
            Kept::Hashed { hash, .. } => hash.cost().name(),
        }
    }

    /// Whether `presented` is this secret and `now` is not past its end; in constant time. For a
    /// hashed secret this is the slow hash: not for a thread that serves requests.
    pub fn matches(&self, presented: &str, now: SystemTime) -> bool {
        match &self.kept {
            Kept::Plain(_) => Presented::new(presented).is(self, now),
            Kept::Hashed { hash, .. } => hash.verify(presented) & !self.is_over(now),
        }
    }

    /// Whether `now` is past its end.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.not_after.is_some_and(|end| now > end)
    }

    /// The same for the same text or PHC string, whatever its end.
    pub(crate) fn id(&self) -> Keyed {
        match &self.kept {
            Kept::Plain(id) | Kept::Hashed { id, .. } => *id,
        }
    }

    /// The hash, when only that is known.
    pub(crate) fn hash(&self) -> Option<&Arc<Hashed>> {
        match &self.kept {
            Kept::Plain(_) => None,
            Kept::Hashed { hash, .. } => Some(hash),
        }
    }
}

/// What a client presented as its secret: digested once, whatever it is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Presented(Keyed);

impl Presented {
    /// The HMAC is the cost of comparing with plain secrets. It is paid before anyone looks for
    /// the client: an unknown one takes as long as a wrong secret.
    pub(crate) fn new(text: &str) -> Self {
        Self(Keyed::new(text.as_bytes()))
    }

    /// The place among `secrets` of the plain one that it is, if that is not over; every one is
    /// compared, in constant time.
    pub(crate) fn among(&self, secrets: &[Secret], now: SystemTime) -> Option<usize> {
        let mut found = None;
        for (index, secret) in secrets.iter().enumerate() {
            if self.is(secret, now) {
                found = Some(index);
            }
        }
        found
    }

    fn is(&self, secret: &Secret, now: SystemTime) -> bool {
        match &secret.kept {
            Kept::Plain(digest) => {
                let equal = constant_time::verify_slices_are_equal(&self.0.0, &digest.0).is_ok();
                equal & !secret.is_over(now)
            }
            Kept::Hashed { .. } => false,
        }
    }
}
