//! A hashed secret as a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, or
//! `$pbkdf2-sha256$i=…$salt$hash`.
//!
//! In: the string, from a configuration. Out: a [`Hashed`] that verifies, or a fault. Rules: the PHC
//! string format, RFC 9106 (Argon2), RFC 8018 §5.2 (PBKDF2). Its parameters are bounded: what
//! stands in a file must not be able to eat the machine at the first request.
//! Elsewhere: when it is worth running (`oauth`).

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use argon2::{Algorithm as Variant, Argon2, Params, Version};
use aws_lc_rs::{constant_time, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// KiB of memory of one Argon2 hash: 64 MiB, RFC 9106's second recommendation.
const ARGON2_MEMORY: RangeInclusive<u32> = 8..=64 * 1024;
/// Passes over that memory.
const ARGON2_PASSES: RangeInclusive<u32> = 1..=16;
/// Lanes; they are computed one after the other here.
const ARGON2_LANES: RangeInclusive<u32> = 1..=4;
/// KiB times passes: what one hash costs. Four passes over 64 MiB, about 200 ms of a core.
const ARGON2_WORK_MAX: u32 = 4 * 64 * 1024;
/// Rounds of HMAC: up to about half a second of a core.
const PBKDF2_ITERATIONS: RangeInclusive<u32> = 1_000..=2_000_000;
const SALT_BYTES: RangeInclusive<usize> = 8..=64;
const HASH_BYTES: RangeInclusive<usize> = 16..=64;
/// Longer than any string within those bounds.
const STRING_BYTES_MAX: usize = 512;

/// Salt and hash of what we make.
const MADE_SALT_BYTES: usize = 16;
const MADE_HASH_BYTES: usize = 32;

/// An algorithm by which a secret may be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// RFC 9106; takes memory, so that guessing is dear on any hardware.
    Argon2id,
    /// RFC 8018 with HMAC-SHA-256.
    Pbkdf2Sha256,
    /// RFC 8018 with HMAC-SHA-512.
    Pbkdf2Sha512,
}

impl HashAlgorithm {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Argon2id, Self::Pbkdf2Sha256, Self::Pbkdf2Sha512];

    /// As a PHC string has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Pbkdf2Sha256 => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 => "pbkdf2-sha512",
        }
    }

    /// What a secret hashed today should cost (OWASP Password Storage, 2023).
    fn recommended(self) -> Cost {
        match self {
            Self::Argon2id => Cost::Argon2id {
                memory_kib: 19 * 1024,
                passes: 2,
                lanes: 1,
            },
            Self::Pbkdf2Sha256 => Cost::Pbkdf2 {
                digest: Digest::Sha256,
                iterations: NonZeroU32::new(600_000).expect("not zero"),
            },
            Self::Pbkdf2Sha512 => Cost::Pbkdf2 {
                digest: Digest::Sha512,
                iterations: NonZeroU32::new(210_000).expect("not zero"),
            },
        }
    }
}

/// Why a string is no hash that is taken. No part of it is told: it may be a secret by mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum HashFault {
    #[error("not a PHC string, `$algorithm$parameters$salt$hash`")]
    Form,
    #[error("of an algorithm that is not served: argon2id, pbkdf2-sha256 and pbkdf2-sha512 are")]
    Algorithm,
    #[error("of an Argon2 version other than 19")]
    Version,
    #[error("without its parameter `{0}`, or with one that is malformed, unknown or repeated")]
    Parameter(&'static str),
    #[error(
        "`{name}` is {found}; from {least} to {most} is taken, so that a check cannot eat the machine"
    )]
    Bounds {
        name: &'static str,
        found: u32,
        least: u32,
        most: u32,
    },
    #[error(
        "`m` times `t` is {found} KiB; at most {most} is taken, so that a check cannot eat the machine"
    )]
    Work { found: u32, most: u32 },
    #[error("`m` is less than 8 KiB for each lane of `p`")]
    Lanes,
    #[error("the salt is not base64 of {} to {} bytes", SALT_BYTES.start(), SALT_BYTES.end())]
    Salt,
    #[error("the hash is not base64 of {} to {} bytes", HASH_BYTES.start(), HASH_BYTES.end())]
    Hash,
    #[error("the secret is empty or too long, or holds a control character")]
    Secret,
}

/// A secret of which only the hash is known. No `Debug`.
#[derive(PartialEq, Eq)]
pub(crate) struct Hashed {
    cost: Cost,
    salt: Box<[u8]>,
    hash: Box<[u8]>,
}

/// The algorithm of a hash with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    Argon2id {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Pbkdf2 {
        digest: Digest,
        iterations: NonZeroU32,
    },
}

/// What PBKDF2 runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    Sha256,
    Sha512,
}

