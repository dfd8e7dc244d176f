//! Rules that are no client's and no route's: `Policy`.
//!
//! In: the object. Out: [`PolicySettings`]. A subject is known by its issuer and its `sub`
//! (OpenID Connect Core §2: `sub` is unique within its issuer only).

use std::collections::HashMap;
use std::sync::Arc;

use settings::{Fault, Mark, Object, Reading};

use super::mandate::{self, Claims};
use crate::policy::Mandate;

/// `Policy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// What policy refuses is only counted and logged, on every route that does not say otherwise.
    pub shadow: bool,
    /// By subject, then by issuer.
    subjects: HashMap<Box<str>, Vec<OfIssuer>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OfIssuer {
    /// Without a trailing slash.
    issuer: Box<str>,
    mandate: Arc<Mandate>,
}

impl PolicySettings {
    pub(super) fn read(object: &Object<'_>, reading: &mut Reading) -> Self {
        let mut settings = Self {
            shadow: object.bool(reading, "Shadow").value,
            subjects: HashMap::new(),
        };
        let mut marks: HashMap<(Box<str>, Box<str>), Mark> = HashMap::new();
        for object in object.objects(reading, "Subjects") {
            let issuer = object.text(reading, "Issuer");
            let subject = object.text(reading, "Subject");
            let mandate = mandate::read(&object, Claims::Any, reading);
            for key in ["Issuer", "Subject"] {
                if object.key_mark(key).is_none() {
                    let fault = Fault::error(object.mark(), format!("a subject has no `{key}`"));
                    reading.faults.push(fault.label("in this object"));
                }
            }
            let (Some(issuer), Some(subject)) = (issuer, subject) else {
                continue;
            };
            let Some(mandate) = mandate else {
                reading.faults.push(
                    Fault::error(object.mark(), "nothing is said of a subject")
                        .label("neither `BindIdentity` nor `BindTenant`"),
                );
                continue;
            };
            let mark = subject.mark;
            let issuer: Box<str> = bare(&issuer.value).into();
            let subject: Box<str> = subject.value.into();
            if let Some(first) = marks.insert((issuer.clone(), subject.clone()), mark) {
                reading.faults.push(
                    Fault::error(mark, "the same subject of the same issuer twice")
                        .label("the second one")
                        .also(first, "the first one"),
                );
            }
            let of_subject = settings.subjects.entry(subject).or_default();
            of_subject.push(OfIssuer { issuer, mandate });
        }
        settings
    }

    /// For whom the bearer of a token of `subject` may speak, where `general` is said of its
    /// client or issuer. What is said of the subject counts instead.
    pub(crate) fn mandate(
        &self,
        issuer: &str,
        subject: &str,
        general: Option<&Arc<Mandate>>,
    ) -> Option<Arc<Mandate>> {
        let of_subject = self.subjects.get(subject).map(Vec::as_slice);
        let mut of_subject = of_subject.unwrap_or_default().iter();
        match of_subject.find(|one| *one.issuer == *bare(issuer)) {
            Some(special) => Some(Arc::new(Mandate::merged(&special.mandate, general))),
            None => general.cloned(),
        }
    }
}

fn bare(issuer: &str) -> &str {
    issuer.strip_suffix('/').unwrap_or(issuer)
}
