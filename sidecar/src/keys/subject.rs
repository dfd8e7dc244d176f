//! Whose a certificate is: its subject, its alternative names, its key.
//!
//! In: a certificate in DER that was proved in a handshake, or that a configuration names; a
//! distinguished name as text. Out: an [`Identity`] and a [`DistinguishedName`] to compare. Rules:
//! RFC 5280 §4.1.2.4 and §4.2.1.6, RFC 4514 §2–3. Names are compared exactly, attribute by
//! attribute: case and blanks count, so that no two certificates are one client by accident.
//! Elsewhere: who vouches for it (`listener`), which client it is (`oauth`).

use std::net::IpAddr;

use ring::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// What a certificate says of its holder.
pub(crate) struct Identity {
    /// `None` when it has an attribute that is no text.
    pub(crate) subject: Option<DistinguishedName>,
    pub(crate) dns: Vec<Box<str>>,
    pub(crate) uris: Vec<Box<str>>,
    pub(crate) emails: Vec<Box<str>>,
    pub(crate) addresses: Vec<IpAddr>,
    /// SHA-256 of its `SubjectPublicKeyInfo`: the same for a renewed certificate of the same key.
    pub(crate) key: [u8; 32],
    /// Seconds since the epoch, both included.
    valid: std::ops::RangeInclusive<i64>,
}

impl Identity {
    /// `None` when the certificate cannot be read.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (rest, certificate) = X509Certificate::from_der(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let mut identity = Self {
            subject: DistinguishedName::of(certificate.subject()),
            dns: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            addresses: Vec::new(),
            key: sha256(certificate.public_key().raw),
            valid: certificate.validity().not_before.timestamp()
                ..=certificate.validity().not_after.timestamp(),
        };
        let names = certificate.subject_alternative_name().ok()?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            match name {
                GeneralName::DNSName(name) => identity.dns.push((*name).into()),
                GeneralName::URI(uri) => identity.uris.push((*uri).into()),
                GeneralName::RFC822Name(email) => identity.emails.push((*email).into()),
                GeneralName::IPAddress(bytes) => identity.addresses.extend(address(bytes)),
                // None of RFC 8705 §2.1.2.
                _ => {}
            }
        }
        Some(identity)
    }

    /// Whether it is valid at that time, in seconds since the epoch.
    pub(crate) fn is_valid(&self, unix_time: u64) -> bool {
        i64::try_from(unix_time).is_ok_and(|now| self.valid.contains(&now))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// A subject: relative names in the certificate's order, each a set of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// An object identifier in dotted form, and its value.
type Attribute = (Box<str>, Box<str>);

/// Why a text is no distinguished name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum NameFault {
    #[error("not of the form `CN=name,O=organisation`")]
    Form,
    #[error("with an attribute that has no known short name; write its object identifier")]
    Attribute,
    #[error("with a value in hexadecimal BER (`#…`), which is not served")]
    Ber,
    #[error("with a backslash that escapes nothing")]
    Escape,
}

/// Short names of RFC 4514 §3, and those that tools print besides.
const SHORT: [(&str, &str); 13] = [
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("E", "1.2.840.113549.1.9.1"),
];

impl DistinguishedName {
    fn of(name: &x509_parser::x509::X509Name<'_>) -> Option<Self> {
        let names = name.iter_rdn().map(|relative| {
            let attributes = relative.iter().map(|attribute| {
                let value = attribute.as_str().ok()?;
                Some((attribute.attr_type().to_id_string().into(), value.into()))
            });
            let mut attributes = attributes.collect::<Option<Vec<Attribute>>>()?;
            attributes.sort_unstable();
            Some(attributes)
        });
        names.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Reads the form of RFC 4514, which has the last relative name first. Blanks around a
    /// separator that are not escaped do not count.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        let mut names = vec![Vec::new()];
        let mut rest = text.trim_start_matches(' ');
        loop {
            let (kind, after) = rest.split_once('=').ok_or(NameFault::Form)?;
            let (value, separator, after) = value(after.trim_start_matches(' '))?;
            if let Some(name) = names.last_mut() {
                name.push((oid(kind.trim())?, value.into()));
            }
            match separator {
                None => break,
                Some('+') => {}
                Some(_) => names.push(Vec::new()),
            }
            rest = after.trim_start_matches(' ');
        }
        for name in &mut names {
            name.sort_unstable();
        }
        names.reverse();
        Ok(Self(names))
    }
}

fn oid(kind: &str) -> Result<Box<str>, NameFault> {
    let dotted = kind.contains('.')
        && kind
            .split('.')
            .all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()));
    if dotted {
        return Ok(kind.into());
    }
    if kind.is_empty() {
        return Err(NameFault::Form);
    }
    let known = SHORT
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(kind));
    known
        .map(|(_, oid)| (*oid).into())
        .ok_or(NameFault::Attribute)
}