impl Cost {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Argon2id { .. } => HashAlgorithm::Argon2id.name(),
            Self::Pbkdf2 { digest, .. } => match digest {
                Digest::Sha256 => HashAlgorithm::Pbkdf2Sha256.name(),
                Digest::Sha512 => HashAlgorithm::Pbkdf2Sha512.name(),
            },
        }
    }

    /// About how much work it is, to compare with others: bytes mixed for Argon2, and rounds for
    /// PBKDF2 by what they were measured to take beside it.
    pub(crate) fn work(self) -> u64 {
        match self {
            Self::Argon2id {
                memory_kib, passes, ..
            } => u64::from(memory_kib) * u64::from(passes),
            Self::Pbkdf2 { digest, iterations } => {
                let round = match digest {
                    Digest::Sha256 => 8,
                    Digest::Sha512 => 4,
                };
                u64::from(iterations.get()) / round
            }
        }
    }

    /// Runs the hash for nothing: what an attempt costs where there is no hash to compare with.
    pub(crate) fn burn(self, secret: &str) {
        let mut out = [0; MADE_HASH_BYTES];
        self.derive(secret, &[0; MADE_SALT_BYTES], &mut out);
        std::hint::black_box(out);
    }

    /// False when the library refuses, which bounds that were checked leave no reason for.
    fn derive(self, secret: &str, salt: &[u8], out: &mut [u8]) -> bool {
        match self {
            Self::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => Params::new(memory_kib, passes, lanes, Some(out.len())).is_ok_and(|params| {
                Argon2::new(Variant::Argon2id, Version::V0x13, params)
                    .hash_password_into(secret.as_bytes(), salt, out)
                    .is_ok()
            }),
            Self::Pbkdf2 { digest, iterations } => {
                let algorithm = match digest {
                    Digest::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Digest::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                pbkdf2::derive(algorithm, iterations, salt, secret.as_bytes(), out);
                true
            }
        }
    }
}

impl Hashed {
    pub(crate) fn parse(text: &str) -> Result<Self, HashFault> {
        if text.len() > STRING_BYTES_MAX {
            return Err(HashFault::Form);
        }
        let mut fields = text.strip_prefix('$').ok_or(HashFault::Form)?.split('$');
        let algorithm = fields.next().ok_or(HashFault::Form)?;
        let algorithm = HashAlgorithm::ALL
            .into_iter()
            .find(|known| known.name() == algorithm)
            .ok_or(HashFault::Algorithm)?;
        if algorithm == HashAlgorithm::Argon2id {
            match fields.next().and_then(|field| field.strip_prefix("v=")) {
                Some("19") => {}
                // Without a version it is 16 (PHC string format), which had a flaw.
                Some(_) | None => return Err(HashFault::Version),
            }
        }
        let (Some(parameters), Some(salt), Some(hash), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(HashFault::Form);
        };
        let salt = decode(salt, &SALT_BYTES).ok_or(HashFault::Salt)?;
        let hash = decode(hash, &HASH_BYTES).ok_or(HashFault::Hash)?;
        let cost = match algorithm {
            HashAlgorithm::Argon2id => argon2id(parameters)?,
            HashAlgorithm::Pbkdf2Sha256 => pbkdf2_of(Digest::Sha256, parameters, hash.len())?,
            HashAlgorithm::Pbkdf2Sha512 => pbkdf2_of(Digest::Sha512, parameters, hash.len())?,
        };
        Ok(Self { cost, salt, hash })
    }

    pub(crate) fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether `secret` is the one that was hashed. Slow by design.
    pub(crate) fn verify(&self, secret: &str) -> bool {
        let mut out = vec![0; self.hash.len()];
        self.cost.derive(secret, &self.salt, &mut out)
            && constant_time::verify_slices_are_equal(&out, &self.hash).is_ok()
    }
}

/// A PHC string of `secret`, with a random salt and today's recommended cost.
///
/// # Errors
/// The secret is one that no client could be registered with.
pub fn hash_secret(secret: &str, algorithm: HashAlgorithm) -> Result<String, HashFault> {
    make(secret, algorithm.recommended())
}

fn make(secret: &str, cost: Cost) -> Result<String, HashFault> {
    if secret.is_empty() || secret.chars().any(char::is_control) {
        return Err(HashFault::Secret);
    }
    let mut salt = [0; MADE_SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).expect("the operating system gives random bytes");
    let mut hash = [0; MADE_HASH_BYTES];
    cost.derive(secret, &salt, &mut hash);
    let mut text = format!("${}$", cost.name());
    let written = match cost {
        Cost::Argon2id {
            memory_kib,
            passes,
            lanes,
        } => write!(text, "v=19$m={memory_kib},t={passes},p={lanes}"),
        Cost::Pbkdf2 { iterations, .. } => write!(text, "i={iterations},l={MADE_HASH_BYTES}"),
    };
    written.expect("writing to a String cannot fail");
    for bytes in [&salt[..], &hash[..]] {
        text.push('$');
        text.push_str(&STANDARD_NO_PAD.encode(bytes));
    }
    Ok(text)
}

