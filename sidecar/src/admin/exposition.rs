//! The metrics as text, summed over the workers on scrape.
//!
//! Rules: `OpenMetrics` 1.0 (names, units, `_total`, `# EOF`).

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::counters::{BOUNDS_MICROS, CLASSES, Counters, Histogram, Plain, unix_seconds};
use super::health::Stage;
use super::issuers::by_name;
use super::labels::{ConnectionLimit, Label, TokenOutcome, UpstreamOutcome};
use super::process;
use crate::Shared;
use crate::config::AuthMethod;
use crate::refusal::Reason;

/// What a scraper must be told the text is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of the process.
pub(super) fn exposition(shared: &Arc<Shared>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("sidecar");
    registry.register_collector(Box::new(Everything(Arc::clone(shared))));
    let mut text = String::new();
    text::encode_registry(&mut text, &registry)?;
    let mut registry = Registry::with_prefix("process");
    registry.register_collector(Box::new(process::Usage));
    text::encode_registry(&mut text, &registry)?;
    text::encode_eof(&mut text)?;
    Ok(text)
}

struct Everything(Arc<Shared>);

impl fmt::Debug for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Everything")
    }
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        let workers = self.0.metrics.all();
        requests(&mut writer, &self.0)?;
        refusals(&mut writer, workers)?;
        tokens(&mut writer, workers)?;
        denied(&mut writer, &self.0)?;
        memories(&mut writer, &self.0)?;
        connections(&mut writer, workers)?;
        upstream(&mut writer, workers)?;
        issuers(&mut writer, &self.0)?;
        own_token(&mut writer, &self.0)?;
        process_wide(&mut writer, &self.0)
    }
}

fn plain(workers: &[Counters]) -> Plain {
    workers
        .iter()
        .map(Counters::plain)
        .fold(Plain::default(), std::ops::Add::add)
}

fn requests(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let workers = shared.metrics.all();
    let clients = shared.metrics.client_names();
    let mut counted = Vec::new();
    for (route, prefix) in shared.metrics.route_names() {
        for (client, id) in clients.iter().enumerate() {
            for (class, outcome) in CLASS_NAMES.into_iter().enumerate() {
                let count: u64 = workers
                    .iter()
                    .map(|worker| worker.requests_of(client, route, class))
                    .sum();
                if count > 0 {
                    let labels = vec![("route", prefix), ("client", &**id), ("outcome", outcome)];
                    counted.push((labels, count));
                }
            }
        }
    }
    writer.counters("requests", "Requests answered", counted)?;
    let mut timed = Vec::new();
    for (route, prefix) in shared.metrics.route_names() {
        let histograms: Vec<_> = workers
            .iter()
            .filter_map(|worker| worker.duration_of(route))
            .collect();
        if !histograms.is_empty() {
            timed.push((vec![("route", prefix)], histograms));
        }
    }
    writer.histograms(
        "request_duration",
        "Time from the head of a request to the head of its answer",
        timed,
    )?;
    let under_way = plain(workers).in_flight;
    writer.gauge("requests_in_flight", "Requests under way", under_way)
}

const CLASS_NAMES: [&str; CLASSES] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

fn refusals(writer: &mut Writer<'_>, workers: &[Counters]) -> fmt::Result {
    let mut refused = Vec::new();
    for &reason in Reason::ALL {
        let count: u64 = workers.iter().map(|w| w.refusals_for(reason)).sum();
        refused.push((vec![("reason", reason.code())], count));
    }
    writer.counters("refusals", "Requests refused by the sidecar", refused)?;
    let mut passed = Vec::new();
    for &reason in Reason::ALL {
        let count: u64 = workers.iter().map(|w| w.would_refuse_for(reason)).sum();
        if count > 0 {
            passed.push((vec![("reason", reason.code())], count));
        }
    }
    writer.counters(
        "would_refuse",
        "Requests that passed in shadow mode only",
        passed,
    )?;
    let panics = plain(workers).panics;
    writer.counter("panics", "Panics, each of which cost one request", panics)
}

fn tokens(writer: &mut Writer<'_>, workers: &[Counters]) -> fmt::Result {
    let plain = plain(workers);
    writer.counters(
        "token_cache_lookups",
        "Bearer tokens looked up among those already validated",
        vec![
            (vec![("result", "hit")], plain.cache_hits),
            (vec![("result", "miss")], plain.cache_misses),
        ],
    )?;
    let of = |outcome: TokenOutcome| workers.iter().map(|w| w.tokens().of(outcome)).sum();
    writer.counters(
        "token_requests",
        "Requests to the token endpoint",
        labelled("outcome", of),
    )?;
    let of = |method: AuthMethod| workers.iter().map(|w| w.authenticated().of(method)).sum();
    writer.counters(
        "client_authentications",
        "Clients that have authenticated",
        labelled("method", of),
    )?;
    writer.counter(
        "basic_credentials_raw",
        "Basic credentials that were right as they stood, and not when form-decoded (RFC 6749 2.3.1)",
        plain.basic_raw,
    )
}

