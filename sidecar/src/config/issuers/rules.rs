//! What the tokens of an issuer must be, and what they mean.

use std::sync::Arc;

use super::ClaimPath;
use crate::keys::Algorithm;
use crate::policy::{Mandate, Operations};

/// The rules for one issuer's tokens. Equality of two means: what one found good the other does.
#[derive(Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// `iss`, compared character by character.
    pub issuer: Arc<str>,
    /// Whether its tokens are let in; else they only vouch for clients.
    pub access_tokens: bool,
    /// An access token must be for one of them. At least one where these are let in.
    pub audiences: Vec<Box<str>>,
    /// What a token may be signed with. At least one.
    pub algorithms: Vec<Algorithm>,
    /// `typ` without `application/`, in lower case. At least one.
    pub token_types: Vec<Box<str>>,
    /// Without these a token passes nowhere.
    pub required_scopes: Vec<Arc<str>>,
    /// Without these it is not good.
    pub required_claims: Vec<RequiredClaim>,
    /// What each of its tokens has besides what it names.
    pub granted_scopes: Vec<Arc<str>>,
    /// What its tokens may call of the Workflow API.
    pub operations: Operations,
    /// For whom its tokens may speak; `None`: for anybody.
    pub mandate: Option<Arc<Mandate>>,
    /// Where a token says who calls.
    pub mappings: ClaimMappings,
    /// How far its clock may be from ours, in seconds.
    pub clock_skew: u64,
}

impl IssuerSettings {
    /// Whether access tokens may be of that type; `None`: the token does not say.
    pub(crate) fn takes_type(&self, named: Option<&str>) -> bool {
        // RFC 7519 §5.1: a JWT may leave it to be understood that it is one.
        let bare = match named {
            None => "jwt",
            // RFC 7515 §4.1.9: without case, the prefix left out or not.
            Some(typ) => match typ.split_at_checked(12) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
                _ => typ,
            },
        };
        let mut types = self.token_types.iter();
        types.any(|known| known.eq_ignore_ascii_case(bare))
    }
}

/// A claim that must have a certain value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredClaim {
    /// Where it stands.
    pub path: ClaimPath,
    /// What it must be, or have among its members.
    pub value: RequiredValue,
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequiredValue {
    /// This.
    Bool(bool),
    /// This.
    Integer(i64),
    /// One of these.
    Texts(Vec<Box<str>>),
}

/// Where a token says who calls and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimMappings {
    /// The first that is there.
    pub client_id: Vec<ClaimPath>,
    /// The first that is there, else the client.
    pub subject: Vec<ClaimPath>,
    /// All that are there.
    pub scope: Vec<ClaimPath>,
}