fn argon2id(parameters: &str) -> Result<Cost, HashFault> {
    let [memory_kib, passes, lanes] = named(parameters, ["m", "t", "p"])?;
    let memory_kib = within("m", memory_kib, &ARGON2_MEMORY)?;
    let passes = within("t", passes, &ARGON2_PASSES)?;
    let lanes = within("p", lanes, &ARGON2_LANES)?;
    if memory_kib < 8 * lanes {
        return Err(HashFault::Lanes);
    }
    let found = memory_kib * passes;
    if found > ARGON2_WORK_MAX {
        let most = ARGON2_WORK_MAX;
        return Err(HashFault::Work { found, most });
    }
    Ok(Cost::Argon2id {
        memory_kib,
        passes,
        lanes,
    })
}

/// `i=…`, with `l=…` for the length or without; or the rounds alone, as Python's passlib writes.
fn pbkdf2_of(digest: Digest, parameters: &str, length: usize) -> Result<Cost, HashFault> {
    let iterations = if let Some(number) = number(parameters) {
        Some(number)
    } else {
        let [iterations, told] = named(parameters, ["i", "l"])?;
        if told.is_some_and(|told| usize::try_from(told) != Ok(length)) {
            return Err(HashFault::Parameter("l"));
        }
        iterations
    };
    let iterations = within("i", iterations, &PBKDF2_ITERATIONS)?;
    let iterations = NonZeroU32::new(iterations).ok_or(HashFault::Parameter("i"))?;
    Ok(Cost::Pbkdf2 { digest, iterations })
}

/// The values of these names, each at most once, and no others.
fn named<const N: usize>(
    parameters: &str,
    names: [&'static str; N],
) -> Result<[Option<u32>; N], HashFault> {
    let mut found = [None; N];
    for pair in parameters.split(',') {
        let (name, value) = pair.split_once('=').ok_or(HashFault::Parameter(names[0]))?;
        let place = names.iter().position(|known| *known == name);
        let place = place.ok_or(HashFault::Parameter(names[0]))?;
        let value = number(value).ok_or(HashFault::Parameter(names[place]))?;
        if found[place].replace(value).is_some() {
            return Err(HashFault::Parameter(names[place]));
        }
    }
    Ok(found)
}

/// A decimal number without sign or leading zero.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0')))
        .then(|| text.parse().ok())
        .flatten()
}

fn within(
    name: &'static str,
    found: Option<u32>,
    bounds: &RangeInclusive<u32>,
) -> Result<u32, HashFault> {
    let found = found.ok_or(HashFault::Parameter(name))?;
    if bounds.contains(&found) {
        return Ok(found);
    }
    Err(HashFault::Bounds {
        name,
        found,
        least: *bounds.start(),
        most: *bounds.end(),
    })
}

