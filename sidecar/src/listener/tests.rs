use crate::config::{Limits, Rate};
use std::time::Duration;

/// The defaults of the reference.
pub(crate) fn limits() -> Limits {
    let unlimited = Rate {
        per_second: 1_000_000,
        burst: 1_000_000,
    };
    Limits {
        handshake: Duration::from_secs(10),
        header: Duration::from_secs(30),
        form_body: Duration::from_secs(60),
        body_rate: 1024,
        body_rate_grace: Duration::from_secs(60),
        idle: Duration::from_secs(75),
        header_bytes: 32 * 1024,
        header_count: 100,
        body: 16 * 1024 * 1024,
        rule_body: 1024 * 1024,
        token: 8 * 1024,
        connections: 8192,
        connections_per_address: 6000,
        http2_streams: 128,
        secret_failures: unlimited,
        bearer_failures: unlimited,
    }
}
