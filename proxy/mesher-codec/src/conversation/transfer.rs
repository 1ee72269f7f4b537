//! One direction of a message: its body, decoded from one framing and encoded in another.
//! It must hold none of the body, and must never take a byte that belongs to the next message.

use crate::{BodyDecoder, Framing, Piece, Refusal};

/// A body on its way from one connection to the other.
#[derive(Debug)]
pub struct Transfer {
    decoder: BodyDecoder,
    framing: Framing,
    is_encoded: bool,
    has_taken: bool,
    bytes: u64,
    bytes_max: u64,
}

impl Default for Transfer {
    /// The transfer of no body at all.
    fn default() -> Self {
        Self::new(Framing::Empty, Framing::Empty)
    }
}

impl Transfer {
    /// A body that comes framed `from` and leaves framed `to`.
    #[must_use]
    pub fn new(from: Framing, to: Framing) -> Self {
        Self {
            decoder: BodyDecoder::new(from),
            framing: to,
            is_encoded: false,
            has_taken: false,
            bytes: 0,
            bytes_max: u64::MAX,
        }
    }

    /// The same, of at most `bytes_max` bytes, framing not counted.
    #[must_use]
    pub fn limited_to(mut self, bytes_max: u64) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Bytes of the body itself that came through.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the body was encoded to its end.
    #[must_use]
    pub const fn is_encoded(&self) -> bool {
        self.is_encoded
    }

    /// Whether the body was read to its end, so that the next message begins where it should. One that was refused never
    /// is, though its last byte had come: what was refused has not left.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.decoder.is_done() && self.refusal().is_none()
    }

    /// Why the body was refused, if it was.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        if self.bytes > self.bytes_max { Some(Refusal::BodyTooLarge) } else { self.decoder.refusal() }
    }

    /// How many trailer fields were not passed on.
    #[must_use]
    pub fn dropped_trailer_count(&self) -> u32 {
        self.decoder.dropped_trailer_count()
    }

    /// Whether any byte of the sender's was used, framing counted: it cannot be asked for again.
    #[must_use]
    pub const fn has_taken(&self) -> bool {
        self.has_taken
    }

    /// Whether the receiver learns the end of the body from the end of the connection.
    #[must_use]
    pub fn ends_by_close(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    /// Whether bytes leave as they came, so that [`Self::pass`] may be used.
    #[must_use]
    pub fn leaves_as_it_came(&self) -> bool {
        self.framing != Framing::Chunked && !matches!(self.decoder, BodyDecoder::Chunked(_))
    }

    /// Decodes `input` and appends it to `output` in the other framing. Returns how many bytes were used; what is left
    /// belongs to the next message.
    ///
    /// # Errors
    /// The sender's framing is malformed, or its body is larger than allowed.
    pub fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<usize, Refusal> {
        let mut used = 0;
        while !self.is_encoded {
            let (taken, piece) = self.decoder.next(input.get(used..).unwrap_or_default())?;
            used += taken;
            match piece {
                Piece::Data(data) => {
                    self.count(data)?;
                    self.framing.write_data(data, output);
                }
                Piece::Pending => break,
                Piece::End => self.encode_end(output),
            }
        }
        self.has_taken |= used > 0;
        Ok(used)
    }

    /// As [`Self::encode`], without a copy, for a body that [leaves as it came](Self::leaves_as_it_came): how many bytes
    /// of `input` were used, and those that leave.
    ///
    /// # Errors
    /// The body is larger than allowed.
    pub fn pass<'b>(&mut self, input: &'b [u8]) -> Result<(usize, &'b [u8]), Refusal> {
        debug_assert!(self.leaves_as_it_came());
        let (used, piece) = self.decoder.next(input)?;
        self.has_taken |= used > 0;
        let data = match piece {
            Piece::Data(data) => data,
            Piece::End | Piece::Pending => &[],
        };
        self.count(data)?;
        self.is_encoded = self.decoder.is_done();
        Ok((used, data))
    }

    /// The sender's connection ended. Returns whether the body is whole with that; only then `output` gets its end.
    pub fn end_of_input(&mut self, output: &mut Vec<u8>) -> bool {
        let is_whole = self.decoder.end_of_input();
        if is_whole && !self.is_encoded {
            self.encode_end(output);
        }
        is_whole
    }

    fn encode_end(&mut self, output: &mut Vec<u8>) {
        self.framing.write_end(self.decoder.trailers(), output);
        self.is_encoded = true;
    }

    fn count(&mut self, data: &[u8]) -> Result<(), Refusal> {
        self.bytes += data.len() as u64;
        if self.bytes > self.bytes_max { Err(Refusal::BodyTooLarge) } else { Ok(()) }
    }
}