/// A value up to the separator that ends it, which separator, and what follows.
fn value(text: &str) -> Result<(String, Option<char>, &str), NameFault> {
    if text.starts_with('#') {
        return Err(NameFault::Ber);
    }
    let mut bytes = Vec::new();
    // Up to here blanks at the end were escaped.
    let mut kept = 0;
    let mut characters = text.char_indices();
    let mut end = (None, "");
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                let (_, escaped) = characters.next().ok_or(NameFault::Escape)?;
                if let Some(high) = escaped.to_digit(16) {
                    let low = characters.next().and_then(|(_, digit)| digit.to_digit(16));
                    let byte = high << 4 | low.ok_or(NameFault::Escape)?;
                    bytes.push(u8::try_from(byte).map_err(|_| NameFault::Escape)?);
                } else if " \"#+,;<=>\\".contains(escaped) {
                    bytes.push(u8::try_from(escaped).map_err(|_| NameFault::Escape)?);
                } else {
                    return Err(NameFault::Escape);
                }
                kept = bytes.len();
            }
            ',' | ';' | '+' => {
                end = (Some(character), &text[at + 1..]);
                break;
            }
            '"' | '<' | '>' => return Err(NameFault::Form),
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    while bytes.len() > kept && bytes.last() == Some(&b' ') {
        bytes.pop();
    }
    let value = String::from_utf8(bytes).map_err(|_| NameFault::Escape)?;
    if value.is_empty() {
        return Err(NameFault::Form);
    }
    Ok((value, end.0, end.1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType, string};

    use super::*;

    fn certificate() -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Acme, Inc.");
        name.push(DnType::CommonName, "Jürgen");
        let ia5 = |text: &str| string::Ia5String::try_from(text).unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName(ia5("a.example")),
            SanType::URI(ia5("spiffe://cluster/ns/a")),
            SanType::Rfc822Name(ia5("a@example.com")),
            SanType::IpAddress([10, 0, 0, 1].into()),
        ];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Identity::read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_tells_every_name_of_rfc_8705() {
        let identity = certificate();
        assert_eq!(identity.dns, ["a.example".into()]);
        assert_eq!(identity.uris, ["spiffe://cluster/ns/a".into()]);
        assert_eq!(identity.emails, ["a@example.com".into()]);
        assert_eq!(identity.addresses, [IpAddr::from([10, 0, 0, 1])]);
        assert!(identity.is_valid(1_800_000_000) && !identity.is_valid(1));
        assert!(Identity::read(b"").is_none());
    }

    #[test]
    fn a_subject_is_compared_exactly_in_the_form_of_rfc_4514() {
        let subject = certificate().subject.unwrap();
        for (text, want) in [
            ("CN=Jürgen,O=Acme\\, Inc.,C=DE", true),
            ("CN=J\\C3\\BCrgen,O=Acme\\2C Inc.,C=DE", true),
            ("cn=Jürgen , o=Acme\\, Inc. , c=DE", true),
            ("2.5.4.3=Jürgen;2.5.4.10=Acme\\, Inc.;2.5.4.6=DE", true),
            ("C=DE,O=Acme\\, Inc.,CN=Jürgen", false),
            ("CN=jürgen,O=Acme\\, Inc.,C=DE", false),
            ("CN=Jürgen,O=Acme\\, Inc.", false),
            ("CN=Jürgen+O=Acme\\, Inc.,C=DE", false),
            ("CN=Jürgen\\ ,O=Acme\\, Inc.,C=DE", false),
        ] {
            let name = DistinguishedName::parse(text).unwrap();
            assert_eq!(name == subject, want, "{text}");
        }
        for (text, want) in [
            ("", NameFault::Form),
            ("Jürgen", NameFault::Form),
            ("CN=", NameFault::Form),
            ("=a", NameFault::Form),
            ("CN=a,", NameFault::Form),
            ("CN=\"a\"", NameFault::Form),
            ("CN=#0401", NameFault::Ber),
            ("XX=a", NameFault::Attribute),
            ("CN=a\\", NameFault::Escape),
            ("CN=a\\x", NameFault::Escape),
            ("CN=a\\ff", NameFault::Escape),
        ] {
            assert_eq!(DistinguishedName::parse(text), Err(want), "{text}");
        }
        let one = DistinguishedName::parse("CN=a+O=b,C=DE");
        assert_eq!(one, DistinguishedName::parse("O=b+CN=a,C=DE"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,40}|(CN=[a-z\\\\+,;= #]{0,20}){1,3}") {
            let _ = DistinguishedName::parse(&text);
        }
    }
}
