//! An issuer as it is written, in the file or in code, and its way to the rules.
//!
//! Every fault is found by one run. One of the file has its place; one of code names the issuer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use settings::{Either, Entry, Fault, Free, Mark, Object, Reading, Severity, Text};

use super::{
    ClaimMappings, ClaimPath, IssuerDraft, IssuerSettings, KeysDraft, RequiredClaim, RequiredValue,
    Way,
};
use crate::config::{clients, mandate};
use crate::fetch::{FetchFrom, Source, SourceFault};
use crate::keys::Algorithm;
use crate::policy::{Mandate, Operations};

/// A string and where it stands; `None`: in code.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) value: String,
    pub(super) mark: Option<Mark>,
    /// For "found …".
    shown: String,
}

impl From<Text> for Written {
    fn from(text: Text) -> Self {
        Self {
            mark: Some(text.mark),
            shown: text.shown(),
            value: text.value,
        }
    }
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        Self {
            value: text.to_owned(),
            mark: None,
            shown: format!("`{}`", text.escape_debug()),
        }
    }
}

/// Every key as it is written; a list that is not written has its default already.
#[derive(Clone)]
pub(super) struct Raw {
    /// The object of the file, and its path.
    pub(super) object: Option<(Mark, String)>,
    pub(super) issuer: Asked<Written>,
    /// None written is as good as an empty list.
    pub(super) audience: Asked<Vec<Written>>,
    pub(super) access_tokens: bool,
    pub(super) jwks_uri: Option<Written>,
    pub(super) jwks_file: Option<(Written, PathBuf)>,
    pub(super) fetch_from: Option<Written>,
    pub(super) authorities: Option<(Written, PathBuf)>,
    pub(super) algorithms: Vec<Written>,
    pub(super) token_types: Vec<Written>,
    pub(super) required_scopes: Vec<Written>,
    pub(super) required_claims: Vec<(Written, RequiredValue)>,
    pub(super) granted_scopes: Vec<Written>,
    pub(super) operations: Vec<Written>,
    pub(super) mandate: Mandate,
    pub(super) client_id: Vec<Written>,
    pub(super) subject: Vec<Written>,
    pub(super) scope: Vec<Written>,
    pub(super) clock_skew: Duration,
}

/// A value that has to be there.
#[derive(Clone)]
pub(super) enum Asked<T> {
    Found(T),
    Missing,
    /// It is there, of no use, and was reported.
    Faulty,
}

impl<T> Asked<T> {
    fn of(value: Option<T>, errors_before: usize, reading: &Reading) -> Self {
        match value {
            Some(value) => Self::Found(value),
            None if reading.faults.count(Severity::Error) == errors_before => Self::Missing,
            None => Self::Faulty,
        }
    }

    fn found(&self) -> Option<&T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Missing | Self::Faulty => None,
        }
    }
}

/// `ClockSkew`, as in the table of keys.
const SKEW_MAX: Duration = Duration::from_secs(300);

