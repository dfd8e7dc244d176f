//! A flood of worthless tokens from one address, and what honest callers from another notice.
//!
//! Honest requests are due at fixed instants, and each one's time counts from the instant at which
//! it was due, so that a server which stalls is not spared the requests that it kept waiting.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
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
use crate::load::Target;
use crate::peers::own;
use crate::report::{median, rate};
use crate::serve::ANSWER;
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
    let (mut quiet, mut flooded, mut floods) = (Vec::new(), Vec::new(), Vec::new());
    honest(&target, Duration::from_millis(300), &Arc::default())?;
    let (asked, hits) = (Arc::new(AtomicU64::new(0)), sidecar.metric(HITS)?);
    for _ in 0..rounds {
        quiet.push(honest(&target, PHASE, &asked)?);
        let flood = Flood::start(&target, &worthless);
        std::thread::sleep(Duration::from_millis(200));
        let (before, start) = (flood.count.load(Relaxed), Instant::now());
        flooded.push(honest(&target, PHASE, &asked)?);
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

/// Honest requests for `span`, each connection on a thread of its own: a runtime's timer would be
/// later than most answers. Counts them in `asked`.
fn honest(target: &Target, span: Duration, asked: &Arc<AtomicU64>) -> Result<Latency> {
    let end = Instant::now() + span;
    let callers: Vec<_> = (0..HONEST_CONNECTIONS)
        .map(|place| {
            let (target, asked) = (target.clone(), Arc::clone(asked));
            std::thread::spawn(move || {
                let mut caller = Honest::connect(&target)?;
                let mut taken = Vec::new();
                let offset = HONEST_PAUSE * u32::try_from(place)?;
                let mut due = Instant::now() + offset / u32::try_from(HONEST_CONNECTIONS)?;
                while due < end {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    caller.ask()?;
                    asked.fetch_add(1, Relaxed);
                    taken.push(due.elapsed().as_secs_f64() * 1e3);
                    due += HONEST_PAUSE;
                }
                Result::Ok(taken)
            })
        })
        .collect();
    let mut all = Vec::new();
    for caller in callers {
        all.extend(caller.join().map_err(|_| "an honest caller panicked")??);
    }
    all.sort_by(f64::total_cmp);
    let at = |part: usize| all.get(all.len() * part / 100).copied().unwrap_or_default();
    Ok(Latency {
        p50: at(50),
        p99: at(99),
    })
}

/// One connection that asks and waits.
struct Honest {
    stream: rustls::StreamOwned<rustls::ClientConnection, TcpStream>,
    request: String,
    answer: Vec<u8>,
}

impl Honest {
    fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let tls = rustls::ClientConnection::new(Arc::clone(&target.tls), name)?;
        let Target {
            path,
            address,
            token,
            ..
        } = target;
        Ok(Self {
            stream: rustls::StreamOwned::new(tls, stream),
            request: format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
            ),
            answer: vec![0; 16 * 1024],
        })
    }

    /// The answer is read until its constant body has come.
    fn ask(&mut self) -> Result<()> {
        self.stream.write_all(self.request.as_bytes())?;
        let mut length = 0;
        while !self.answer[..length].ends_with(ANSWER.as_bytes()) {
            let read = self.stream.read(&mut self.answer[length..])?;
            if read == 0 {
                let answer = String::from_utf8_lossy(&self.answer[..length]);
                return Err(format!("an honest request was answered {answer}").into());
            }
            length += read;
        }
        Ok(())
    }
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
