//! A flood of worthless tokens from one address, and what honest callers from another notice.
//!
//! Honest requests are due at fixed instants, and each one's time counts from the instant at which
//! it was due, so that a server which stalls is not spared the requests that it kept waiting.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

use crate::Result;
use crate::keys::Keys;
use crate::load::{Target, finish, http1_connection, request};
use crate::peers::own;
use crate::report::{median, rate};
use crate::sidecar::{self, Sidecar};
use crate::tokens::mint_like;

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Half of the requests are answered within it.
    pub p50: f64,
    /// All but one in a hundred.
    pub p99: f64,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Worthless requests a second, as many as it takes.
    pub flood: f64,
    /// That, as a part of the rate at which one core verifies signatures.
    pub against_verification: f64,
    /// Honest requests a second.
    pub honest: f64,
    /// Without the flood.
    pub quiet: Latency,
    /// In it.
    pub flooded: Latency,
    /// Known tokens that were not known any more after it.
    pub evicted: u64,
}

const HONEST_CONNECTIONS: usize = 8;
/// Between two requests of one honest connection.
const HONEST_PAUSE: Duration = Duration::from_millis(20);
const FLOOD_CONNECTIONS: usize = 64;
const PHASE: Duration = Duration::from_secs(3);
const FLOOD_FROM: [u8; 4] = [127, 0, 0, 2];

/// The sidecar's own count of tokens that it knew.
const HITS: &str = "sidecar_token_cache_lookups_total{result=\"hit\"}";

/// Alternates quiet and flood.
///
/// # Errors
/// Something does not start, or an honest request is refused.
pub fn run(keys: &Keys, rounds: usize) -> Result<Found> {
    let upstream = own("upstream", &[])?;
    let binary = sidecar::build()?;
    let issuer = "https://bench.example/";
    let sidecar = Sidecar::new(&binary, keys, issuer, Some(upstream.address))?;
    let (program, _) = sidecar.start()?;
    let token = sidecar.token(keys)?;
    let target = Target {
        address: program.address,
        tls: keys.client(b"http/1.1")?,
        path: sidecar::PATH.to_owned(),
        token: token.clone(),
        form: None,
    };
    // Good but for the last characters of their signatures.
    let worthless: Vec<HeaderValue> = mint_like(&token, &keys.signing(), 0, 512)?
        .into_iter()
        .map(|token| {
            let (signed, _) = token.split_at(token.len() - 8);
            Ok(HeaderValue::try_from(format!("Bearer {signed}AAAAAAAA"))?)
        })
        .collect::<Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut quiet, mut flooded, mut floods) = (Vec::new(), Vec::new(), Vec::new());
    runtime.block_on(honest(&target, Duration::from_millis(300), &Arc::default()))?;
    let (asked, hits) = (Arc::new(AtomicU64::new(0)), sidecar.metric(HITS)?);
    for _ in 0..rounds {
        quiet.push(runtime.block_on(honest(&target, PHASE, &asked))?);
        let flood = Flood::start(&target, &worthless);
        std::thread::sleep(Duration::from_millis(200));
        let (before, start) = (flood.count.load(Relaxed), Instant::now());
        flooded.push(runtime.block_on(honest(&target, PHASE, &asked))?);
        floods.push(rate(flood.count.load(Relaxed) - before, start.elapsed()));
        flood.end()?;
    }
    let key = keys.verifying()?;
    let signed = token.rsplit_once('.').ok_or("no token")?.0;
    let (start, mut verified) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(300) {
        // Good or not costs the same.
        let _ = key.verify_sig(signed.as_bytes(), &[1; 256]);
        verified += 1;
    }
    let verification = rate(verified, start.elapsed());
    let flood = median(floods.into_iter());
    let of = |latencies: &[Latency]| Latency {
        p50: median(latencies.iter().map(|one| one.p50)),
        p99: median(latencies.iter().map(|one| one.p99)),
    };
    // The honest token is known; what did not find it had lost it.
    let known = sidecar.metric(HITS)? - hits;
    Ok(Found {
        flood,
        against_verification: flood / verification,
        honest: rate(HONEST_CONNECTIONS as u64, HONEST_PAUSE),
        quiet: of(&quiet),
        flooded: of(&flooded),
        evicted: asked.load(Relaxed).saturating_sub(known),
    })
}

