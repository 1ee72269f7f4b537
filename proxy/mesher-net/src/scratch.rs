//! The two buffers that a worker reads into and writes from, shared by all its connections.
//! They must not be held across a wait: a connection that waits owns no buffer.

use std::cell::RefCell;

/// Bytes that one read can bring.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// Bytes that are asked of the allocator for it: so many that they come from the system as pages that take no memory before
/// they are touched, and most reads are short.
const INPUT_BYTES: usize = 2 * READ_BYTES_MAX;

/// The buffers of one worker.
#[derive(Debug)]
pub struct Scratch {
    input: RefCell<Box<[u8]>>,
    output: RefCell<Vec<u8>>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { input: RefCell::new(vec![0; INPUT_BYTES].into_boxed_slice()), output: RefCell::default() }
    }
}

impl Scratch {
    /// Lends the input buffer to `use_it`, which cannot wait and cannot borrow it a second time.
    pub fn with_input<R>(&self, use_it: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut input = self.input.borrow_mut();
        let (lent, _) = input.split_at_mut(READ_BYTES_MAX);
        use_it(lent)
    }

    /// Lends the output buffer, emptied, to `use_it`.
    pub fn with_output<R>(&self, use_it: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut output = self.output.borrow_mut();
        output.clear();
        use_it(&mut output)
    }
}
