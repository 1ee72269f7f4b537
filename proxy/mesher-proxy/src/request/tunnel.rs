//! Two directions of bytes between two sockets, each with its own end: opaque TCP, and what follows an upgrade.
//! It must pass every byte and each side's end as they come, and look at none.

use std::future::poll_fn;
use std::task::{Context, Poll};

use mesher_codec::{Framing, Transfer};
use mesher_net::{Scratch, Socket};

use crate::request::failure::Side;
use crate::request::pump::{Ends, Pump, PumpError};
use crate::request::vigil::{Vigil, Wait};
use crate::worker::Worker;

/// One direction.
#[derive(Debug)]
pub(crate) struct Half {
    pub(crate) transfer: Transfer,
    pub(crate) pump: Pump,
    is_shut: bool,
}

/// What ended a tunnel before its time, and whose side broke.
pub(crate) type Broken = (PumpError, Side);

impl Half {
    /// A direction that begins with its first byte.
    pub(crate) fn new() -> Self {
        Self::of(Transfer::new(Framing::UntilClose, Framing::UntilClose), Pump::default())
    }

    /// A direction that goes on with what is pending already.
    pub(crate) fn of(transfer: Transfer, pump: Pump) -> Self {
        Self { transfer, pump, is_shut: false }
    }

    /// Moves bytes; once the source has ended and all is written, tells the sink.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        source: &mut Socket,
        sink: &mut Socket,
        scratch: &Scratch,
    ) -> Poll<Result<(), PumpError>> {
        if self.is_shut {
            return Poll::Ready(Ok(()));
        }
        let ends = Ends { source, input: &mut Vec::new(), sink, scratch };
        std::task::ready!(self.pump.poll(context, &mut self.transfer, ends))?;
        std::task::ready!(sink.poll_shutdown(context)).map_err(PumpError::Sink)?;
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

/// Brings what was read before the tunnel on its way: to the callee what is in the first input; to the caller what `head`
/// appends, and what is in the second.
pub(crate) async fn begin(
    worker: &Worker,
    [up, down]: &mut [Half; 2],
    (caller, callee): (&mut Socket, &mut Socket),
    (input, upstream_input): (&mut Vec<u8>, &mut Vec<u8>),
    head: impl Fn(&mut Vec<u8>),
) -> Result<(), Broken> {
    let scratch = &worker.scratch;
    poll_fn(|context| {
        let ends = Ends { source: callee, input: upstream_input, sink: caller, scratch };
        let to_caller = down.pump.start(context, &mut down.transfer, &head, ends);
        let ends = Ends { source: caller, input, sink: callee, scratch };
        let to_callee = up.pump.start(context, &mut up.transfer, |_| {}, ends);
        input.clear();
        upstream_input.clear();
        let blame = |side| move |error| (error, side);
        let to_caller = to_caller.map(|_| ()).map_err(blame(Side::Downstream));
        let to_callee = to_callee.map(|_| ()).map_err(blame(Side::Upstream));
        Poll::Ready(to_caller.and(to_callee))
    })
    .await
}

/// Passes bytes until both sides have ended, or one has broken: then the other is told by a reset as well. With a vigil,
/// silence of both sides ends the tunnel too.
pub(crate) async fn run(
    worker: &Worker,
    [up, down]: &mut [Half; 2],
    (caller, callee): (&mut Socket, &mut Socket),
    mut vigil: Option<&mut Vigil<'_>>,
) -> Result<(), Broken> {
    let result = poll_fn(|context| {
        let upwards = up.poll(context, caller, callee, &worker.scratch);
        let downwards = down.poll(context, callee, caller, &worker.scratch);
        match (upwards, downwards) {
            (Poll::Ready(Err(error)), _) => {
                let side = broken_side(&error, Side::Upstream);
                Poll::Ready(Err((error, side)))
            }
            (_, Poll::Ready(Err(error))) => {
                let side = broken_side(&error, Side::Downstream);
                Poll::Ready(Err((error, side)))
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            _ => match vigil.as_deref_mut() {
                Some(vigil) => vigil
                    .poll(context, Wait::Either, up.pump.moved + down.pump.moved)
                    .map(|()| Err((PumpError::Stalled(Side::Downstream), Side::Downstream))),
                None => Poll::Pending,
            },
        }
    })
    .await;
    if result.as_ref().is_err_and(|(error, _)| !matches!(error, PumpError::Stalled(_))) {
        caller.reset_on_close();
        callee.reset_on_close();
    }
    result
}

/// Which side broke, from the side towards which the direction leads.
const fn broken_side(error: &PumpError, towards: Side) -> Side {
    match (error, towards) {
        (PumpError::Sink(_), Side::Upstream) | (PumpError::Source(_), Side::Downstream) => Side::Upstream,
        _ => Side::Downstream,
    }
}