/// Honest requests for `span`; counts them in `asked`.
async fn honest(target: &Target, span: Duration, asked: &Arc<AtomicU64>) -> Result<Latency> {
    let end = tokio::time::Instant::now() + span;
    let mut callers = tokio::task::JoinSet::new();
    for place in 0..HONEST_CONNECTIONS {
        let mut sender = http1_connection(target).await?;
        let template = request(target, false)?;
        let asked = Arc::clone(asked);
        callers.spawn(async move {
            let mut taken = Vec::new();
            let offset = HONEST_PAUSE * u32::try_from(place)? / u32::try_from(HONEST_CONNECTIONS)?;
            let mut due = tokio::time::Instant::now() + offset;
            while due < end {
                tokio::time::sleep_until(due).await;
                sender.ready().await?;
                finish(sender.send_request(template.clone()).await?).await?;
                asked.fetch_add(1, Relaxed);
                taken.push(due.elapsed().as_secs_f64() * 1e3);
                due += HONEST_PAUSE;
            }
            Result::Ok(taken)
        });
    }
    let mut all = Vec::new();
    while let Some(caller) = callers.join_next().await {
        all.extend(caller??);
    }
    all.sort_by(f64::total_cmp);
    let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or_default();
    Ok(Latency {
        p50: at(50),
        p99: at(99),
    })
}

/// Asks as fast as it is answered, on a thread of its own.
struct Flood {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Result<()>>,
}

impl Flood {
    fn start(target: &Target, worthless: &[HeaderValue]) -> Self {
        let (count, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let worthless: Arc<[HeaderValue]> = worthless.into();
        let thread = {
            let (target, count, stop) = (target.clone(), Arc::clone(&count), Arc::clone(&stop));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(async {
                    let mut callers = tokio::task::JoinSet::new();
                    for place in 0..FLOOD_CONNECTIONS {
                        let caller = Caller {
                            target: target.clone(),
                            worthless: Arc::clone(&worthless),
                            count: Arc::clone(&count),
                            stop: Arc::clone(&stop),
                        };
                        callers.spawn(caller.run(place));
                    }
                    while let Some(caller) = callers.join_next().await {
                        caller??;
                    }
                    Ok(())
                })
            })
        };
        Self {
            count,
            stop,
            thread,
        }
    }

    fn end(self) -> Result<()> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| "the flood panicked")?
    }
}

struct Caller {
    target: Target,
    worthless: Arc<[HeaderValue]>,
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Caller {
    async fn run(self, place: usize) -> Result<()> {
        let mut next = place;
        while !self.stop.load(Relaxed) {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((FLOOD_FROM, 0)))?;
            let stream = socket.connect(self.target.address).await?;
            let name = ServerName::try_from("localhost")?;
            let tls = TlsConnector::from(Arc::clone(&self.target.tls));
            let stream = TokioIo::new(tls.connect(name, stream).await?);
            let (mut sender, connection) = http1::handshake(stream).await?;
            tokio::spawn(async move { drop(connection.await) });
            while !self.stop.load(Relaxed) && sender.ready().await.is_ok() {
                next = (next + 1) % self.worthless.len();
                let request = Request::get(&self.target.path)
                    .header(HOST, self.target.address.to_string())
                    .header(AUTHORIZATION, &self.worthless[next])
                    .body(Full::<bytes::Bytes>::default())?;
                let Ok(response) = sender.send_request(request).await else {
                    break;
                };
                if response.status().is_success() {
                    return Err("a worthless token was let in".into());
                }
                response.into_body().collect().await?;
                self.count.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }
}
