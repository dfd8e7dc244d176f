//! Puts the envelope into the answers that hyper gives by itself.
//!
//! In: a stream that hyper writes to. Out: the same, but where hyper refuses a head that it cannot
//! read (400, 414, 431, without a body), the envelope says so. Our own answers always have a body
//! or declare one, so none of them is taken for such a refusal.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use workflow_api::ErrorName;

use crate::operations::answer;

/// A stream whose refusals of malformed HTTP have a body.
pub(super) struct Enveloped<S> {
    stream: S,
    refusal: Option<Refusal>,
}

/// A refusal on its way out.
struct Refusal {
    bytes: Vec<u8>,
    written: usize,
    /// Bytes of hyper's own that it stands for.
    replaced: usize,
}

impl<S> Enveloped<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            refusal: None,
        }
    }
}

impl Refusal {
    /// The refusal that stands for `bytes`, if they are one.
    fn of(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"HTTP/1.1 4")?;
        let message = match rest.first_chunk::<2>()? {
            b"00" => "the request is not HTTP that can be read",
            b"14" => "the request's target is too long",
            b"31" => "the request's head is too large",
            _ => return None,
        };
        let text = std::str::from_utf8(bytes).ok()?;
        let head = text.strip_suffix("\r\n\r\n")?;
        let (head, _) = head
            .split_once("content-length: 0")
            .filter(|(_, rest)| rest.is_empty() || rest.starts_with("\r\n"))?;
        let (status, _) = head.split_once("\r\n")?;
        let body = answer::failure(ErrorName::BadRequest, message);
        let mut bytes = format!(
            "{status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        Some(Self {
            bytes,
            written: 0,
            replaced: text.len(),
        })
    }
}

impl<S: Write + Unpin> Enveloped<S> {
    /// Writes a refusal to its end; then tells how much of hyper's own it stood for.
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        let Some(refusal) = &mut self.refusal else {
            return Poll::Ready(Ok(None));
        };
        while refusal.written < refusal.bytes.len() {
            let left = &refusal.bytes[refusal.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => refusal.written += written,
            }
        }
        let replaced = refusal.replaced;
        self.refusal = None;
        Poll::Ready(Ok(Some(replaced)))
    }
}

impl<S: Write + Unpin> Write for Enveloped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.refusal.is_none() {
            self.refusal = Refusal::of(bytes);
        }
        if let Some(replaced) = ready!(self.poll_refusal(context))? {
            return Poll::Ready(Ok(replaced));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.refusal.is_none() {
            let mut filled = slices.iter().filter(|slice| !slice.is_empty());
            if let (Some(only), None) = (filled.next(), filled.next()) {
                self.refusal = Refusal::of(only);
            }
        }
        if let Some(replaced) = ready!(self.poll_refusal(context))? {
            return Poll::Ready(Ok(replaced));
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Read + Unpin> Read for Enveloped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}
