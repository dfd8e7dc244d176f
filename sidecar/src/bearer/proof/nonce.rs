//! Nonces that clients put into their proofs: made from the time and a key, so that none is kept.
//!
//! Time is cut into slices of half a nonce's life. A nonce is its slice and a keyed digest of it;
//! it is good in its own slice and the next. Rules: RFC 9449 §8 and §9. With the same key in all
//! replicas a nonce of one is good at every other; with a key of its own a replica takes only its
//! own, and so no proof that was used at another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::config::Dpop;

/// Of the digest: enough that none is guessed.
const TAG_BYTES: usize = 16;
/// What the key is used for, should it be used for something else one day.
const PURPOSE: &[u8] = b"dpop-nonce ";

/// Makes and judges nonces.
pub(super) struct Nonces {
    /// When the configuration names no other.
    own: Option<hmac::Key>,
}

/// How long a nonce will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Young,
    /// Good still, but the client should have a new one.
    Old,
    /// Or never ours.
    Over,
}

impl Nonces {
    pub(super) fn new() -> Self {
        // Without randomness every nonce is refused, and other things fail before.
        let own = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self { own: own.ok() }
    }

    /// A nonce of now.
    pub(super) fn fresh(&self, dpop: &Dpop, now: u64) -> Box<str> {
        let slice = (now / dpop.nonce_slice).to_be_bytes();
        let tag = self.tag(dpop, slice);
        let tag = tag.as_ref().map_or(&[][..], hmac::Tag::as_ref);
        let tag = tag.get(..TAG_BYTES).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&slice, tag].concat()).into()
    }

    /// Whether `nonce` is one of ours, and will do now.
    pub(super) fn judge(&self, dpop: &Dpop, nonce: &str, now: u64) -> Age {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else {
            return Age::Over;
        };
        let Some((slice, tag)) = bytes.split_first_chunk::<8>() else {
            return Age::Over;
        };
        let own = self.tag(dpop, *slice);
        let own = own.as_ref().and_then(|own| own.as_ref().get(..TAG_BYTES));
        let same = own
            .is_some_and(|own| aws_lc_rs::constant_time::verify_slices_are_equal(own, tag).is_ok());
        let current = now / dpop.nonce_slice;
        let slice = u64::from_be_bytes(*slice);
        match () {
            () if !same => Age::Over,
            // One ahead: of a replica whose clock is.
            () if slice == current || slice == current + 1 => Age::Young,
            () if slice + 1 == current => Age::Old,
            () => Age::Over,
        }
    }

    fn tag(&self, dpop: &Dpop, slice: [u8; 8]) -> Option<hmac::Tag> {
        let key = dpop.nonce_key.as_ref().or(self.own.as_ref())?;
        Some(hmac::sign(key, &[PURPOSE, &slice].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_key(key: Option<&[u8]>) -> Dpop {
        Dpop {
            nonce_slice: 100,
            nonce_key: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)),
            ..Dpop::default()
        }
    }

    #[test]
    fn a_nonce_is_good_in_its_slice_and_the_next() {
        let (nonces, dpop) = (Nonces::new(), with_key(None));
        let nonce = nonces.fresh(&dpop, 1_050);
        for (now, want) in [
            (899, Age::Over),
            (900, Age::Young),
            (1_000, Age::Young),
            (1_099, Age::Young),
            (1_100, Age::Old),
            (1_199, Age::Old),
            (1_200, Age::Over),
            (9_999, Age::Over),
        ] {
            assert_eq!(nonces.judge(&dpop, &nonce, now), want, "{now}");
        }
    }

    #[test]
    fn only_our_own_nonces_count() {
        let (nonces, dpop) = (Nonces::new(), with_key(None));
        let nonce = nonces.fresh(&dpop, 1_000);
        let other = Nonces::new().fresh(&dpop, 1_000);
        let mut bent = URL_SAFE_NO_PAD.decode(&*nonce).unwrap();
        bent[7] ^= 1;
        let bent = URL_SAFE_NO_PAD.encode(bent);
        for strange in [
            "",
            "x",
            &*other,
            &bent,
            &nonce[..nonce.len() - 4],
            &format!("{nonce}AAAA"),
        ] {
            assert_eq!(nonces.judge(&dpop, strange, 1_000), Age::Over, "{strange}");
        }
    }

    #[test]
    fn replicas_with_one_key_take_each_others_nonces() {
        let shared = with_key(Some(&[7; 32]));
        let nonce = Nonces::new().fresh(&shared, 1_000);
        assert_eq!(Nonces::new().judge(&shared, &nonce, 1_000), Age::Young);
        assert_eq!(
            Nonces::new().judge(&with_key(Some(&[8; 32])), &nonce, 1_000),
            Age::Over
        );
    }
}
