//! Where one connection stands, and when it has been standing there too long.
//!
//! In: bytes read, requests begun and ended, writes that wait. Out: a [`Verdict`] whenever its
//! alarm rings. hyper has a deadline for the head of an HTTP/1.1 request but none between
//! requests, and allocates a timer for each; this keeps one timer for a connection and moves it
//! only when it rings.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::admin::ConnectionLimit;
use crate::config::Limits;

/// An HTTP/1.1 connection without a request for so long gives its buffers back.
const PARK_AFTER: Duration = if cfg!(test) {
    Duration::from_millis(5)
} else {
    Duration::from_secs(1)
};

/// A connection that a drain finds without a request so far is given this long to send one.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Nothing was asked yet; the first head is due.
    Fresh,
    /// A part of a head has come.
    Head,
    /// At least one request is under way.
    Busy,
    /// Between requests.
    Idle,
}

/// Which rules hold between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Bytes between requests begin a head.
    Http1,
    /// Bytes between requests may be `PING` or `WINDOW_UPDATE`: only streams count.
    Http2,
}

/// What is to be done when the alarm rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Ring again then.
    Wait(Instant),
    /// Nothing is under way nor half read; memory may be given back.
    Park(Instant),
    /// Its time is up.
    Close(ConnectionLimit),
}

/// One connection's standing. Touched by its worker's thread only; atomics because futures that
/// hold it must be `Send`.
pub(super) struct Life {
    epoch: Instant,
    header: Duration,
    idle: Duration,
    phase: AtomicU8,
    in_flight: AtomicU32,
    /// Milliseconds after `epoch` at which the phase began.
    since: AtomicU64,
    /// Milliseconds after `epoch` plus one since which a write waits; 0: none does.
    stalled: AtomicU64,
    draining: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Life {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            epoch: now,
            header: limits.header,
            idle: limits.idle,
            phase: AtomicU8::new(Phase::Fresh as u8),
            in_flight: AtomicU32::new(0),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// The handshake is done: the first head is due from `now`.
    pub(super) fn begin(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.epoch).as_millis();
        self.since
            .store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// Bytes came in.
    pub(super) fn bytes_read(&self, protocol: Protocol) {
        match (self.phase(), protocol) {
            // The deadline of the first head runs from the beginning of the connection.
            (Phase::Fresh, Protocol::Http1) => self.phase.store(Phase::Head as u8, Relaxed),
            (Phase::Idle, Protocol::Http1) => self.enter(Phase::Head),
            (Phase::Fresh, Protocol::Http2) => self.enter(Phase::Idle),
            (Phase::Idle, Protocol::Http2) | (Phase::Head | Phase::Busy, _) => {}
        }
    }

    /// A request's head is complete.
    pub(super) fn request_begun(&self) {
        self.in_flight.fetch_add(1, Relaxed);
        self.phase.store(Phase::Busy as u8, Relaxed);
    }

    /// Its response was written, or given up.
    pub(super) fn request_ended(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.enter(Phase::Idle);
        }
    }

    /// The other end takes no more bytes for now.
    pub(super) fn write_waits(&self) {
        if self.stalled.load(Relaxed) == 0 {
            self.stalled.store(self.millis() + 1, Relaxed);
        }
    }

    /// Bytes went out.
    pub(super) fn write_went_on(&self) {
        if self.stalled.load(Relaxed) != 0 {
            self.stalled.store(0, Relaxed);
        }
    }

    /// Asks the connection to end after what is under way.
    pub(super) fn drain(&self) {
        self.draining.store(true, Relaxed);
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
    }

    /// Whether [`Life::drain`] was called; if not, `waker` is woken when it is.
    pub(super) fn draining(&self, waker: &Waker) -> bool {
        if self.draining.load(Relaxed) {
            return true;
        }
        let mut kept = self.waker.lock();
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
        // Set before the waker was stored, it would have woken nobody.
        self.draining.load(Relaxed)
    }

    /// Whether a drain may end it while it has no request: its first one may just be on the way.
    pub(super) fn may_end(&self, now: Instant) -> bool {
        self.phase() != Phase::Fresh || now >= self.at(self.since.load(Relaxed)) + FIRST_REQUEST
    }

    /// When the alarm should ring next, whatever happens from `now` on.
    pub(super) fn next_alarm(&self, now: Instant) -> Instant {
        now + self.soonest()
    }