fn issuers(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let snapshot = shared.live.snapshot();
    let issuers = by_name(&snapshot);
    if issuers.is_empty() {
        return Ok(());
    }
    let mut keys = Vec::new();
    let mut times = Vec::new();
    for (name, standing) in &issuers {
        keys.push((vec![("issuer", *name)], standing.keys as u64));
        if let Some(at) = standing.fetched {
            times.push((vec![("issuer", *name)], unix_seconds(at)));
        }
    }
    writer.gauges("issuer_keys", "Keys held of an external issuer", None, keys)?;
    writer.gauges(
        "issuer_keys_fetched_timestamp",
        "When an external issuer's keys were last fetched well",
        Some(&Unit::Seconds),
        times,
    )?;
    let mut fetches = Vec::new();
    for (name, standing) in &issuers {
        for (outcome, count) in [("good", standing.succeeded), ("failed", standing.failed)] {
            fetches.push((vec![("issuer", *name), ("outcome", outcome)], count));
        }
    }
    writer.counters(
        "issuer_fetches",
        "Attempts to fetch an external issuer's keys",
        fetches,
    )
}

fn own_token(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let snapshot = shared.live.snapshot();
    let Some(store) = &snapshot.upstream_token else {
        return Ok(());
    };
    let standing = store.standing();
    writer.counters(
        "upstream_token_fetches",
        "Attempts to get the sidecar's own token for the upstream",
        [("good", standing.succeeded), ("failed", standing.failed)]
            .map(|(outcome, count)| (vec![("outcome", outcome)], count))
            .into(),
    )?;
    let left = standing.left.map_or(0, |left| left.as_secs());
    writer.gauges(
        "upstream_token_left",
        "How long the sidecar's own token for the upstream is still good",
        Some(&Unit::Seconds),
        vec![(Vec::new(), left)],
    )
}

/// The sizes of what outlives a request; each is bounded.
fn memories(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let count = |kept: usize| i64::try_from(kept).unwrap_or(i64::MAX);
    writer.gauge(
        "tokens_known",
        "Validated tokens that are remembered",
        count(shared.tokens.len()),
    )?;
    writer.gauge(
        "failure_budgets",
        "Addresses whose budget of bearer failures is not whole",
        count(shared.failures.kept()),
    )?;
    writer.gauge(
        "rate_budgets",
        "Budgets of requests that are not whole",
        count(shared.rates.kept()),
    )
}

fn denied(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let snapshot = shared.live.snapshot();
    let counts = shared.revocations.counts();
    let file = snapshot.deny.file.as_ref();
    let in_file = file.map_or(0, |file| file.list().entries().len());
    let count = |entries: usize| i64::try_from(entries).unwrap_or(i64::MAX);
    let by_source = [
        ("configuration", snapshot.deny.entries.entries().len()),
        ("file", in_file),
        ("kept", counts.entries),
    ];
    writer.gauges(
        "deny_entries",
        "Entries of the deny list by where they are kept",
        None,
        by_source
            .map(|(source, entries)| (vec![("source", source)], entries as u64))
            .to_vec(),
    )?;
    writer.gauge(
        "tokens_revoked",
        "Tokens that were revoked by themselves",
        count(counts.tokens),
    )?;
    writer.gauge(
        "deny_limit",
        "How many entries and revoked tokens may be kept beside the configuration and its file",
        count(snapshot.deny.limit),
    )?;
    let good = file.is_none_or(|file| file.status().fault.is_none());
    writer.gauge(
        "deny_file_good",
        "0 while what is in the file of the deny list is kept out",
        i64::from(good),
    )?;
    writer.gauge(
        "deny_unwritten",
        "Changes of the deny list that are in force and would not survive a restart",
        i64::try_from(counts.unwritten).unwrap_or(i64::MAX),
    )?;
    writer.counter(
        "streams_revoked",
        "Bodies that were cut because their request's token was revoked or its client removed",
        shared.changes.cut(),
    )
}

fn connections(writer: &mut Writer<'_>, workers: &[Counters]) -> fmt::Result {
    let plain = plain(workers);
    writer.gauge("connections_open", "Connections open now", plain.open)?;
    writer.gauge(
        "connections_parked",
        "Of these, idle ones whose buffers were given back",
        plain.parked,
    )?;
    writer.counter(
        "connections_accepted",
        "Connections accepted",
        plain.accepted,
    )?;
    let of = |limit: ConnectionLimit| {
        let workers = workers.iter();
        workers.map(|w| w.connections_closed().of(limit)).sum()
    };
    writer.counters(
        "connections_closed",
        "Connections closed because a limit was reached",
        labelled("limit", of),
    )?;
    writer.counter(
        "handshake_failures",
        "TLS handshakes that failed",
        plain.handshakes_failed,
    )?;
    writer.counter(
        "accept_errors",
        "Failures to accept, such as too few descriptors",
        plain.accept_errors,
    )
}

