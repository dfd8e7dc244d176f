//! Bytes on the wire, for requests that no client library would send.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{Client, Duplex};
use crate::wait::within;

/// A connection on which the test says every byte.
pub struct Raw {
    stream: Box<dyn Duplex>,
    /// Received and not yet taken.
    pending: Vec<u8>,
}

/// An answer as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: String,
}

impl Raw {
    /// Connects as `client` would.
    pub async fn connect(client: &Client) -> Self {
        let stream = within("connecting", client.stream()).await;
        Self {
            stream: stream.expect("a connection"),
            pending: Vec::new(),
        }
    }

    /// Sends; a peer that has closed already is no failure, the answer tells.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// Ends our side.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next answer, or `None` when the peer closed instead.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        within("an answer", self.read_answer()).await
    }

    /// Waits until the peer closes, and gives what it still said.
    pub async fn rest(&mut self) -> String {
        within("the peer closes", async { while self.fill().await {} }).await;
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }

    /// Waits for bytes of a body whose end is not awaited, until `text` has come.
    pub async fn until(&mut self, text: &str) {
        let waited = within(text, async {
            while !contains(&self.pending, text.as_bytes()) {
                if !self.fill().await {
                    return false;
                }
            }
            true
        });
        assert!(waited.await, "closed before {text:?}");
    }

    async fn read_answer(&mut self) -> Option<RawAnswer> {
        let head = loop {
            if let Some(end) = find(&self.pending, b"\r\n\r\n") {
                let head = self.pending.drain(..end + 4).collect::<Vec<_>>();
                break String::from_utf8_lossy(&head).into_owned();
            }
            if !self.fill().await {
                return None;
            }
        };
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = self.read_body(&head).await;
        Some(RawAnswer { status, head, body })
    }

    async fn read_body(&mut self, head: &str) -> String {
        let mut body = Vec::new();
        if let Some(length) = field(head, "content-length") {
            let length = length.parse::<usize>().unwrap_or(0);
            while self.pending.len() < length && self.fill().await {}
            let length = length.min(self.pending.len());
            body.extend(self.pending.drain(..length));
        } else if field(head, "transfer-encoding").is_some() {
            while let Some(chunk) = self.read_chunk().await {
                body.extend(chunk);
            }
        }
        String::from_utf8_lossy(&body).into_owned()
    }

    async fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.read_line().await?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        while self.pending.len() < size + 2 {
            if !self.fill().await {
                return None;
            }
        }
        let chunk = self.pending.drain(..size).collect();
        self.pending.drain(..2);
        (size > 0).then_some(chunk)
    }

    async fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.pending, b"\r\n") {
                let line = self.pending.drain(..end + 2).collect::<Vec<_>>();
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> bool {
        self.pending.reserve(16 * 1024);
        matches!(self.stream.read_buf(&mut self.pending).await, Ok(1..))
    }
}

/// A header's value in a head.
pub fn field<'head>(head: &'head str, name: &str) -> Option<&'head str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}
