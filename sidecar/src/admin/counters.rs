//! What is counted while requests run: a few relaxed atomic adds, no lock, no shared cache line.
//!
//! In: events of one worker. Out: numbers, summed over the workers on scrape (`exposition`).
//! Elsewhere: label values (`labels`).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;

use super::labels::{
    CLIENTS_MAX, ClientLabel, ClientNames, ConnectionLimit, Label, ROUTES_MAX, RouteLabel,
    RouteNames, TokenOutcome, UpstreamOutcome,
};
use crate::config::AuthMethod;
use crate::refusal::Reason;

/// Status classes 1xx to 5xx.
pub(crate) const CLASSES: usize = 5;

const REASONS: usize = Reason::ALL.len();

/// Upper bounds of the latency buckets in microseconds: what a cache hit costs, what a network
/// costs, what a fault costs.
pub(crate) const BOUNDS_MICROS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// Counters of every worker and of the process.
pub struct Metrics {
    workers: Box<[Counters]>,
    clients: ClientNames,
    routes: RouteNames,
    pub(crate) started_at: u64,
}

impl Metrics {
    /// For so many workers; at least one.
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers.max(1)).map(|_| Counters::new()).collect(),
            clients: ClientNames::new(),
            routes: RouteNames::new(),
            started_at: unix_seconds(SystemTime::now()),
        }
    }

    /// The counters of worker `index`; an index that does not exist counts as worker 0.
    pub fn worker(&self, index: usize) -> &Counters {
        self.workers.get(index).unwrap_or(&self.workers[0])
    }

    /// The label for `client`. Takes a lock: call it where a token is first validated, and keep
    /// the label with the principal.
    pub fn client_label(&self, client: &Arc<str>) -> ClientLabel {
        self.clients.label(client)
    }

    /// The label for a route's prefix; without a lock, a few comparisons.
    pub fn route_label(&self, prefix: &str) -> RouteLabel {
        self.routes.label(prefix)
    }

    pub(crate) fn all(&self) -> &[Counters] {
        &self.workers
    }

    pub(crate) fn client_names(&self) -> Vec<Arc<str>> {
        self.clients.names()
    }

    pub(crate) fn route_names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.routes.names()
    }

    /// Requests under way on all workers.
    pub fn in_flight(&self) -> usize {
        let workers = self.workers.iter();
        let under_way: i64 = workers.map(|w| w.in_flight.load(Relaxed)).sum();
        usize::try_from(under_way).unwrap_or(0)
    }
}

/// Counters of one worker. Written by one thread, so each add stays in that core's cache.
#[repr(align(128))]
pub struct Counters {
    /// By client; made when a client is first seen here.
    requests: Box<[OnceLock<Box<Requests>>]>,
    durations: Box<[OnceLock<Box<Histogram>>; ROUTES_MAX]>,
    refusals: [AtomicU64; REASONS],
    /// Passed in shadow mode.
    would_refuse: [AtomicU64; REASONS],
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    tokens: ByLabel<11>,
    authenticated: ByLabel<6>,
    basic_raw: AtomicU64,
    upstream_attempts: ByLabel<5>,
    upstream_duration: Histogram,
    upstream_retries: AtomicU64,
    panics: AtomicU64,
    in_flight: AtomicI64,
    open: AtomicI64,
    parked: AtomicI64,
    accepted: AtomicU64,
    accept_errors: AtomicU64,
    handshakes_failed: AtomicU64,
    connections_closed: ByLabel<6>,
}

/// Requests of one client by route and status class.
struct Requests([[AtomicU64; CLASSES]; ROUTES_MAX]);

impl Counters {
    fn new() -> Self {
        Self {
            requests: (0..CLIENTS_MAX).map(|_| OnceLock::new()).collect(),
            durations: Box::new([const { OnceLock::new() }; ROUTES_MAX]),
            refusals: [const { AtomicU64::new(0) }; REASONS],
            would_refuse: [const { AtomicU64::new(0) }; REASONS],
            cache_hits: AtomicU64::new(0),
            cache_misses: AtomicU64::new(0),
            tokens: ByLabel::new(),
            authenticated: ByLabel::new(),
            basic_raw: AtomicU64::new(0),
            upstream_attempts: ByLabel::new(),
            upstream_duration: Histogram::new(),
            upstream_retries: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            in_flight: AtomicI64::new(0),
            open: AtomicI64::new(0),
            parked: AtomicI64::new(0),
            accepted: AtomicU64::new(0),
            accept_errors: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
            connections_closed: ByLabel::new(),
        }
    }