/// Base64 without padding; passlib writes a dot for the plus.
fn decode(text: &str, bytes: &RangeInclusive<usize>) -> Option<Box<[u8]>> {
    let decoded = STANDARD_NO_PAD.decode(text.replace('.', "+")).ok()?;
    bytes.contains(&decoded.len()).then(|| decoded.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of `secret`, as the reference implementation of Argon2, Python's hashlib and passlib make them.
    const KNOWN: [&str; 4] = [ARGON2, SHA256, SHA512, PASSLIB];
    const ARGON2: &str = "$argon2id$v=19$m=64,t=2,p=2$MDEyMzQ1Njc4OWFiY2RlZg$wtg+N1DuYog9UhprK83GzYk9QyhVvzVZLO1yZwerlJI";
    const SHA256: &str = "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$tiKWHy4FAGCWE8gn6GtKhaxD2OeeAUUWXFT/p1aaNl8";
    const SHA512: &str = "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$vgFvU7zWIDgDAUi7d8ayt+cfRiPWVVWfv8iQRsGZaZviWzsSNgWYXEE5PmvI/VELMsOmEbqLz0PKuePNjOk41A";
    const PASSLIB: &str =
        "$pbkdf2-sha256$29000$MDEyMzQ1Njc4OWFiY2RlZg$aQOdhWy9q87h1Y13loIh9irlXgv2WqcdeMcUgrd9rJ4";

    #[test]
    fn hashes_that_others_made_verify() {
        for text in KNOWN {
            let hash = Hashed::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert!(hash.verify("secret"), "{text}");
            assert!(!hash.verify("Secret") && !hash.verify(""), "{text}");
        }
    }

    #[test]
    fn what_is_made_verifies_and_is_salted() {
        for cost in [
            Cost::Argon2id {
                memory_kib: 8,
                passes: 1,
                lanes: 1,
            },
            Cost::Pbkdf2 {
                digest: Digest::Sha512,
                iterations: NonZeroU32::new(1_000).unwrap(),
            },
        ] {
            let (one, two) = (make("s", cost).unwrap(), make("s", cost).unwrap());
            assert_ne!(one, two);
            let hash = Hashed::parse(&one).unwrap();
            assert!(hash.verify("s") && !hash.verify("t"));
            assert_eq!(hash.cost(), cost);
        }
        for secret in ["", "a\nb"] {
            assert_eq!(
                hash_secret(secret, HashAlgorithm::Argon2id),
                Err(HashFault::Secret)
            );
        }
    }

    #[test]
    fn recommended_costs_are_within_our_own_bounds() {
        for algorithm in HashAlgorithm::ALL {
            let text = match algorithm.recommended() {
                Cost::Argon2id {
                    memory_kib,
                    passes,
                    lanes,
                } => format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}"),
                Cost::Pbkdf2 { iterations, .. } => format!("${}$i={iterations}", algorithm.name()),
            };
            let text = format!("{text}$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA");
            assert!(Hashed::parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_hash_is_of_a_known_form_and_within_bounds() {
        let salt_and_hash = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
        for (head, want) in [
            ("$argon2id$v=19$m=64,t=1,p=1", None),
            ("$argon2id$v=19$p=4,m=65536,t=4", None),
            ("$pbkdf2-sha256$i=600000", None),
            ("$pbkdf2-sha256$i=600000,l=16", None),
            ("$pbkdf2-sha512$600000", None),
            ("", Some("not served")),
            ("secret", Some("not a PHC string")),
            ("$argon2i$v=19$m=64,t=1,p=1", Some("not served")),
            ("$2b$12$x", Some("not served")),
            ("$argon2id$m=64,t=1,p=1", Some("version")),
            ("$argon2id$v=16$m=64,t=1,p=1", Some("version")),
            ("$argon2id$v=19$m=64,t=1", Some("`p`")),
            ("$argon2id$v=19$m=64,m=64,t=1,p=1", Some("`m`")),
            ("$argon2id$v=19$m=64,t=1,p=1,keyid=AA", Some("unknown")),
            ("$argon2id$v=19$m=+64,t=1,p=1", Some("`m`")),
            ("$argon2id$v=19$m=064,t=1,p=1", Some("`m`")),
            ("$argon2id$v=19$m=65537,t=1,p=1", Some("eat the machine")),
            (
                "$argon2id$v=19$m=4294967295,t=4294967295,p=1",
                Some("eat the machine"),
            ),
            ("$argon2id$v=19$m=99999999999,t=1,p=1", Some("`m`")),
            ("$argon2id$v=19$m=65536,t=5,p=1", Some("times `t`")),
            ("$argon2id$v=19$m=64,t=17,p=1", Some("`t` is 17")),
            ("$argon2id$v=19$m=64,t=1,p=5", Some("`p` is 5")),
            ("$argon2id$v=19$m=31,t=1,p=4", Some("each lane")),
            ("$argon2id$v=19$m=0,t=1,p=1", Some("`m` is 0")),
            ("$pbkdf2-sha256$i=999", Some("`i` is 999")),
            ("$pbkdf2-sha256$i=2000001", Some("eat the machine")),
            ("$pbkdf2-sha256$i=600000,l=32", Some("`l`")),
            ("$pbkdf2-sha256$600000$x", Some("not a PHC string")),
        ] {
            let text = format!("{head}{salt_and_hash}");
            let found = Hashed::parse(&text).err().map(|fault| fault.to_string());
            match (found, want) {
                (None, None) => {}
                (Some(found), Some(want)) => assert!(found.contains(want), "{text}: {found}"),
                (found, want) => panic!("{text}: {found:?}, not {want:?}"),
            }
        }
        for (tail, want) in [
            ("$AAAA$AAAAAAAAAAAAAAAAAAAAAA", HashFault::Salt),
            ("$AAAAAAAAAAAAAAAAAAAAAA$AAAA", HashFault::Hash),
            ("$AAAAAAAAAAAAAAAAAAAAAA", HashFault::Form),
            (
                "$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAA",
                HashFault::Salt,
            ),
            ("$AAAAAAAAAAAAAAAAAAAAAA$!!!!", HashFault::Hash),
        ] {
            let text = format!("$argon2id$v=19$m=64,t=1,p=1{tail}");
            assert_eq!(Hashed::parse(&text).err(), Some(want), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(\\$argon2id\\$v=19|\\$pbkdf2-sha256)?[$=,.a-z0-9]{0,60}|\\PC{0,60}") {
            let _ = Hashed::parse(&text);
        }
    }
}