impl Raw {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let texts = |reading: &mut Reading, name: &str| -> Vec<Written> {
            let texts = object.texts(reading, name).unwrap_or_default();
            texts.into_iter().map(Into::into).collect()
        };
        let file = |reading: &mut Reading, name: &str| {
            let text = object.text(reading, name)?;
            let path = reading.absolute(&text.value);
            Some((text.into(), path))
        };
        let errors = |reading: &Reading| reading.faults.count(Severity::Error);
        let before = errors(reading);
        let issuer = object.text(reading, "Issuer").map(Into::into);
        let issuer = Asked::of(issuer, before, reading);
        let before = errors(reading);
        let audience = one_or_several(object, "Audience", reading);
        let audience = Asked::of(audience, before, reading);
        let mappings = object.object(reading, "ClaimMappings");
        let claims = object.entries(reading, "RequiredClaims");
        Self {
            object: Some((object.mark(), object.path().to_owned())),
            issuer,
            audience,
            access_tokens: object.bool(reading, "AccessTokens").value,
            jwks_uri: object.text(reading, "JwksUri").map(Into::into),
            jwks_file: file(reading, "JwksFile"),
            fetch_from: object.text(reading, "FetchFrom").map(Into::into),
            authorities: file(reading, "Authorities"),
            algorithms: texts(reading, "Algorithms"),
            token_types: texts(reading, "TokenTypes"),
            required_scopes: texts(reading, "RequiredScopes"),
            required_claims: claims.into_iter().map(required).collect(),
            granted_scopes: texts(reading, "GrantedScopes"),
            operations: texts(reading, "Operations"),
            mandate: mandate::read(object, mandate::Claims::Any, reading)
                .map_or_else(Mandate::default, Arc::unwrap_or_clone),
            client_id: one_or_several(&mappings, "ClientId", reading).unwrap_or_default(),
            subject: one_or_several(&mappings, "Subject", reading).unwrap_or_default(),
            scope: one_or_several(&mappings, "Scope", reading).unwrap_or_default(),
            clock_skew: object.duration(reading, "ClockSkew").value,
        }
    }

    /// `None` after a fault that leaves nothing to go on with.
    pub(super) fn validate(self, reading: &mut Reading) -> Option<IssuerDraft> {
        let before = reading.faults.count(Severity::Error);
        let at = At {
            mark: self.object.as_ref().map(|(mark, _)| *mark),
            name: match (&self.object, self.issuer.found()) {
                (Some((_, path)), _) => format!("`{path}`"),
                (None, Some(issuer)) => {
                    format!("issuer {}, registered in code", issuer.shown)
                }
                (None, None) => "an issuer registered in code".to_owned(),
            },
        };
        if matches!(self.issuer, Asked::Missing) {
            at.fault(None, "there is no `Issuer`", "in this object", reading);
        }
        let audiences = match &self.audience {
            Asked::Found(audiences) if !audiences.is_empty() => audiences.as_slice(),
            Asked::Found(_) | Asked::Missing if !self.access_tokens => &[],
            Asked::Found(_) | Asked::Missing => {
                let what = "there is no `Audience`: tokens that are for others would be taken";
                at.fault(None, what, "in this object", reading);
                &[]
            }
            Asked::Faulty => &[],
        };
        if self.client_id.is_empty() {
            let what = "`ClaimMappings.ClientId` is empty, so no token could ever be good";
            at.fault(None, what, "in this object", reading);
        }
        if let Some(empty) = audiences.iter().find(|one| !is_name(&one.value)) {
            let what = "its audience is empty or holds a control character";
            at.fault(empty.mark, what, "not an audience", reading);
        }
        let settings = IssuerSettings {
            issuer: self.issuer.found().map_or("", |one| &one.value).into(),
            access_tokens: self.access_tokens,
            audiences: audiences
                .iter()
                .map(|one| one.value.as_str().into())
                .collect(),
            algorithms: at.algorithms(&self.algorithms, reading),
            token_types: at.token_types(&self.token_types, reading),
            required_scopes: at.scopes(&self.required_scopes, reading),
            required_claims: self
                .required_claims
                .into_iter()
                .filter_map(|(path, value)| {
                    let path = at.path(&path, reading)?;
                    Some(RequiredClaim { path, value })
                })
                .collect(),
            granted_scopes: at.scopes(&self.granted_scopes, reading),
            operations: at.operations(&self.operations, reading),
            mandate: at.mandate(self.mandate, reading),
            mappings: ClaimMappings {
                client_id: at.paths(&self.client_id, reading),
                subject: at.paths(&self.subject, reading),
                scope: at.paths(&self.scope, reading),
            },
            clock_skew: self.clock_skew.as_secs(),
        };
        if self.clock_skew > SKEW_MAX {
            at.fault(None, "its clock skew is over 300 s", "too much", reading);
        }
        let keys = Keys {
            issuer: self.issuer.found(),
            uri: self.jwks_uri,
            file: self.jwks_file,
            from: self.fetch_from,
            authorities: self.authorities,
        };
        let keys = keys.validate(&at, reading);
        let faultless = reading.faults.count(Severity::Error) == before;
        Some(IssuerDraft {
            settings: Arc::new(settings),
            keys: keys.filter(|_| faultless)?,
            mark: self.issuer.found()?.mark.or(at.mark),
        })
    }
}

