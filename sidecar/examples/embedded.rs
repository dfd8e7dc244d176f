//! The sidecar inside another program: a file, a client of code, until SIGTERM.
//!
//! ```text
//! ORDERS_SECRET=… cargo run --example embedded -- config.json
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::env;
use std::error::Error;

use sidecar::{ClientCredential, Sidecar, Signals};

fn main() -> Result<(), Box<dyn Error>> {
    let config = env::args().nth(1).unwrap_or_else(|| "config.json".into());
    let secret = env::var("ORDERS_SECRET")?;
    let sidecar = Sidecar::builder()
        .config_file(config)
        // Beside the file's clients; it wins over one of the same id.
        .register_client_credentials(ClientCredential::new("orders", secret))
        .build()?;
    // Taken over before it starts, so that one that comes early drains too.
    let signals = Signals::install()?;
    sidecar.run_with(signals, |running| {
        println!("listening on {:?}", running.addresses());
    })?;
    println!("stopped");
    Ok(())
}
