//! The query: checked, and forwarded byte for byte.
//!
//! In: the query as sent, what the path says already. Out: the operation that it names, or the
//! reason why not. Rules: the OAuth reference §5.9. A parameter by which policy or the engine
//! decides who may do what must not be given twice with different values, in any place or case:
//! two servers could take different ones.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::path::hex_byte;
use crate::refusal::Reason;

/// The parameters that decide who may do what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deciding {
    Operation,
    ProcessId,
    IdentityId,
    ImpersonatedIdentityId,
    TenantId,
}

impl Deciding {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Operation, "operation"),
        (Self::ProcessId, "processid"),
        (Self::IdentityId, "identityid"),
        (Self::ImpersonatedIdentityId, "impersonatedidentityid"),
        (Self::TenantId, "tenantid"),
    ];

    /// By a decoded name, without ASCII case.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name))
            .map(|(deciding, _)| deciding)
    }

    /// Names of operations and UUIDs have no case.
    fn same(self, one: &[u8], other: &[u8]) -> bool {
        match self {
            Self::Operation | Self::ProcessId => one.eq_ignore_ascii_case(other),
            Self::IdentityId | Self::ImpersonatedIdentityId | Self::TenantId => one == other,
        }
    }
}

/// What was found of each deciding parameter.
#[derive(Default)]
pub(super) struct Found<'a>([Option<Cow<'a, [u8]>>; 5]);

impl<'a> Found<'a> {
    pub(super) fn add(&mut self, name: Deciding, value: Cow<'a, [u8]>) -> Result<(), Reason> {
        match &mut self.0[name as usize] {
            Some(before) if name.same(before, &value) => Ok(()),
            Some(_) => Err(Reason::ParameterContradiction),
            empty => {
                *empty = Some(value);
                Ok(())
            }
        }
    }

    /// The operation's name, if it is text.
    pub(super) fn operation(&self) -> Option<&str> {
        let name = self.0[Deciding::Operation as usize].as_deref()?;
        std::str::from_utf8(name).ok()
    }
}

/// Every byte is fit to be forwarded.
pub(super) fn characters(query: &str) -> Result<(), Reason> {
    let bytes = query.as_bytes();
    let mut beyond_ascii = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'%' => {
                let hex = bytes.get(at + 1..at + 3);
                let byte = hex.and_then(hex_byte).ok_or(Reason::QueryMalformed)?;
                beyond_ascii |= !byte.is_ascii();
                at += 2;
            }
            0x00..=0x20 | 0x7f.. => return Err(Reason::QueryMalformed),
            _ => {}
        }
        at += 1;
    }
    if beyond_ascii && percent_decode(bytes).decode_utf8().is_err() {
        return Err(Reason::QueryMalformed);
    }
    Ok(())
}

/// Adds the deciding parameters of a query whose characters are fit.
pub(super) fn collect<'a>(query: &'a str, found: &mut Found<'a>) -> Result<(), Reason> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let Some(name) = Deciding::named(&decoded(name)) {
            found.add(name, decoded(value))?;
        }
    }
    Ok(())
}

/// One pass: what comes out is not decoded again.
fn decoded(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode(spaced.as_bytes()).collect())
}
