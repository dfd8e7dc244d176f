//! A socket to the upstream that remembers what an exchange did to it.
//!
//! hyper tells that an exchange failed, not how far it had come; whether a request may be sent
//! again hangs on exactly that. Rules: design of retries (`upstream::retry`).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// How far the exchange under way has come. One thread writes and reads it; atomics only because
/// futures must be `Send`.
#[derive(Default)]
pub(super) struct Marks {
    /// At least a byte of the request was taken by the kernel.
    pub(super) written: AtomicBool,
    /// At least a byte of the answer came.
    pub(super) answered: AtomicBool,
    /// The whole request body was handed over, or there is none.
    pub(super) body_sent: AtomicBool,
    /// The request body waits for the client.
    pub(super) client_awaited: AtomicBool,
    /// Something was written since this was last asked.
    moved: AtomicBool,
    /// Look at the socket itself on the next read, not at what the reactor last saw.
    pub(super) probe: AtomicBool,
}

impl Marks {
    pub(super) fn begin(&self, body_sent: bool) {
        self.written.store(false, Relaxed);
        self.answered.store(false, Relaxed);
        self.body_sent.store(body_sent, Relaxed);
    }

    /// Whether the lack of an answer can be put down to the request body still on its way.
    pub(super) fn is_moving(&self) -> bool {
        let moved = self.moved.load(Relaxed);
        self.moved.store(false, Relaxed);
        moved || self.client_awaited.load(Relaxed)
    }
}

pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

pub(super) struct Socket {
    stream: Stream,
    marks: Arc<Marks>,
}

impl Socket {
    pub(super) fn new(stream: Stream, marks: Arc<Marks>) -> Self {
        Self { stream, marks }
    }

    /// Fails when the peer has closed or reset, or has sent what nobody asked for.
    fn probe(&self) -> io::Result<()> {
        let mut byte = [MaybeUninit::uninit()];
        let seen = match &self.stream {
            Stream::Tcp(stream) => SockRef::from(stream).peek(&mut byte),
            Stream::Unix(stream) => SockRef::from(stream).peek(&mut byte),
        };
        match seen {
            Ok(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(cause) => Err(cause),
        }
    }

    fn wrote(&self, result: &io::Result<usize>) {
        if matches!(result, Ok(1..)) {
            self.marks.written.store(true, Relaxed);
            self.marks.moved.store(true, Relaxed);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.marks.probe.load(Relaxed) {
            self.marks.probe.store(false, Relaxed);
            self.probe()?;
        }
        let before = buf.filled().len();
        let result = ready!(match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        });
        if buf.filled().len() > before {
            self.marks.answered.store(true, Relaxed);
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        });
        self.wrote(&result);
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        });
        self.wrote(&result);
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind of socket holds anything back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
