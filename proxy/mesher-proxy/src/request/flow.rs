//! The front end of opaque TCP: one connection, one flow, one invocation.
//! It must pass every byte and each side's end as they come, and look at none.

use std::future::poll_fn;
use std::task::{Context, Poll};

use mesher_codec::{Authority, Framing};
use mesher_net::{Scratch, Socket};

use crate::bootstrap::PortProtocol;
use crate::request::exchange::CONNECT_TIME_MAX;
use crate::request::failure::{Failure, FailureKind, Side};
use crate::request::faults::connect_failure;
use crate::request::invocation::{
    Code, Direction, Exchange, Invocation, Operation, Outcome, Protocol, Target,
};
use crate::request::pump::{Pump, PumpError};
use crate::request::{invoke, target};
use crate::worker::{InUse, Worker};

/// A flow of the local application to `service`.
pub(crate) async fn outbound(worker: &Worker, mut socket: Socket, service: &str) {
    let resolved = target::resolve(worker, Authority { host: service, port: None }, PortProtocol::Tcp).await;
    let (snapshot, target, refusal) = match resolved {
        Ok((snapshot, target)) => (snapshot, target, None),
        Err(failure) => {
            let snapshot = worker.snapshot();
            let target = Target { cluster: snapshot.nowhere(), protocol: PortProtocol::Tcp, port: None };
            (snapshot, target, Some(failure))
        }
    };
    let row = match &refusal {
        None => worker.counters.borrow_mut().row_of_cluster(snapshot.cluster(target.cluster), Protocol::Tcp),
        Some(_) => worker.counters.borrow_mut().row_of_unknown(Direction::Outbound, Protocol::Tcp),
    };
    let mut call = Invocation::new(worker, snapshot, (Direction::Outbound, Protocol::Tcp), target, row);
    call.refusal = refusal;
    let mut exchange = FlowExchange { socket: &mut socket, owner: worker, upstream: None, service };
    invoke::invoke(worker, &mut call, &mut exchange).await;
}

/// A flow to the local application's `port`.
pub(crate) async fn inbound(worker: &Worker, mut socket: Socket, port: u16) {
    let snapshot = worker.snapshot();
    let cluster = snapshot.local().unwrap_or_else(|| snapshot.nowhere());
    let target = Target { cluster, protocol: PortProtocol::Tcp, port: Some(port) };
    let row = worker.counters.borrow_mut().row_of_caller(None, Protocol::Tcp);
    let mut call = Invocation::new(worker, snapshot, (Direction::Inbound, Protocol::Tcp), target, row);
    let service = worker.shared.bootstrap.identity.service.as_str();
    let mut exchange = FlowExchange { socket: &mut socket, owner: worker, upstream: None, service };
    invoke::invoke(worker, &mut call, &mut exchange).await;
}

/// One flow.
#[derive(Debug)]
struct FlowExchange<'c> {
    socket: &'c mut Socket,
    /// The worker that owns the connection; the same that handles the flow.
    owner: &'c Worker,
    upstream: Option<(Socket, InUse<'c>)>,
    service: &'c str,
}

/// One direction of a flow: bytes, then the end.
#[derive(Debug)]
struct Half {
    pump: Pump,
    is_shut: bool,
}

impl Half {
    fn new() -> Self {
        Self { pump: Pump::new(Framing::UntilClose, Framing::UntilClose), is_shut: false }
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
        std::task::ready!(self.pump.poll(context, source, &mut Vec::new(), sink, scratch))?;
        std::task::ready!(sink.poll_shutdown(context)).map_err(PumpError::Sink)?;
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Exchange for FlowExchange<'_> {
    async fn send(&mut self, worker: &Worker, call: &Invocation) -> Result<Code, Failure> {
        let Some(endpoint) = call.current_endpoint() else {
            return Err(Failure::local(FailureKind::NoEndpoint, "the endpoint is gone"));
        };
        let result = Socket::connect(endpoint.address, CONNECT_TIME_MAX).await;
        worker.counters.borrow_mut().connected(call.cluster(), &result);
        let upstream = result.map_err(|error| connect_failure(&error))?;
        self.upstream = Some((upstream, self.owner.use_connection(call.row)));
        Ok(Code::Connected)
    }

    async fn relay(&mut self, worker: &Worker, _call: &Invocation) -> Outcome {
        let (mut up, mut down) = (Half::new(), Half::new());
        let result = match self.upstream.as_mut() {
            None => Ok(()),
            Some((upstream, _)) => {
                poll_fn(|context| {
                    let upwards = up.poll(context, self.socket, upstream, &worker.scratch);
                    let downwards = down.poll(context, upstream, self.socket, &worker.scratch);
                    // An error of either direction ends the flow: what is left could not be trusted.
                    match (upwards, downwards) {
                        (Poll::Ready(Err(error)), _) => Poll::Ready(Err((error, Direction::Outbound))),
                        (_, Poll::Ready(Err(error))) => Poll::Ready(Err((error, Direction::Inbound))),
                        (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
                        _ => Poll::Pending,
                    }
                })
                .await
            }
        };
        let failure =
            result.err().map(|(error, towards)| (broken_side(&error, towards), FailureKind::Terminated));
        Outcome {
            code: Code::Connected,
            failure,
            detail: None,
            keeps_connection: false,
            request_bytes: up.pump.bytes,
            response_bytes: down.pump.bytes,
        }
    }

    /// Opaque TCP has no words: the connection is closed, and the log says why.
    async fn refuse(&mut self, _worker: &Worker, _call: &Invocation, failure: Failure) -> Outcome {
        Outcome {
            code: Code::None,
            failure: Some((failure.side, failure.kind)),
            detail: Some(failure.detail.to_string()),
            keeps_connection: false,
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    fn operation(&self) -> Operation<'_> {
        Operation { method: "", path: "", host: self.service }
    }
}

/// Which side of the flow broke, from the direction in which it was noticed.
const fn broken_side(error: &PumpError, towards: Direction) -> Side {
    match (error, towards) {
        (PumpError::Sink(_), Direction::Outbound) | (PumpError::Source(_), Direction::Inbound) => {
            Side::Upstream
        }
        _ => Side::Downstream,
    }
}
