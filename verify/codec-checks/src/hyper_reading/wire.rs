//! A wire in memory: hyper reads the input from it, and what it writes is dropped.
//! It must not invent an order: where hyper writes first, it reads nothing before it has written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hyper::rt::{Read, ReadBufCursor, Write};

/// The wire, as hyper's connections want it.
#[derive(Debug)]
pub(super) struct Wire<'b> {
    input: &'b [u8],
    may_read: bool,
    reader: Option<Waker>,
}

impl<'b> Wire<'b> {
    /// A wire on which the input is there from the beginning.
    pub(super) fn for_server(input: &'b [u8]) -> Self {
        Self { input, may_read: true, reader: None }
    }

    /// A wire on which the input comes as soon as something was written.
    pub(super) fn for_client(input: &'b [u8]) -> Self {
        Self { input, may_read: false, reader: None }
    }

    /// How many bytes nobody has read.
    pub(super) fn unread(&self) -> usize {
        self.input.len()
    }
}

impl Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.may_read {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let (now, later) = self.input.split_at(self.input.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.may_read = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
