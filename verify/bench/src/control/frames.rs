//! Finds the messages in what a web socket sends (RFC 6455, 5.2).
//! It must not look into them.

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
/// A length that stands in the two bytes that follow.
const LONG: usize = 126;
/// A length that stands in eight bytes: no event is that long.
const TOO_LONG: usize = 127;

/// What a stream cannot be counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the web socket was closed")]
    Closed,
    #[error("a frame is larger than any event")]
    TooLong,
}

/// One stream.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes of a frame that is not whole yet.
    rest: Vec<u8>,
}

impl Frames {
    /// Takes what came. Returns how many messages became whole by it.
    pub(crate) fn count(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut messages = 0;
        self.each(bytes, |_| messages += 1)?;
        Ok(messages)
    }

    /// Takes what came, and hands over each message that became whole by it.
    pub(crate) fn each(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), Broken> {
        self.rest.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some(&[first, second, ref after @ ..]) = self.rest.get(taken..) {
            let (head, length) = match usize::from(second & 0x7f) {
                TOO_LONG => return Err(Broken::TooLong),
                LONG => match after {
                    [high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
                    _ => break,
                },
                length => (2, length),
            };
            if self.rest.len() - taken < head + length {
                break;
            }
            match first & 0x0f {
                TEXT => take(self.rest.get(taken + head..taken + head + length).unwrap_or_default()),
                CLOSE => return Err(Broken::Closed),
                _ => {}
            }
            taken += head + length;
        }
        self.rest.drain(..taken);
        Ok(())
    }
}