    /// A request was answered. `duration`: head in to head out.
    pub fn request(
        &self,
        route: RouteLabel,
        status: StatusCode,
        client: ClientLabel,
        duration: Duration,
    ) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES) - 1;
        if let Some(slot) = self.requests.get(client.index()) {
            let requests = slot.get_or_init(|| {
                Box::new(Requests(
                    [const { [const { AtomicU64::new(0) }; CLASSES] }; ROUTES_MAX],
                ))
            });
            if let Some(count) = requests.0.get(route.index()).and_then(|r| r.get(class)) {
                count.fetch_add(1, Relaxed);
            }
        }
        if let Some(slot) = self.durations.get(route.index()) {
            slot.get_or_init(|| Box::new(Histogram::new()))
                .observe(duration);
        }
    }

    /// A request was refused.
    pub fn refused(&self, reason: Reason) {
        if let Some(count) = self.refusals.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A request passed that is refused outside shadow mode.
    pub fn would_refuse(&self, reason: Reason) {
        if let Some(count) = self.would_refuse.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// A token was found in the verified-token cache.
    pub fn cache_hit(&self) {
        self.cache_hits.fetch_add(1, Relaxed);
    }

    /// A token had to be validated.
    pub fn cache_miss(&self) {
        self.cache_misses.fetch_add(1, Relaxed);
    }

    /// A request to the token endpoint was answered.
    pub fn token(&self, outcome: TokenOutcome) {
        self.tokens.add(outcome);
    }

    /// A client has authenticated.
    pub fn client_authenticated(&self, method: AuthMethod) {
        self.authenticated.add(method);
    }

    /// Basic credentials were right as they stood, and not when form-decoded.
    pub fn basic_taken_raw(&self) {
        self.basic_raw.fetch_add(1, Relaxed);
    }

    /// An attempt at the upstream ended. `duration`: to the head of the answer, or to the failure.
    pub fn upstream(&self, outcome: UpstreamOutcome, duration: Duration) {
        self.upstream_attempts.add(outcome);
        self.upstream_duration.observe(duration);
    }

    /// A request was sent upstream a second time.
    pub fn upstream_retried(&self) {
        self.upstream_retries.fetch_add(1, Relaxed);
    }

    /// A panic cost one request or connection.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Relaxed);
    }

    pub(crate) fn request_begun(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    pub(crate) fn connection_accepted(&self) {
        self.accepted.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(crate) fn connection_ended(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(crate) fn connection_parked(&self) -> Parked<'_> {
        self.parked.fetch_add(1, Relaxed);
        Parked(&self.parked)
    }

    pub(crate) fn connection_closed_by(&self, limit: ConnectionLimit) {
        self.connections_closed.add(limit);
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    pub(crate) fn requests_of(&self, client: usize, route: usize, class: usize) -> u64 {
        self.requests
            .get(client)
            .and_then(OnceLock::get)
            .and_then(|requests| requests.0.get(route)?.get(class))
            .map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn duration_of(&self, route: usize) -> Option<&Histogram> {
        self.durations.get(route)?.get().map(|boxed| &**boxed)
    }

    pub(crate) fn refusals_for(&self, reason: Reason) -> u64 {
        self.refusals
            .get(reason as usize)
            .map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn would_refuse_for(&self, reason: Reason) -> u64 {
        self.would_refuse
            .get(reason as usize)
            .map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn tokens(&self) -> &ByLabel<11> {
        &self.tokens
    }

    pub(crate) fn authenticated(&self) -> &ByLabel<6> {
        &self.authenticated
    }

    pub(crate) fn upstream_attempts(&self) -> &ByLabel<5> {
        &self.upstream_attempts
    }

    pub(crate) fn upstream_duration(&self) -> &Histogram {
        &self.upstream_duration
    }

    pub(crate) fn connections_closed(&self) -> &ByLabel<6> {
        &self.connections_closed
    }

    /// The plain counters, for the exposition.
    pub(crate) fn plain(&self) -> Plain {
        Plain {
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            basic_raw: self.basic_raw.load(Relaxed),
            upstream_retries: self.upstream_retries.load(Relaxed),
            panics: self.panics.load(Relaxed),
            accepted: self.accepted.load(Relaxed),
            accept_errors: self.accept_errors.load(Relaxed),
            handshakes_failed: self.handshakes_failed.load(Relaxed),
            open: self.open.load(Relaxed),
            parked: self.parked.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
        }
    }
}

/// A reading of the counters without labels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plain {
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    pub(crate) basic_raw: u64,
    pub(crate) upstream_retries: u64,
    pub(crate) panics: u64,
    pub(crate) accepted: u64,
    pub(crate) accept_errors: u64,
    pub(crate) handshakes_failed: u64,
    pub(crate) open: i64,
    pub(crate) parked: i64,
    pub(crate) in_flight: i64,
}

impl std::ops::Add for Plain {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cache_hits: self.cache_hits + other.cache_hits,
            cache_misses: self.cache_misses + other.cache_misses,
            basic_raw: self.basic_raw + other.basic_raw,
            upstream_retries: self.upstream_retries + other.upstream_retries,
            panics: self.panics + other.panics,
            accepted: self.accepted + other.accepted,
            accept_errors: self.accept_errors + other.accept_errors,
            handshakes_failed: self.handshakes_failed + other.handshakes_failed,
            open: self.open + other.open,
            parked: self.parked + other.parked,
            in_flight: self.in_flight + other.in_flight,
        }
    }
}

/// Counts a connection as parked until it is dropped.
pub(crate) struct Parked<'a>(&'a AtomicI64);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A counter for each value of a closed set of `N` labels.
pub(crate) struct ByLabel<const N: usize>([AtomicU64; N]);

impl<const N: usize> ByLabel<N> {
    fn new() -> Self {
        Self([const { AtomicU64::new(0) }; N])
    }

    fn add<L: Label>(&self, label: L) {
        const { assert!(L::ALL.len() == N) };
        if let Some(count) = self.0.get(label.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn of<L: Label>(&self, label: L) -> u64 {
        self.0
            .get(label.index())
            .map_or(0, |count| count.load(Relaxed))
    }
}

/// Durations in buckets.
pub(crate) struct Histogram {
    /// One for each bound, and one for what is above them all.
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Histogram {
    fn new() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BOUNDS_MICROS.len() + 1],
            sum_nanos: AtomicU64::new(0),
        }
    }

    fn observe(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let micros = nanos / 1_000 + u64::from(!nanos.is_multiple_of(1_000));
        let bucket = BOUNDS_MICROS.partition_point(|&bound| bound < micros);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.sum_nanos.fetch_add(nanos, Relaxed);
    }

    /// Adds this worker's numbers to `buckets`; returns its sum in nanoseconds.
    pub(crate) fn add_to(&self, buckets: &mut [u64; BOUNDS_MICROS.len() + 1]) -> u64 {
        for (total, count) in buckets.iter_mut().zip(&self.buckets) {
            *total += count.load(Relaxed);
        }
        self.sum_nanos.load(Relaxed)
    }
}

/// Seconds since 1970; 0 before.
pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        for (nanos, want) in [
            (0, 0),
            (50_000, 0),
            (50_001, 1),
            (100_000, 1),
            (10_000_000_000, 15),
            (10_000_000_001, 16),
        ] {
            let histogram = Histogram::new();
            histogram.observe(Duration::from_nanos(nanos));
            let mut buckets = [0; BOUNDS_MICROS.len() + 1];
            assert_eq!(histogram.add_to(&mut buckets), nanos);
            assert_eq!(buckets.iter().position(|&n| n == 1), Some(want), "{nanos}");
        }
    }

    #[test]
    fn a_request_counts_under_its_route_client_and_class() {
        let metrics = Metrics::new(2);
        let route = metrics.route_label("/workflowapi");
        let client = metrics.client_label(&"c".into());
        let counters = metrics.worker(1);
        counters.request(route, StatusCode::NOT_FOUND, client, Duration::ZERO);
        assert_eq!(
            counters.requests_of(client.index(), route.index(), 3),
            1,
            "4xx"
        );
        assert_eq!(
            metrics
                .worker(0)
                .requests_of(client.index(), route.index(), 3),
            0
        );
    }
}
