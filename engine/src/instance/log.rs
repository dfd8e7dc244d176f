//! A list that only grows, shared between the snapshots of an instance.
//!
//! In: records in order. Out: the same list in a new snapshot, where appending copies at most
//! one short tail and never the records before it.

use std::sync::Arc;

/// The most records that an append copies. Short, because each copied record touches the
/// counters of the names that it shares.
const TAIL_MAX: usize = 16;

/// Records, oldest first. A clone shares everything.
#[derive(Debug)]
pub struct Log<T> {
    sealed: Option<Arc<Chunk<T>>>,
    tail: Option<Arc<[T]>>,
    len: usize,
}

/// Records that no append touches again.
#[derive(Debug)]
struct Chunk<T> {
    older: Option<Arc<Chunk<T>>>,
    items: Arc<[T]>,
}

impl<T> Log<T> {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The newest record.
    pub fn last(&self) -> Option<&T> {
        self.tail.as_deref().and_then(<[T]>::last)
    }

    /// All records, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks().into_iter().rev().flatten()
    }

    /// All records, newest first; walks no further than it is asked to.
    pub fn newest_first(&self) -> impl Iterator<Item = &T> {
        let sealed = std::iter::successors(self.sealed.as_deref(), |chunk| chunk.older.as_deref());
        let tail = self.tail.as_deref().unwrap_or_default();
        std::iter::once(tail)
            .chain(sealed.map(|chunk| &*chunk.items))
            .flat_map(|items| items.iter().rev())
    }

    /// The records' runs, newest run first.
    fn chunks(&self) -> Vec<&[T]> {
        let sealed = std::iter::successors(self.sealed.as_deref(), |chunk| chunk.older.as_deref());
        self.tail
            .as_deref()
            .into_iter()
            .chain(sealed.map(|chunk| &*chunk.items))
            .collect()
    }
}

impl<T: Clone> Log<T> {
    /// The list with `records` after its end.
    #[must_use]
    pub fn with(&self, records: Vec<T>) -> Self {
        let mut next = self.clone();
        next.len += records.len();
        if records.is_empty() {
            return next;
        }
        let Some(tail) = next.tail.take() else {
            next.tail = Some(records.into());
            return next;
        };
        if tail.len() + records.len() <= TAIL_MAX {
            next.tail = Some(tail.iter().cloned().chain(records).collect());
        } else {
            next.sealed = Some(Arc::new(Chunk {
                older: next.sealed.take(),
                items: tail,
            }));
            next.tail = Some(records.into());
        }
        next
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Self {
            sealed: self.sealed.clone(),
            tail: self.tail.clone(),
            len: self.len,
        }
    }
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        Self {
            sealed: None,
            tail: None,
            len: 0,
        }
    }
}

impl<T> Drop for Chunk<T> {
    /// Frees a long list in a loop: one call per chunk would exhaust the stack.
    fn drop(&mut self) {
        let mut older = self.older.take();
        while let Some(mut chunk) = older.and_then(Arc::into_inner) {
            older = chunk.older.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_every_record_in_order_however_they_arrive() {
        let mut log = Log::default();
        let mut model: Vec<usize> = Vec::new();
        for size in [0, 1, 3, 15, 16, 17, 1, 40, 2, 0, 16] {
            let records: Vec<usize> = (model.len()..model.len() + size).collect();
            model.extend(&records);
            let before = log.clone();
            log = log.with(records);
            assert_eq!(log.len(), model.len());
            assert_eq!(log.iter().copied().collect::<Vec<_>>(), model);
            let newest: Vec<usize> = log.newest_first().copied().collect();
            assert_eq!(newest, model.iter().rev().copied().collect::<Vec<_>>());
            assert_eq!(log.last(), model.last());
            assert_eq!(before.iter().count(), before.len(), "the old list stays");
        }
    }

    #[test]
    fn a_long_log_is_freed_without_recursion() {
        let mut log = Log::default();
        for number in 0..300_000_u32 {
            log = log.with(vec![number]);
        }
        let kept = log.clone();
        drop(log);
        assert_eq!(kept.iter().count(), 300_000);
    }
}
