//! As much DER as it takes to say what a key file holds.
//!
//! In: bytes of a key, a certificate or a PKCS#12 file. Out: which of them it is, the kind of key
//! and its size. Nothing is trusted by this: the crypto library parses what is used; this only
//! chooses the parser and the words of a message. ITU-T X.690 §8, §10 (definite lengths only).

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// What a binary file is, by its first members.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `PFX ::= SEQUENCE { version INTEGER (3), … }`
    Pkcs12,
    /// `Certificate ::= SEQUENCE { SEQUENCE …`
    Certificate,
    /// PKCS#1, PKCS#8 or SEC1.
    PrivateKey,
    Unknown,
}

/// What kind of private key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rsa { bits: u32 },
    Other(&'static str),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RSA",
            Self::Other(name) => name,
        }
    }
}

/// A reader over the members of one value.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next member's tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else {
            return None;
        };
        let (length, rest) = match *first {
            short @ 0..=0x7f => (usize::from(short), rest),
            long @ 0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        match self.next()? {
            (found, content) if found == tag => Some(content),
            _ => None,
        }
    }
}

/// Tells the binary forms apart.
pub(super) fn form(bytes: &[u8]) -> Form {
    let Some(mut members) = Reader(bytes).take(SEQUENCE).map(Reader) else {
        return Form::Unknown;
    };
    match members.next() {
        Some((INTEGER, [3])) => Form::Pkcs12,
        Some((INTEGER, [0 | 1])) => Form::PrivateKey,
        Some((SEQUENCE, _)) => Form::Certificate,
        _ => Form::Unknown,
    }
}

/// The kind of a private key in PKCS#1, PKCS#8 or SEC1 form; `None` when it is none of them.
pub(super) fn kind(key: &[u8]) -> Option<Kind> {
    let mut members = Reader(Reader(key).take(SEQUENCE)?);
    members.take(INTEGER)?;
    match members.next()? {
        (INTEGER, modulus) => Some(Kind::Rsa {
            bits: bits(modulus),
        }),
        (OCTET_STRING, _) => Some(Kind::Other("EC")),
        (SEQUENCE, algorithm) => {
            let mut algorithm = Reader(algorithm);
            let oid = algorithm.take(OID)?;
            // 1.2.840.113549.1.1.1: the key inside is PKCS#1.
            if oid == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01] {
                return kind(members.take(OCTET_STRING)?);
            }
            Some(Kind::Other(match oid {
                [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] => "EC",
                [0x2b, 0x65, 0x70] => "Ed25519",
                [0x2b, 0x65, 0x71] => "Ed448",
                [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => "RSASSA-PSS-only",
                _ => "unsupported",
            }))
        }
        _ => None,
    }
}

/// Modulus and exponent of an `RSAPublicKey` (RFC 8017 §A.1.1), without the sign byte.
pub(super) fn rsa_public_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut members = Reader(Reader(key).take(SEQUENCE)?);
    let modulus = unsigned(members.take(INTEGER)?);
    let exponent = unsigned(members.take(INTEGER)?);
    Some((modulus, exponent))
}

/// An INTEGER's content without leading zeros.
pub(super) fn unsigned(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}

/// Significant bits of a big-endian number.
pub(super) fn bits(integer: &[u8]) -> u32 {
    let integer = unsigned(integer);
    let Some(first) = integer.first() else {
        return 0;
    };
    u32::try_from(integer.len() * 8).map_or(u32::MAX, |all| all - first.leading_zeros())
}

/// When a certificate ceases to be valid (RFC 5280 §4.1.2.5); `None` when that cannot be read.
pub(crate) fn not_after(certificate: &[u8]) -> Option<time::OffsetDateTime> {
    const VERSION: u8 = 0xa0;
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let certificate = Reader(certificate).take(SEQUENCE)?;
    let mut members = Reader(Reader(certificate).take(SEQUENCE)?);
    if let (VERSION, _) = members.next()? {
        members.take(INTEGER)?; // serial number
    }
    members.take(SEQUENCE)?; // signature algorithm
    members.take(SEQUENCE)?; // issuer
    let mut validity = Reader(members.take(SEQUENCE)?);
    validity.next()?;
    let (tag, text) = validity.next()?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (year + if year < 50 { 2000 } else { 1900 }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pair = |at: usize| rest.get(at..at + 2)?.parse::<u8>().ok();
    let month = time::Month::try_from(pair(0)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, pair(2)?).ok()?;
    let time = time::Time::from_hms(pair(4)?, pair(6)?, pair(8)?).ok()?;
    Some(time::PrimitiveDateTime::new(date, time).assume_utc())
}