    /// What the standing at `now` asks for.
    pub(super) fn judge(&self, now: Instant) -> Verdict {
        let since = self.at(self.since.load(Relaxed));
        let stalled = self.stalled.load(Relaxed);
        let due = match self.phase() {
            Phase::Fresh | Phase::Head => Some((since + self.header, ConnectionLimit::Header)),
            Phase::Idle => Some((since + self.idle, ConnectionLimit::Idle)),
            Phase::Busy => None,
        };
        // A reader that takes nothing for as long as an idle connection may last is gone.
        let due = match (due, stalled) {
            (None, 1..) => Some((self.at(stalled - 1) + self.idle, ConnectionLimit::Idle)),
            (due, _) => due,
        };
        let next = now + self.soonest();
        match due {
            Some((due, limit)) if due <= now => Verdict::Close(limit),
            Some((due, _)) if self.phase() == Phase::Idle && stalled == 0 => {
                let park = since + PARK_AFTER;
                if park <= now {
                    Verdict::Park(due)
                } else {
                    Verdict::Wait(park.min(due))
                }
            }
            Some((due, _)) => Verdict::Wait(due.min(next)),
            None => Verdict::Wait(next),
        }
    }

    /// No phase that begins from now on asks for anything sooner than this.
    fn soonest(&self) -> Duration {
        self.header
            .min(self.idle)
            .min(FIRST_REQUEST)
            .min(PARK_AFTER)
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.millis(), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Fresh,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Idle,
        }
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, millis: u64) -> Instant {
        self.epoch + Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(75);

    fn life(epoch: Instant) -> Life {
        let limits = Limits {
            header: HEADER,
            idle: IDLE,
            ..crate::listener::tests::limits()
        };
        Life::new(&limits, epoch)
    }

    /// An instant so far back that `after` it is still past.
    fn past() -> Instant {
        Instant::now() - Duration::from_secs(600)
    }

    fn closes(verdict: Verdict) -> Option<ConnectionLimit> {
        match verdict {
            Verdict::Close(limit) => Some(limit),
            Verdict::Wait(_) | Verdict::Park(_) => None,
        }
    }

    #[test]
    fn the_first_head_is_due_from_the_beginning_however_it_trickles() {
        let begun = past();
        let life = life(begun);
        assert_eq!(closes(life.judge(begun + HEADER / 2)), None);
        life.bytes_read(Protocol::Http1);
        assert_eq!(
            closes(life.judge(begun + HEADER)),
            Some(ConnectionLimit::Header)
        );
    }

    #[test]
    fn a_request_under_way_has_no_deadline_but_for_its_reader() {
        let life = life(past());
        life.bytes_read(Protocol::Http1);
        life.request_begun();
        let now = Instant::now();
        assert_eq!(closes(life.judge(now + 10 * IDLE)), None);
        life.write_waits();
        assert_eq!(closes(life.judge(now + IDLE / 2)), None);
        assert_eq!(
            closes(life.judge(now + 2 * IDLE)),
            Some(ConnectionLimit::Idle)
        );
        life.write_went_on();
        assert_eq!(closes(life.judge(now + 2 * IDLE)), None);
    }

    #[test]
    fn an_idle_connection_is_parked_then_closed() {
        let life = life(past());
        life.request_begun();
        life.request_begun();
        life.request_ended();
        let now = Instant::now();
        assert_eq!(closes(life.judge(now + 2 * IDLE)), None, "one still runs");
        life.request_ended();
        assert!(matches!(life.judge(now), Verdict::Wait(_)));
        assert!(matches!(life.judge(now + IDLE / 2), Verdict::Park(_)));
        assert_eq!(
            closes(life.judge(now + 2 * IDLE)),
            Some(ConnectionLimit::Idle)
        );
    }

    #[test]
    fn bytes_between_requests_begin_a_head_in_http1_only() {
        for (protocol, want) in [
            (Protocol::Http1, ConnectionLimit::Header),
            (Protocol::Http2, ConnectionLimit::Idle),
        ] {
            let life = life(past());
            life.request_begun();
            life.request_ended();
            life.bytes_read(protocol);
            let verdict = life.judge(Instant::now() + 2 * IDLE);
            assert_eq!(closes(verdict), Some(want), "{protocol:?}");
        }
    }

    #[test]
    fn a_drain_gives_a_fresh_connection_a_moment() {
        let begun = past();
        let life = life(begun);
        assert!(!life.may_end(begun));
        assert!(life.may_end(begun + FIRST_REQUEST));
        life.request_begun();
        life.request_ended();
        assert!(life.may_end(begun));
    }
}
