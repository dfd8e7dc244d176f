//! A service of one's own behind the sidecar, all in one process: clients and an issuer of code, a
//! rule in code, and tokens judged for what is served past the sidecar.
//!
//! ```text
//! ORDERS_SECRET=… AUDIT_SECRET=… cargo run --example gateway -- config.json
//! ```
//!
//! `ISSUER` and `ISSUER_KEYS` (a file with its key set) trust another issuer as well.

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use sidecar::bearer::Validator;
use sidecar::policy::{Denial, HookRequest};
use sidecar::{ClientCredential, Issuer, Sidecar, Signals};

fn main() -> Result<(), Box<dyn Error>> {
    let config = env::args().nth(1).unwrap_or_else(|| "config.json".into());
    let signals = Signals::install()?;
    let behind = serve(orders)?;

    let orders = ClientCredential::new("orders", env::var("ORDERS_SECRET")?)
        .scopes(["orders"])
        .token_lifetime(Duration::from_secs(300));
    let audit = ClientCredential::new("audit", env::var("AUDIT_SECRET")?).scopes(["orders"]);
    let mut builder = Sidecar::builder()
        .config_file(config)
        // Over what the file says, as `--set` does.
        .set(format!("Upstream=http://{behind}"))
        .register_client_credentials(orders)
        .register_client_credentials(audit)
        .policy_hook(read_only_for_audit);
    if let (Ok(issuer), Ok(keys)) = (env::var("ISSUER"), env::var("ISSUER_KEYS")) {
        let trusted = Issuer::new(issuer, "orders-api")
            .jwks_file(keys)
            .require_scopes(["orders"]);
        builder = builder.register_issuer(trusted);
    }
    let sidecar = builder.build()?;
    for warning in sidecar.warnings().render(false).lines() {
        println!("{warning}");
    }

    // Something that is served past the sidecar, and judges tokens as its gate does.
    let validator: Arc<OnceLock<Validator>> = Arc::default();
    let judging = Arc::clone(&validator);
    let beside = serve(move |request| who(request, judging.get()))?;
    sidecar.run_with(signals, |running| {
        let _ = validator.set(running.validator());
        println!("listening on {}", listed(&running.addresses()));
        println!("who am I on {beside}");
    })?;
    println!("stopped");
    Ok(())
}

/// A rule that no configuration knows: whatever its scopes, `audit` changes nothing. It runs on the
/// thread that serves: it looks at what is there and waits for nothing.
fn read_only_for_audit(request: &HookRequest<'_>) -> Result<(), Denial> {
    let audits = request
        .principal
        .is_some_and(|caller| &*caller.client_id == "audit");
    if audits && !request.method.is_safe() {
        return Err(Denial::new("audit only reads"));
    }
    Ok(())
}

/// What is behind the sidecar: it takes its word for who calls, and listens on loopback only.
fn orders(request: &Request) -> (u16, String) {
    let caller = request.header("x-workflow-client").unwrap_or("nobody");
    (200, format!("{} for {caller}", request.line))
}

/// What is beside it: nobody has judged before.
fn who(request: &Request, validator: Option<&Validator>) -> (u16, String) {
    let presented = request.header("authorization").unwrap_or_default();
    let (Some(validator), Some(token)) = (validator, presented.strip_prefix("Bearer ")) else {
        return (401, "no token".to_owned());
    };
    match validator.check(token) {
        Ok(principal) => (
            200,
            format!("{} of {}", principal.client_id, principal.token.issuer),
        ),
        Err(reason) => (reason.status().as_u16(), reason.code().to_owned()),
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(" ")
}

/// As much of a request as the two need.
struct Request {
    line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The smallest HTTP server that an example can do with: one request for each connection.
fn serve(
    answer: impl Fn(&Request) -> (u16, String) + Send + 'static,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            // Whoever breaks off is gone.
            let _ = exchange(tcp, &answer);
        }
    });
    Ok(address)
}

fn exchange(mut tcp: TcpStream, answer: impl Fn(&Request) -> (u16, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(tcp.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let line = lines.next().unwrap_or_default();
    let request = Request {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: lines
            .filter_map(|line| {
                let (name, value) = line.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect(),
    };
    let length = request.header("content-length");
    let length = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (status, text) = answer(&request);
    let length = text.len();
    write!(
        tcp,
        "HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
}
