//! Counts the heads that end in a stream of requests without bodies.
//! It must look at nothing in them: the backend answers all alike.

/// Where in a line the stream stands.
#[derive(Debug, Default)]
pub(crate) struct HeadEnds {
    /// Bytes of the unfinished line, its carriage return counted.
    line: usize,
}

impl HeadEnds {
    /// How many heads end in these bytes. A head ends with an empty line.
    pub(crate) fn count(&mut self, bytes: &[u8]) -> usize {
        let (mut heads, mut begin) = (0, 0);
        for end in memchr::memchr_iter(b'\n', bytes) {
            let length = self.line + end - begin;
            // No line of a head has but one byte, so this one is the carriage return.
            heads += usize::from(length <= 1);
            self.line = 0;
            begin = end + 1;
        }
        self.line += bytes.len() - begin;
        heads
    }
}
