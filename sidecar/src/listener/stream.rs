//! A byte stream that tells its connection's [`Life`](super::life::Life) what happens on it, and
//! gives back bytes that were read ahead.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::connection::Session;
use super::life::Protocol;

/// RFC 9113 §3.4: what a client that speaks HTTP/2 sends first.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A plain or TLS stream under watch.
pub(super) struct Stream<T> {
    io: T,
    ahead: Bytes,
    session: Arc<Session>,
    protocol: Protocol,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    pub(super) fn new(io: T, session: Arc<Session>, protocol: Protocol) -> Self {
        Self {
            io,
            ahead: Bytes::new(),
            session,
            protocol,
        }
    }

    /// Puts bytes that were read but not used before those to come.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        // An empty one may still hold the whole buffer that it was cut from.
        self.ahead = if bytes.is_empty() {
            Bytes::new()
        } else {
            bytes
        };
    }

    /// Waits until bytes can be read, without a buffer of its own until then; `false` at the end.
    ///
    /// Cancel safe: bytes that were read are kept.
    pub(super) async fn readable(&mut self) -> io::Result<bool> {
        if self.ahead.has_remaining() {
            return Ok(true);
        }
        // A few bytes tell; hyper reads the rest. With TLS it waits in the session.
        let mut first = [0; 24];
        let n = AsyncReadExt::read(&mut self.io, &mut first).await?;
        if n == 0 {
            return Ok(false);
        }
        self.session.life.bytes_read(self.protocol);
        self.ahead = Bytes::copy_from_slice(first.get(..n).unwrap_or_default());
        Ok(true)
    }

    /// Reads until it is plain whether the client speaks HTTP/2 with prior knowledge
    /// (RFC 9113 §3.3). No HTTP/1.1 request begins like its preface.
    ///
    /// Not cancel safe; the connection ends when its deadline passes.
    pub(super) async fn detect(&mut self) -> io::Result<Protocol> {
        let mut read = [0; H2_PREFACE.len()];
        let mut filled = 0;
        while filled < read.len() {
            let rest = read.get_mut(filled..).unwrap_or_default();
            let n = AsyncReadExt::read(&mut self.io, rest).await?;
            filled += n;
            let so_far = read.get(..filled).unwrap_or_default();
            if n == 0 || !H2_PREFACE.starts_with(so_far) {
                self.ahead = Bytes::copy_from_slice(so_far);
                self.session.life.bytes_read(Protocol::Http1);
                return Ok(Protocol::Http1);
            }
        }
        self.ahead = Bytes::from_static(H2_PREFACE);
        self.protocol = Protocol::Http2;
        self.session.life.bytes_read(Protocol::Http2);
        Ok(Protocol::Http2)
    }

    fn note(&self, went_on: bool) {
        if went_on {
            self.session.life.write_went_on();
        } else {
            self.session.life.write_waits();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.ahead.has_remaining() {
            let n = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(n));
            if self.ahead.is_empty() {
                self.ahead = Bytes::new();
            }
            // The rest is read at once: hyper would double its buffer after half a head.
            if buf.remaining() > 0 {
                // What fails now fails again, or is followed by the end.
                let _ = Pin::new(&mut self.io).poll_read(cx, buf);
            }
            return Poll::Ready(Ok(()));
        }
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.session.life.bytes_read(self.protocol);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(polled.is_ready());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(polled.is_ready());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.note(polled.is_ready());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