fn upstream(writer: &mut Writer<'_>, workers: &[Counters]) -> fmt::Result {
    let of = |outcome: UpstreamOutcome| {
        let workers = workers.iter();
        workers.map(|w| w.upstream_attempts().of(outcome)).sum()
    };
    writer.counters(
        "upstream_attempts",
        "Attempts at the engine",
        labelled("outcome", of),
    )?;
    let histograms = workers.iter().map(Counters::upstream_duration).collect();
    writer.histograms(
        "upstream_duration",
        "Time from an attempt's begin to the head of the engine's answer, or to the failure",
        vec![(Vec::new(), histograms)],
    )?;
    let retries = plain(workers).upstream_retries;
    writer.counter("upstream_retries", "Requests sent a second time", retries)
}

fn process_wide(writer: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let reload = shared.live.status();
    writer.counters(
        "reloads",
        "Configurations read after the first",
        vec![
            (vec![("result", "applied")], reload.succeeded),
            (vec![("result", "refused")], reload.failed),
        ],
    )?;
    writer.gauge_seconds(
        "config_good_timestamp",
        "When the content of the configuration was last found good",
        unix_seconds(reload.last_success),
    )?;
    let snapshot = shared.live.snapshot();
    writer.gauge(
        "config_generation",
        "Counts up with every configuration put in force",
        i64::try_from(snapshot.generation).unwrap_or(i64::MAX),
    )?;
    if let Some(certificate) = &snapshot.certificate
        && let Some(expires) = certificate.expires
    {
        writer.gauge_seconds(
            "certificate_expiry_timestamp",
            "When the TLS certificate in force ceases to be valid",
            u64::try_from(expires.unix_timestamp()).unwrap_or(0),
        )?;
    }
    let ready = i64::from(shared.health.stage() == Stage::Ready);
    writer.gauge("ready", "1 when requests are welcome", ready)?;
    writer.gauge_seconds(
        "start_timestamp",
        "When the process started",
        shared.metrics.started_at,
    )?;
    writer.counter(
        "log_lines_dropped",
        "Log lines dropped because they could not be written in time",
        crate::logging::dropped(),
    )?;
    writer.info(
        "build",
        "What runs",
        &[("version", env!("CARGO_PKG_VERSION"))],
    )
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// A count for each value of a closed set.
fn labelled<L: Label>(key: &'static str, of: impl Fn(L) -> u64) -> Vec<(Labels<'static>, u64)> {
    L::ALL
        .iter()
        .map(|&label| (vec![(key, label.name())], of(label)))
        .collect()
}

/// Writes families, each with its description.
pub(super) struct Writer<'a>(pub(super) DescriptorEncoder<'a>);

impl Writer<'_> {
    fn counters(&mut self, name: &str, help: &str, series: Vec<(Labels<'_>, u64)>) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, count) in series {
            let set = labels.as_slice();
            encoder
                .encode_family(&set)?
                .encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        Ok(())
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        encoder.encode_counter::<NoLabelSet, _, f64>(&count, None)
    }

    pub(super) fn counter_seconds(&mut self, name: &str, help: &str, count: f64) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let kind = MetricType::Counter;
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        encoder.encode_counter::<NoLabelSet, _, f64>(&count, None)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        encoder.encode_gauge(&value)
    }

    pub(super) fn gauge_bytes(&mut self, name: &str, help: &str, value: i64) -> fmt::Result {
        let unit = Some(&Unit::Bytes);
        let kind = MetricType::Gauge;
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        encoder.encode_gauge(&value)
    }

    fn gauge_seconds(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let kind = MetricType::Gauge;
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        encoder.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: Vec<(Labels<'_>, u64)>,
    ) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, value) in series {
            let set = labels.as_slice();
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encoder.encode_family(&set)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        series: Vec<(Labels<'_>, Vec<&Histogram>)>,
    ) -> fmt::Result {
        let unit = Some(&Unit::Seconds);
        let kind = MetricType::Histogram;
        let mut encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        for (labels, histograms) in series {
            let mut counts = [0; BOUNDS_MICROS.len() + 1];
            let nanos: u64 = histograms.iter().map(|h| h.add_to(&mut counts)).sum();
            let bounds = BOUNDS_MICROS.iter().map(|&micros| seconds(micros * 1_000));
            let bounds = bounds.chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(counts).collect();
            let (sum, count) = (seconds(nanos), counts.iter().sum());
            let set = labels.as_slice();
            // Without labels the library would write empty braces.
            if set.is_empty() {
                encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            } else {
                encoder
                    .encode_family(&set)?
                    .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        Ok(())
    }

    fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
        let kind = MetricType::Info;
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        encoder.encode_info(&Set(labels))
    }
}

/// Label pairs as the library wants them.
#[derive(Clone, Debug)]
struct Set<'a>(&'a [(&'a str, &'a str)]);

impl EncodeLabelSet for Set<'_> {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
    ) -> fmt::Result {
        self.0.encode(encoder)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sum of durations needs no more than 52 bits of precision"
)]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