/// Where its keys come from, as written.
struct Keys<'a> {
    issuer: Option<&'a Written>,
    uri: Option<Written>,
    file: Option<(Written, PathBuf)>,
    from: Option<Written>,
    authorities: Option<(Written, PathBuf)>,
}

impl Keys<'_> {
    fn validate(self, at: &At, reading: &mut Reading) -> Option<KeysDraft> {
        if let Some((file, path)) = self.file {
            let useless = [
                ("JwksUri", self.uri),
                ("FetchFrom", self.from),
                ("Authorities", self.authorities.map(|(text, _)| text)),
            ];
            for (key, written) in useless {
                if let Some(written) = written {
                    let what = format!("`JwksFile` and `{key}` contradict each other");
                    let label = "nothing is fetched when the keys are in a file";
                    at.fault(written.mark, &what, label, reading);
                }
            }
            return Some(KeysDraft::File {
                path,
                mark: file.mark,
            });
        }
        let from = match &self.from {
            None => None,
            Some(written) => match FetchFrom::parse(&written.value) {
                Ok(from) => Some(from),
                Err(fault) => {
                    let what = format!("`FetchFrom` is not a place to connect to: {fault}");
                    let label = format!("found {}", written.shown);
                    at.fault(written.mark, &what, &label, reading);
                    return None;
                }
            },
        };
        let way = match (&self.uri, self.issuer) {
            (Some(uri), _) => Source::parse(&uri.value, from.as_ref())
                .map(Way::Uri)
                .map_err(|fault| {
                    let what = format!("`JwksUri` cannot be fetched: {fault}");
                    at.fault(uri.mark, &what, &format!("found {}", uri.shown), reading);
                }),
            (None, Some(issuer)) => discovery(&issuer.value, from.as_ref())
                .map(Way::Discovery)
                .map_err(|fault| {
                    let what = format!("its keys cannot be discovered: {fault}");
                    let label = "no `JwksUri`, no `JwksFile`, so discovery starts here";
                    at.fault(issuer.mark, &what, label, reading);
                }),
            (None, None) => return None,
        };
        let way = Box::new(way.ok()?);
        Some(KeysDraft::Fetched {
            way,
            from,
            authorities: self.authorities.map(|(text, path)| (path, text.mark)),
        })
    }
}

/// Where the metadata of `issuer` may be.
fn discovery(issuer: &str, from: Option<&FetchFrom>) -> Result<[Source; 2], SourceFault> {
    if issuer.contains(['?', '#']) {
        return Err(settings::url::Fault::Query.into());
    }
    // OIDC Discovery §4.1 and RFC 8414 §3.1: a terminating slash is removed first.
    let bare = issuer.strip_suffix('/').unwrap_or(issuer);
    let after_scheme = bare.find("://").map_or(0, |index| index + 3);
    let path = bare[after_scheme..].find('/');
    let (origin, path) = match path {
        Some(index) => bare.split_at(after_scheme + index),
        None => (bare, ""),
    };
    Ok([
        Source::parse(&format!("{bare}/.well-known/openid-configuration"), from)?,
        Source::parse(
            &format!("{origin}/.well-known/oauth-authorization-server{path}"),
            from,
        )?,
    ])
}

/// Where faults are about.
struct At {
    mark: Option<Mark>,
    name: String,
}

impl At {
    fn fault(&self, mark: Option<Mark>, what: &str, label: &str, reading: &mut Reading) {
        let message = format!("{}: {what}", self.name);
        reading.faults.push(match mark.or(self.mark) {
            Some(mark) => Fault::error(mark, message).label(label),
            None => Fault::placeless(message),
        });
    }

