//! A brake on a body: how many of its bytes may have passed by now.
//! It must hold no thread: whoever waits is woken.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Bodies move a step at a time, where they move that fast at all: wakings cost more than bytes.
const STEP: Duration = Duration::from_millis(20);

/// A rate that bytes keep to.
#[derive(Debug)]
pub(crate) struct Brake {
    bytes_per_second: u64,
    began: Instant,
    pub(crate) passed: u64,
    /// Whether somebody waits for it to open.
    pub(crate) is_closed: bool,
    next: Pin<Box<Sleep>>,
}

impl Brake {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        let began = Instant::now();
        let next = Box::pin(tokio::time::sleep_until(began));
        Self { bytes_per_second: bytes_per_second.max(1), began, passed: 0, is_closed: false, next }
    }

    /// How many more bytes may pass now, at least one.
    pub(crate) fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<usize> {
        loop {
            let elapsed = self.began.elapsed().as_nanos();
            let allowed = u128::from(self.bytes_per_second) * elapsed / 1_000_000_000;
            let open = allowed.saturating_sub(u128::from(self.passed));
            if open > 0 {
                self.is_closed = false;
                return Poll::Ready(usize::try_from(open).unwrap_or(usize::MAX));
            }
            self.is_closed = true;
            // The moment of the next byte, or a step from now.
            let byte = (u128::from(self.passed) + 1) * 1_000_000_000;
            let nanoseconds = byte.div_ceil(u128::from(self.bytes_per_second));
            let at = self.began + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
            self.next.as_mut().reset(at.max(Instant::now() + STEP));
            std::task::ready!(self.next.as_mut().poll(context));
        }
    }
}
