//! What issuing a token costs the sidecar's process, against the least that it can cost: one
//! signature, and one constant answer of a bare TLS server of the same library.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::Result;
use crate::keys::Keys;
use crate::load::{Measured, Shape, Span, Target, drive};
use crate::peers::own;
use crate::report::{median, rate};
use crate::sidecar::{self, Sidecar, token_form};

/// Medians, in microseconds of CPU.
#[derive(Clone, Debug)]
pub struct Issuing {
    /// How the client proves itself and what signs.
    pub name: &'static str,
    /// One token request.
    pub request: f64,
    /// One signature.
    pub signature: f64,
    /// One constant answer.
    pub answer: f64,
}

const SHAPE: Shape = Shape::Http1 { connections: 64 };

const SPAN: Span = Span {
    warm_up: Duration::from_millis(300),
    measured: Duration::from_millis(1500),
};

/// A way of issuing: its name and what signs.
struct Way {
    name: &'static str,
    set: Vec<String>,
    sign: Box<dyn Fn() -> Result<()>>,
}

/// Drives the token endpoint.
///
/// # Errors
/// Something does not start, or a request is refused.
pub fn run(keys: &Keys, rounds: usize) -> Result<Vec<Issuing>> {
    let bare = own("tls-server", &[keys.tls().display().to_string()])?;
    let binary: PathBuf = sidecar::build()?;
    let mut all = Vec::new();
    for way in ways(keys)? {
        let mut sidecar = Sidecar::new(&binary, keys, "https://bench.example/", None)?;
        for pair in &way.set {
            sidecar = sidecar.set(pair);
        }
        let (program, _) = sidecar.start()?;
        let target = |address, path: &str| -> Result<Target> {
            Ok(Target {
                address,
                tls: keys.client(SHAPE.protocol())?,
                path: path.to_owned(),
                token: String::new(),
                form: Some(token_form()),
            })
        };
        let (mut requests, mut signatures, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let asked = target(program.address, "/connect/token")?;
            requests.push(micros(drive(&asked, SHAPE, SPAN, program.pid())?));
            let asked = target(bare.address, "/connect/token")?;
            answers.push(micros(drive(&asked, SHAPE, SPAN, bare.pid())?));
            signatures.push(signature(&*way.sign)?);
        }
        all.push(Issuing {
            name: way.name,
            request: median(requests.into_iter()),
            signature: median(signatures.into_iter()),
            answer: median(answers.into_iter()),
        });
    }
    Ok(all)
}

fn ways(keys: &Keys) -> Result<Vec<Way>> {
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_file(keys.signing())?;
    let rsa = KeyPair::from_pkcs8(pkcs8.secret_pkcs8_der())?;
    let rsa = move || -> Result<()> {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &[7; 600],
            &mut signature,
        )?;
        Ok(())
    };
    Ok(vec![Way {
        name: "RS256",
        set: Vec::new(),
        sign: Box::new(rsa),
    }])
}

/// Microseconds of CPU for each request.
fn micros(measured: Measured) -> f64 {
    1e6 / rate(measured.requests, measured.cpu)
}

/// Microseconds of one signature; nothing else runs meanwhile.
fn signature(sign: &dyn Fn() -> Result<()>) -> Result<f64> {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(300) {
        sign()?;
        count += 1;
    }
    Ok(1e6 / rate(count, start.elapsed()))
}
