//! The one thread that changes what is revoked.
//!
//! In: orders. Out: a changed [`State`], announced; an answer to each order once it is on the disk.
//! What could not be written stays in force here and is written with the next round.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::Changes;
use super::super::deny::{Denial, Denials};
use super::journal::{Change, Journal, News};
use super::{Refused, State, Tokens};
use crate::clock::unix_time;

/// Orders that are served by one sync.
const ROUND_MAX: usize = 4096;

/// Between two looks for what other processes wrote. A look is one system call.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A change that somebody waits for.
pub(super) struct Order {
    pub(super) change: Change,
    /// `Deny.Limit` for whoever asks.
    pub(super) limit: usize,
    /// For a removal: whether there was anything.
    pub(super) answer: oneshot::Sender<Result<bool, Refused>>,
}

pub(super) struct Keeper {
    journal: Journal,
    state: Arc<State>,
    changes: Arc<Changes>,
    entries: Entries,
    /// In force, but not on the disk yet.
    unwritten: Vec<Change>,
    /// The file could not be read at the last look.
    blind: bool,
}

/// What `State::entries` shows: each with its end, by everything else that it says.
#[derive(Default)]
struct Entries {
    ends: HashMap<Denial, Option<u64>>,
    /// They are others than those that are shown.
    changed: bool,
}

impl Keeper {
    pub(super) fn new(journal: Journal, state: Arc<State>, changes: Arc<Changes>) -> Self {
        Self {
            journal,
            state,
            changes,
            entries: Entries::default(),
            unwritten: Vec::new(),
            blind: false,
        }
    }

    /// Until nobody can order any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.recv_timeout(LOOK_EVERY) {
                Ok(first) => {
                    let mut round = vec![first];
                    round.extend(orders.try_iter().take(ROUND_MAX - 1));
                    self.round(round, unix_time());
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) {
        let followed = self.follow(unix_time());
        if let Err(error) = &followed
            && !self.blind
        {
            tracing::error!(
                path = %self.journal.path().display(), %error,
                "what other processes revoke cannot be read; what is known stays in force"
            );
        }
        self.blind = followed.is_err();
    }

    /// Takes over what is new in the file.
    pub(super) fn follow(&mut self, now: u64) -> io::Result<()> {
        let (fresh, lines) = match self.journal.news()? {
            News::Nothing => return Ok(()),
            News::Appended(lines) => (false, lines),
            News::Whole(lines) => (true, lines),
        };
        self.state.damaged.fetch_add(lines.damaged, Relaxed);
        {
            // Held to the end: nobody may see the list while it is empty.
            let mut tokens = self.state.tokens.write();
            if fresh {
                // What others took back may be gone from the file without a line that says so.
                tokens.clear();
                self.entries.ends.clear();
                self.entries.changed = true;
            }
            for change in lines.changes.iter().chain(&self.unwritten) {
                self.entries.apply(&mut tokens, change, now);
            }
        }
        self.publish();
        Ok(())
    }

    /// In force first, on the disk then, acknowledged last.
    fn round(&mut self, orders: Vec<Order>, now: u64) {
        let mut outcomes = Vec::with_capacity(orders.len());
        {
            let mut tokens = self.state.tokens.write();
            for order in orders {
                let outcome = self.entries.take(&mut tokens, &order, now);
                if let Ok(true) = outcome {
                    self.unwritten.push(order.change);
                }
                outcomes.push((order.answer, outcome));
            }
        }
        self.publish();
        let written = self.write(now);
        let unwritten = self.unwritten.len() as u64;
        self.state.unwritten.store(unwritten, Relaxed);
        if let Err(error) = &written {
            tracing::error!(
                path = %self.journal.path().display(), %error,
                "revocations are in force, but cannot be kept over a restart"
            );
        }
        for (answer, outcome) in outcomes {
            let outcome = match (outcome, &written) {
                (Ok(_), Err(error)) => {
                    let own = io::Error::new(error.kind(), error.to_string());
                    Err(Refused::NotKept(own))
                }
                (outcome, _) => outcome,
            };
            // Whoever does not wait any more has it all the same.
            let _ = answer.send(outcome);
        }
    }

