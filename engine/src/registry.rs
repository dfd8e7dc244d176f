//! The schemes that processes can be made of, by code.
//!
//! In: validated versions. Out: the newest of a code, lists by tag, sources.
//! A version never changes; a newer one takes its place for new processes, and processes that
//! walk an older one keep it alive themselves.
//! Elsewhere: reading a folder (`registry::folder`), checking a scheme (`scheme`).

mod folder;
#[cfg(test)]
mod tests;

pub use folder::{Broken, FileFault, FolderError, FolderReport, Loaded};

use std::sync::Arc;

use dashmap::DashMap;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::failure::{Failure, Known, Limit, Shown};
use crate::scheme::Scheme;

/// The schemes of an engine.
#[derive(Debug, Default)]
pub struct Registry {
    newest: DashMap<Arc<str>, Arc<Scheme>, foldhash::fast::RandomState>,
    /// Held while the number of codes may grow.
    growing: Mutex<()>,
    files: Mutex<folder::Files>,
}

impl Registry {
    /// Makes `scheme` the newest version of its code. Fails only when the code is new and there
    /// are `max` already.
    pub fn add(&self, scheme: Scheme, max: usize) -> Result<Arc<Scheme>, Failure> {
        let scheme = Arc::new(scheme);
        let growing = self.growing.lock();
        if !self.newest.contains_key(&scheme.code) && self.newest.len() >= max {
            return Err(Failure::LimitExceeded {
                limit: Limit::Schemes,
                max: max as u64,
            });
        }
        self.newest
            .insert(Arc::clone(&scheme.code), Arc::clone(&scheme));
        drop(growing);
        Ok(scheme)
    }

    /// Takes a scheme out: no new processes are made of it, existing ones go on.
    pub fn remove(&self, code: &str) -> Result<Arc<Scheme>, Failure> {
        match self.newest.remove(code) {
            Some((_, scheme)) => Ok(scheme),
            None => Err(self.not_found(code)),
        }
    }

    /// The newest version; codes have case.
    pub fn scheme(&self, code: &str) -> Result<Arc<Scheme>, Failure> {
        self.find(code).ok_or_else(|| self.not_found(code))
    }

    /// The newest version, where there is one.
    pub fn find(&self, code: &str) -> Option<Arc<Scheme>> {
        self.newest.get(code).map(|scheme| Arc::clone(&scheme))
    }

    /// `getscheme`: the XML as it was read.
    pub fn source(&self, code: &str) -> Result<Arc<str>, Failure> {
        Ok(Arc::clone(&self.scheme(code)?.source))
    }

    /// `getschemelist`: the codes, sorted; with tags only those of schemes that have one of them.
    pub fn codes(&self, tags: &[&str]) -> Vec<Arc<str>> {
        let has_tag = |scheme: &Scheme| {
            let mut own = scheme.tags.iter();
            tags.is_empty() || own.any(|tag| tags.contains(&&**tag))
        };
        let mut codes: Vec<Arc<str>> = self
            .newest
            .iter()
            .filter(|entry| has_tag(entry.value()))
            .map(|entry| Arc::clone(entry.key()))
            .collect();
        codes.sort_unstable();
        codes
    }

    /// The ids of the newest versions, by code.
    pub fn ids(&self) -> Vec<(Arc<str>, Uuid)> {
        let ids = self.newest.iter();
        let mut ids: Vec<_> = ids
            .map(|entry| (Arc::clone(entry.key()), entry.value().id))
            .collect();
        ids.sort_unstable();
        ids
    }

    fn not_found(&self, code: &str) -> Failure {
        let codes = self.codes(&[]);
        Failure::SchemeNotFound {
            code: Shown::new(code),
            known: Known::of(codes.iter().map(|code| &**code), code),
        }
    }
}
