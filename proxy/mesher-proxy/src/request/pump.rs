//! One direction of a body or a flow: reads from one socket, decodes, encodes, writes to the other.
//! It must hold no more than one read's worth of bytes, and must read nothing while it cannot write.

use std::io;
use std::task::{Context, Poll};

use mesher_codec::{BodyDecoder, Framing, Piece, Refusal};
use mesher_net::{Scratch, Socket};

/// Reads in a row before another connection gets its turn.
const READS_IN_A_ROW_MAX: u32 = 16;

/// Why a direction could not be brought to its end.
#[derive(Debug)]
pub(crate) enum PumpError {
    /// The sender's connection broke, or ended too early.
    Source(Option<io::Error>),
    /// The receiver's connection broke.
    Sink(io::Error),
    /// The sender's framing is malformed.
    Refused(Refusal),
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    decoder: BodyDecoder,
    framing: Framing,
    /// Bytes that the sink did not take yet, from `written` on.
    pending: Vec<u8>,
    written: usize,
    /// Whether everything was encoded; what is pending may still have to be written.
    is_encoded: bool,
    /// Whether any byte of the sender's was used, framing counted: it cannot be asked for again.
    has_taken: bool,
    /// Bytes of the body itself that came through.
    pub(crate) bytes: u64,
}

impl Pump {
    /// Made ready for a body that comes framed `from` and leaves framed `to`.
    pub(crate) fn new(from: Framing, to: Framing) -> Self {
        Self { decoder: BodyDecoder::new(from), framing: to, ..Self::default() }
    }

    /// Whether everything was read and written.
    pub(crate) fn is_done(&self) -> bool {
        self.is_encoded && self.pending.is_empty()
    }

    /// Why the body was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.decoder.refusal()
    }

    /// How many trailer fields were not passed on.
    pub(crate) fn dropped_trailer_count(&self) -> u32 {
        self.decoder.dropped_trailer_count()
    }

    /// Whether any of the body was taken from its sender, be it the framing alone.
    pub(crate) fn has_taken(&self) -> bool {
        self.has_taken
    }

    /// Whether the body was read to its end, so that the next message begins where it should.
    pub(crate) fn is_read(&self) -> bool {
        self.decoder.is_done()
    }

    /// Begins with what `head` appends and with the body's bytes in `input`, in one write where the sink takes them.
    pub(crate) fn start(
        &mut self,
        context: &mut Context<'_>,
        head: impl FnOnce(&mut Vec<u8>),
        input: &mut Vec<u8>,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Result<(), PumpError> {
        scratch.with_output(|output| {
            head(output);
            let used = self.encode(input, output)?;
            self.has_taken |= used > 0;
            input.drain(..used);
            self.write(context, output, sink)
        })
    }

    /// Moves as much as both sockets allow. Ready when the direction is done.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        source: &mut Socket,
        input: &mut Vec<u8>,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Poll<Result<(), PumpError>> {
        for _ in 0..READS_IN_A_ROW_MAX {
            std::task::ready!(self.poll_pending(context, sink))?;
            if self.is_encoded {
                return Poll::Ready(Ok(()));
            }
            let moved = scratch.with_input(|buffer| match source.poll_read(context, buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(PumpError::Source(Some(error)))),
                Poll::Ready(Ok(0)) => Poll::Ready(self.end_of_input(context, sink, scratch)),
                Poll::Ready(Ok(read)) => {
                    self.has_taken = true;
                    let bytes = buffer.get(..read).unwrap_or_default();
                    Poll::Ready(self.forward(context, bytes, input, sink, scratch))
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
        source: &mut Socket,
        input: &mut Vec<u8>,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Result<(), PumpError> {
        match self.poll(context, source, input, sink, scratch) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Brings `bytes` on their way. What belongs to the next message is left in `input`.
    fn forward(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        input: &mut Vec<u8>,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Result<(), PumpError> {
        if self.framing != Framing::Chunked && !matches!(self.decoder, BodyDecoder::Chunked(_)) {
            // The bytes leave as they came: no copy.
            let (used, piece) = self.decoder.next(bytes).map_err(PumpError::Refused)?;
            if let Piece::Data(data) = piece {
                self.bytes += data.len() as u64;
                self.write(context, data, sink)?;
            }
            self.is_encoded = self.decoder.is_done();
            input.extend_from_slice(bytes.get(used..).unwrap_or_default());
            return Ok(());
        }
        scratch.with_output(|output| {
            let used = self.encode(bytes, output)?;
            input.extend_from_slice(bytes.get(used..).unwrap_or_default());
            self.write(context, output, sink)
        })
    }

    /// Decodes `bytes` and appends them to `output` in the other framing. Returns how many were used.
    fn encode(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Result<usize, PumpError> {
        let mut used = 0;
        while !self.is_encoded {
            let (taken, piece) =
                self.decoder.next(bytes.get(used..).unwrap_or_default()).map_err(PumpError::Refused)?;
            used += taken;
            match piece {
                Piece::Data(data) => {
                    self.bytes += data.len() as u64;
                    self.framing.write_data(data, output);
                }
                Piece::Pending => break,
                Piece::End => self.encode_end(output),
            }
        }
        Ok(used)
    }

    fn encode_end(&mut self, output: &mut Vec<u8>) {
        self.framing.write_end(self.decoder.trailers(), output);
        self.is_encoded = true;
    }

    /// The sender's connection ended: the body is whole now, or it is cut off.
    fn end_of_input(
        &mut self,
        context: &mut Context<'_>,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Result<(), PumpError> {
        if !self.decoder.end_of_input() {
            return Err(PumpError::Source(None));
        }
        scratch.with_output(|output| {
            self.encode_end(output);
            self.write(context, output, sink)
        })
    }

    /// Writes `bytes` after what is pending; what the sink does not take becomes pending.
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8], sink: &mut Socket) -> Result<(), PumpError> {
        let mut bytes = bytes;
        while self.pending.is_empty() && !bytes.is_empty() {
            match sink.poll_write(context, bytes) {
                Poll::Ready(Ok(0)) => return Err(PumpError::Sink(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => bytes = bytes.get(written..).unwrap_or_default(),
                Poll::Ready(Err(error)) => return Err(PumpError::Sink(error)),
                Poll::Pending => break,
            }
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn poll_pending(&mut self, context: &mut Context<'_>, sink: &mut Socket) -> Poll<Result<(), PumpError>> {
        while let Some(rest) = self.pending.get(self.written..).filter(|rest| !rest.is_empty()) {
            match std::task::ready!(sink.poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Err(PumpError::Sink(io::ErrorKind::WriteZero.into()))),
                Ok(written) => self.written += written,
                Err(error) => return Poll::Ready(Err(PumpError::Sink(error))),
            }
        }
        // The buffer is given back at once: a direction that waits for its source holds none.
        self.pending = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}
