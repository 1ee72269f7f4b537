//! One direction of a body or a flow on its way from one socket to another, with back-pressure.
//! It must hold no more than one read's worth of bytes, and must read nothing while it cannot write.

use std::io;
use std::task::{Context, Poll};

use mesher_codec::{Refusal, Transfer};
use mesher_net::{Scratch, Socket};

use crate::request::brake::Brake;
use crate::request::failure::Side;

/// Reads in a row before another connection gets its turn.
const READS_IN_A_ROW_MAX: u32 = 16;

/// Why a direction could not be brought to its end.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The sender's connection broke, or ended too early.
    Source(Option<io::Error>),
    /// The receiver's connection broke.
    Sink(io::Error),
    /// The sender's framing is malformed, or its body too large.
    Refused(Refusal),
    /// Nothing moved for too long, because of this side.
    Stalled(Side),
}

/// What a direction moves bytes between.
pub(crate) struct Ends<'a> {
    pub(crate) source: &'a mut Socket,
    /// Bytes of the source that were read already; what belongs to its next message is left there.
    pub(crate) input: &'a mut Vec<u8>,
    pub(crate) sink: &'a mut Socket,
    pub(crate) scratch: &'a Scratch,
}

/// What waits between the two sockets of a direction.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    /// Bytes that the sink did not take yet, from `written` on.
    pending: Vec<u8>,
    written: usize,
    /// Bytes that the sink took in all, heads and framing counted.
    pub(crate) moved: u64,
    /// Holds it up, where a rule says so.
    brake: Option<Box<Brake>>,
}

impl Pump {
    /// Whether the sink took everything that was read.
    pub(crate) fn is_drained(&self) -> bool {
        self.pending.is_empty()
    }

    /// Lets what follows the head pass no faster than so many bytes a second.
    pub(crate) fn slow_down(&mut self, bytes_per_second: u64) {
        self.brake = Some(Box::new(Brake::new(bytes_per_second)));
    }

    /// Whether bytes wait for their time, and not for the sink.
    pub(crate) fn is_held_up(&self) -> bool {
        self.brake.as_ref().is_some_and(|brake| brake.is_closed)
    }

    /// Begins with what `head` appends and with the body's bytes in the input, in one write where the sink takes them.
    /// Returns how many bytes of the input that were; they are still there.
    pub(crate) fn start(
        &mut self,
        context: &mut Context<'_>,
        transfer: &mut Transfer,
        head: impl FnOnce(&mut Vec<u8>),
        ends: Ends<'_>,
    ) -> Result<usize, PumpError> {
        ends.scratch.with_output(|output| {
            head(output);
            if self.brake.is_some() {
                let brake = self.brake.take();
                self.write(context, output, ends.sink)?;
                self.brake = brake;
                output.clear();
            }
            let used = transfer.encode(ends.input, output).map_err(PumpError::Refused)?;
            self.write(context, output, ends.sink)?;
            Ok(used)
        })
    }

    /// Moves as much as both sockets allow. Ready when the body has passed.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        transfer: &mut Transfer,
        ends: Ends<'_>,
    ) -> Poll<Result<(), PumpError>> {
        let Ends { source, input, sink, scratch } = ends;
        for _ in 0..READS_IN_A_ROW_MAX {
            std::task::ready!(self.poll_flush(context, sink))?;
            if transfer.is_encoded() {
                return Poll::Ready(Ok(()));
            }
            let moved = scratch.with_input(|buffer| match source.poll_read(context, buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Source(Some(error)))),
                Poll::Ready(Ok(0)) => Poll::Ready(self.end(context, transfer, sink, scratch)),
                Poll::Ready(Ok(read)) => {
                    let bytes = buffer.get(..read).unwrap_or_default();
                    let used = self.forward(context, transfer, bytes, (sink, scratch));
                    Poll::Ready(
                        used.map(|used| input.extend_from_slice(bytes.get(used..).unwrap_or_default())),
                    )
                }
            });
            std::task::ready!(moved)?;
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// As [`Self::poll`], for a direction whose end nobody waits for.
    pub(crate) fn push(
        &mut self,
        context: &mut Context<'_>,
        transfer: &mut Transfer,
        ends: Ends<'_>,
    ) -> Result<(), PumpError> {
        match self.poll(context, transfer, ends) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Brings `bytes` on their way. Returns how many belong to this body.
    fn forward(
        &mut self,
        context: &mut Context<'_>,
        transfer: &mut Transfer,
        bytes: &[u8],
        (sink, scratch): (&mut Socket, &Scratch),
    ) -> Result<usize, PumpError> {
        if transfer.leaves_as_it_came() {
            let (used, data) = transfer.pass(bytes).map_err(PumpError::Refused)?;
            self.write(context, data, sink)?;
            return Ok(used);
        }
        scratch.with_output(|output| {
            let used = transfer.encode(bytes, output).map_err(PumpError::Refused)?;
            self.write(context, output, sink)?;
            Ok(used)
        })
    }

    /// The sender's connection ended: the body is whole now, or it is cut off.
    fn end(
        &mut self,
        context: &mut Context<'_>,
        transfer: &mut Transfer,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Result<(), PumpError> {
        scratch.with_output(|output| match transfer.end_of_input(output) {
            true => self.write(context, output, sink),
            false => Err(PumpError::Source(None)),
        })
    }

    /// Writes `bytes` after what is pending; what the sink does not take becomes pending.
    pub(crate) fn write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        sink: &mut Socket,
    ) -> Result<(), PumpError> {
        let mut rest = bytes;
        // Under a brake everything waits for its time.
        while self.brake.is_none() && self.pending.is_empty() && !rest.is_empty() {
            match sink.poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Err(PumpError::Sink(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    self.moved += written as u64;
                    rest = rest.get(written..).unwrap_or_default();
                }
                Poll::Ready(Err(error)) => return Err(PumpError::Sink(error)),
                Poll::Pending => break,
            }
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what is pending.
    pub(crate) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut Socket,
    ) -> Poll<Result<(), PumpError>> {
        if self.pending.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while let Some(rest) = self.pending.get(self.written..).filter(|rest| !rest.is_empty()) {
            let open = match &mut self.brake {
                None => rest.len(),
                Some(brake) => std::task::ready!(brake.poll_open(context)),
            };
            let rest = rest.get(..open).unwrap_or(rest);
            match std::task::ready!(sink.poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Err(PumpError::Sink(io::ErrorKind::WriteZero.into()))),
                Ok(written) => {
                    self.moved += written as u64;
                    self.written += written;
                    self.brake.iter_mut().for_each(|brake| brake.passed += written as u64);
                }
                Err(error) => return Poll::Ready(Err(PumpError::Sink(error))),
            }
        }
        // The buffer is given back at once: a direction that waits for its source holds none.
        self.pending = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}
