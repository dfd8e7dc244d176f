//! Who is trusted besides ourselves: `Issuers`, and what code registers.
//!
//! In: the list of the file, the issuers of the builder. Out: [`Issuers`] by their `iss`, each with
//! its rules and its keys, or faults. Code wins over the file for the same issuer.
//! Rules: an issuer is one string, compared exactly (RFC 8725 §3.8); OIDC Discovery 1.0 §4 and
//! RFC 8414 §3 for where its metadata is.
//! Elsewhere: the judgement of a token (`bearer`); fetching keys (`bearer::issuers`).

mod claim_path;
mod in_code;
mod load;
mod rules;
mod written;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use settings::{Mark, Object, Reading};

pub use claim_path::{ClaimPath, PathFault};
pub use in_code::Issuer;
pub use rules::{ClaimMappings, IssuerSettings, RequiredClaim, RequiredValue};

use crate::bearer::IssuerKeys;
use crate::fetch::{FetchFrom, Source};
use written::Raw;

/// Issuers that are trusted besides our own, by their `iss`.
#[derive(Default)]
pub struct Issuers {
    by_name: HashMap<Arc<str>, TrustedIssuer, foldhash::fast::RandomState>,
}

/// An issuer whose tokens are accepted.
pub struct TrustedIssuer {
    /// What its tokens must be and what they mean.
    pub settings: Arc<IssuerSettings>,
    pub(crate) keys: IssuerKeys,
}

impl Issuers {
    /// The issuer of that name, compared exactly.
    pub fn find(&self, issuer: &str) -> Option<&TrustedIssuer> {
        self.by_name.get(issuer)
    }

    /// Every issuer, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedIssuer> {
        self.by_name.values()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(crate) fn of(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Self {
        let named = issuers
            .into_iter()
            .map(|issuer| (Arc::clone(&issuer.settings.issuer), issuer));
        Self {
            by_name: named.collect(),
        }
    }
}

/// An issuer before its files are read.
pub(super) struct IssuerDraft {
    pub(super) settings: Arc<IssuerSettings>,
    keys: KeysDraft,
    /// `None`: registered in code.
    pub(super) mark: Option<Mark>,
}

/// Where its keys come from.
enum KeysDraft {
    File {
        path: PathBuf,
        mark: Option<Mark>,
    },
    Fetched {
        way: Box<Way>,
        from: Option<FetchFrom>,
        authorities: Option<(PathBuf, Option<Mark>)>,
    },
}

/// How the key set is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the metadata under the issuer's own name: `OpenID` Connect's place, then RFC 8414's.
    Discovery([Source; 2]),
    /// Straight.
    Uri(Source),
}

/// Every issuer of the file that is faultless as far as it goes, then those of code; and whether
/// there are others, whose faults were found.
pub(super) fn read(
    root: &Object<'_>,
    in_code: &[Issuer],
    reading: &mut Reading,
) -> (Vec<IssuerDraft>, bool) {
    let mut drafts: Vec<IssuerDraft> = Vec::new();
    let mut faulty = false;
    for object in root.objects(reading, "Issuers") {
        let raw = Raw::read(&object, reading);
        let Some(draft) = raw.validate(reading) else {
            faulty = true;
            continue;
        };
        let twin = drafts
            .iter()
            .find(|other| other.settings.issuer == draft.settings.issuer);
        if let (Some(twin), Some(mark)) = (twin, draft.mark) {
            let message = format!(
                "two issuers have the name `{}`",
                draft.settings.issuer.escape_debug()
            );
            let fault = settings::Fault::error(mark, message).label("the second one");
            reading.faults.push(match twin.mark {
                Some(first) => fault.also(first, "the first one"),
                None => fault,
            });
            continue;
        }
        drafts.push(draft);
    }
    let mut seen = std::collections::HashSet::new();
    for issuer in in_code {
        if !seen.insert(issuer.name()) {
            let message = format!(
                "two issuers registered in code have the name `{}`",
                issuer.name().escape_debug()
            );
            reading.faults.push(settings::Fault::placeless(message));
            continue;
        }
        let Some(draft) = issuer.raw().validate(reading) else {
            faulty = true;
            continue;
        };
        drafts.retain(|other| other.settings.issuer != draft.settings.issuer);
        drafts.push(draft);
    }
    (drafts, faulty)
}

pub(super) use load::{certificates, load};