    /// Everything that is unwritten, after what others wrote.
    fn write(&mut self, now: u64) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let _lock = self.journal.lock()?;
        self.follow(now)?;
        let live = self.entries.ends.len() + self.state.tokens.read().len();
        if self.journal.is_mostly_over(live) {
            self.entries
                .forget_what_is_over(&mut self.state.tokens.write(), now);
            self.publish();
            // It holds what is unwritten already.
            self.journal.rewrite(self.state.all())?;
        } else {
            self.journal.append(&self.unwritten)?;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// Tokens are changed in place; the other entries are few, and indexed anew when one changed.
    fn publish(&mut self) {
        if std::mem::take(&mut self.entries.changed) {
            let entries = self.entries.ends.iter().map(|(entry, until)| Denial {
                until: *until,
                ..entry.clone()
            });
            let mut entries: Vec<_> = entries.collect();
            entries.sort_unstable();
            self.state.entries.store(Arc::new(Denials::new(entries)));
        }
        self.changes.happened();
    }
}

impl Entries {
    /// An order's part in memory.
    fn take(&mut self, tokens: &mut Tokens, order: &Order, now: u64) -> Result<bool, Refused> {
        if let Change::Add(denial) = &order.change {
            let full = |own: &Self, tokens: &Tokens| own.ends.len() + tokens.len() >= order.limit;
            let known = match denial.lone_token() {
                Some(token) => tokens.contains_key(token),
                None => self.ends.contains_key(&parted(denial).0),
            };
            if !known && full(self, tokens) {
                self.forget_what_is_over(tokens, now);
                if full(self, tokens) {
                    return Err(Refused::Full);
                }
            }
        }
        Ok(self.apply(tokens, &order.change, now))
    }

    /// Whether it changes anything: an entry that is there already has to be written again only
    /// with another end, and one that is over not at all.
    fn apply(&mut self, tokens: &mut Tokens, change: &Change, now: u64) -> bool {
        let denial = match change {
            Change::Add(denial) if denial.is_over(now) || !denial.names_something() => {
                return false;
            }
            Change::Add(denial) | Change::Remove(denial) => denial,
        };
        let adds = matches!(change, Change::Add(_));
        if let Some(token) = denial.lone_token() {
            let until = denial.until.unwrap_or(u64::MAX);
            return if adds {
                tokens.insert(token.into(), until) != Some(until)
            } else {
                tokens.remove(token).is_some()
            };
        }
        let (entry, until) = parted(denial);
        let news = if adds {
            self.ends.insert(entry, until) != Some(until)
        } else {
            self.ends.remove(&entry).is_some()
        };
        self.changed |= news;
        news
    }

    fn forget_what_is_over(&mut self, tokens: &mut Tokens, now: u64) {
        tokens.retain(|_, until| *until > now);
        let before = self.ends.len();
        self.ends
            .retain(|_, until| until.is_none_or(|until| until > now));
        self.changed |= self.ends.len() < before;
    }
}

/// An entry without its end.
fn parted(denial: &Denial) -> (Denial, Option<u64>) {
    let mut entry = denial.clone();
    let until = entry.until.take();
    (entry, until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_by_what_is_over_and_by_nothing_else() {
        let (mut entries, mut tokens) = (Entries::default(), Tokens::new());
        let mut deny = |name: &str, until, now| {
            let (answer, _) = oneshot::channel();
            let denial = match name.strip_prefix("client ") {
                Some(client) => Denial {
                    client: Some(client.into()),
                    until,
                    ..Denial::default()
                },
                None => Denial {
                    token: Some(name.into()),
                    until,
                    ..Denial::default()
                },
            };
            let order = Order {
                change: Change::Add(denial),
                limit: 3,
                answer,
            };
            entries.take(&mut tokens, &order, now).ok()
        };
        for (name, until, now, want) in [
            ("1", Some(20), 10, Some(true)),
            ("client 2", Some(30), 10, Some(true)),
            ("3", None, 10, Some(true)),
            ("4", Some(40), 19, None),
            ("1", Some(20), 19, Some(false)),
            ("4", Some(40), 20, Some(true)),
            ("5", Some(50), 29, None),
            ("client 2", Some(35), 29, Some(true)),
            ("5", Some(50), 30, None),
            ("5", Some(50), 35, Some(true)),
            ("6", None, 39, None),
            ("over", Some(38), 40, Some(false)),
        ] {
            assert_eq!(deny(name, until, now), want, "{name} at {now}");
        }
    }
}