    fn algorithms(&self, written: &[Written], reading: &mut Reading) -> Vec<Algorithm> {
        let mut algorithms = Vec::with_capacity(written.len());
        for one in written {
            match Algorithm::named(&one.value) {
                Some(known) if algorithms.contains(&known) => {}
                Some(known) => algorithms.push(known),
                None => {
                    let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                    let what = format!("{} is not an algorithm of public keys", one.shown);
                    self.fault(one.mark, &what, &format!("one of {known}"), reading);
                }
            }
        }
        if written.is_empty() {
            let what = "`Algorithms` is empty, so no token could ever be good";
            self.fault(None, what, "in this object", reading);
        }
        algorithms
    }

    fn token_types(&self, written: &[Written], reading: &mut Reading) -> Vec<Box<str>> {
        if written.is_empty() {
            let what = "`TokenTypes` is empty, so no token could ever be good";
            self.fault(None, what, "in this object", reading);
        }
        let bare = |one: &Written| -> Box<str> {
            let lower = one.value.to_ascii_lowercase();
            lower.strip_prefix("application/").unwrap_or(&lower).into()
        };
        written.iter().map(bare).collect()
    }

    fn scopes(&self, written: &[Written], reading: &mut Reading) -> Vec<Arc<str>> {
        let mut scopes = Vec::with_capacity(written.len());
        for one in written {
            if clients::is_scope(&one.value) {
                scopes.push(one.value.as_str().into());
            } else {
                let what = format!("{} is not a scope", one.shown);
                let label = "visible ASCII without spaces, `\"` and `\\`; one scope each";
                self.fault(one.mark, &what, label, reading);
            }
        }
        scopes
    }

    fn operations(&self, written: &[Written], reading: &mut Reading) -> Operations {
        let names: Vec<_> = written.iter().map(|one| one.value.as_str()).collect();
        Operations::parse(&names).unwrap_or_else(|unknown| {
            let mark = written.get(unknown.index).and_then(|one| one.mark);
            let label = match unknown.nearest {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not known".to_owned(),
            };
            self.fault(mark, &unknown.to_string(), &label, reading);
            Operations::NONE
        })
    }

    /// What the file says was judged when it was read.
    fn mandate(&self, mandate: Mandate, reading: &mut Reading) -> Option<Arc<Mandate>> {
        if self.mark.is_none() && mandate.cannot_fill() {
            let what = "what is not named is to be filled in, but not with what";
            self.fault(None, what, "", reading);
        }
        Mandate::new(mandate.identity, mandate.tenant)
    }

    fn paths(&self, written: &[Written], reading: &mut Reading) -> Vec<ClaimPath> {
        let paths = written.iter();
        paths.filter_map(|one| self.path(one, reading)).collect()
    }

    fn path(&self, written: &Written, reading: &mut Reading) -> Option<ClaimPath> {
        match ClaimPath::parse(&written.value) {
            Ok(path) => Some(path),
            Err(fault) => {
                let what = format!("{} is not a path to a claim: {fault}", written.shown);
                let label = "names with dots between; `\\\\.` is a dot of a name";
                self.fault(written.mark, &what, label, reading);
                None
            }
        }
    }
}

fn one_or_several(object: &Object<'_>, key: &str, reading: &mut Reading) -> Option<Vec<Written>> {
    match object.either(reading, key)? {
        Either::Text(text) => Some(vec![text.into()]),
        Either::List(texts) => Some(texts.into_iter().map(Into::into).collect()),
        Either::Object(_) => None,
    }
}

fn required(entry: Entry) -> (Written, RequiredValue) {
    let value = match entry.value {
        Free::Bool(value) => RequiredValue::Bool(value),
        Free::Integer(value) => RequiredValue::Integer(value),
        Free::Text(text) => RequiredValue::Texts(vec![text.value.into()]),
        Free::List(texts) => {
            RequiredValue::Texts(texts.into_iter().map(|text| text.value.into()).collect())
        }
    };
    let mut name = Written::from(entry.name.as_str());
    name.mark = Some(entry.mark);
    (name, value)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
