//! Polls without a runtime, as long as somebody asks to be polled again.
//! It must never block: whoever waits for anything but itself has come as far as it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Most polls of one reading. A connection that asks for more without coming to an end goes round in circles.
const POLLS_MAX: usize = 1 << 16;

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls until `poll` is ready or nobody wants it to be polled again. Returns what it gave.
pub(super) fn drive<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    for _ in 0..POLLS_MAX {
        flag.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(value) = poll(&mut context) {
            return Some(value);
        }
        if !flag.0.load(Ordering::Relaxed) {
            return None;
        }
    }
    unreachable!("hyper goes round in circles");
}
