//! The front end of opaque TCP: one connection, one flow, one invocation.
//! It must look at no byte: what passes, passes through `tunnel`.

use std::net::IpAddr;
use std::time::Duration;

use mesher_codec::Authority;
use mesher_net::Socket;
use mesher_traffic::{HeadView, Message, Safety};

use crate::bootstrap::PortProtocol;
use crate::request::failure::{Failure, FailureKind};
use crate::request::faults::connect_failure;
use crate::request::invocation::{
    Code, Direction, Exchange, Invocation, Operation, Outcome, Protocol, Target,
};
use crate::request::tunnel::{self, Half};
use crate::request::{invoke, target};
use crate::telemetry::counters::Counters;
use crate::worker::{Counted, Worker};

/// A flow of the local application to `service`.
pub(crate) async fn outbound(worker: &Worker, mut socket: Socket, service: &str) {
    let resolved = target::resolve(worker, Authority { host: service, port: None }, PortProtocol::Tcp).await;
    let (snapshot, target, refusal) = target::or_nowhere(worker, resolved, PortProtocol::Tcp);
    let row = match &refusal {
        None => worker.counters.borrow_mut().row_of_cluster(snapshot.cluster(target.cluster), Protocol::Tcp),
        Some(_) => worker.counters.borrow_mut().row_of_unknown(Direction::Outbound, Protocol::Tcp),
    };
    let mut call = Invocation::new(worker, snapshot, (Direction::Outbound, Protocol::Tcp), target, row);
    call.refusal = refusal;
    let mut exchange = FlowExchange { socket: &mut socket, worker, upstream: None, service };
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
    let mut exchange = FlowExchange { socket: &mut socket, worker, upstream: None, service };
    invoke::invoke(worker, &mut call, &mut exchange).await;
}

/// One flow.
#[derive(Debug)]
struct FlowExchange<'c> {
    socket: &'c mut Socket,
    worker: &'c Worker,
    upstream: Option<(Socket, Counted<'c>)>,
    service: &'c str,
}

impl HeadView for FlowExchange<'_> {
    fn message(&self) -> Option<Message<'_>> {
        None
    }

    fn any_field(&self, _name: &str, _holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }

    fn each_name(&self, _: &mut dyn FnMut(&[u8])) {}

    fn address(&self) -> Option<IpAddr> {
        Some(self.socket.peer().ip())
    }
}

impl Exchange for FlowExchange<'_> {
    async fn send(&mut self, call: &Invocation) -> Result<Code, Failure> {
        let Some(endpoint) = call.current_endpoint() else {
            return Err(Failure::local(FailureKind::NoEndpoint, "the endpoint is gone"));
        };
        let result = Socket::connect(endpoint.address, self.worker.limits().connect_time_max).await;
        self.worker.counters.borrow_mut().connected(call.cluster(), &result);
        let upstream = result.map_err(|error| connect_failure(&error))?;
        self.upstream = Some((upstream, self.worker.count_while(call.row, Counters::use_connection)));
        Ok(Code::Connected)
    }

    fn after_answer(&self) -> (Safety, bool) {
        (Safety::Spent, false)
    }

    fn drop_answer(&mut self) {
        self.upstream = None;
    }

    /// It came to no connection.
    fn give_up(&mut self, failure: Failure) -> Failure {
        Failure { safety: Safety::NothingSent, ..failure }
    }

    async fn relay(&mut self, _call: &Invocation) -> Outcome {
        let mut halves = [Half::new(), Half::new()];
        let result = match self.upstream.as_mut() {
            None => Ok(()),
            Some((upstream, _)) => {
                tunnel::run(self.worker, &mut halves, (&mut *self.socket, upstream), None).await
            }
        };
        let [up, down] = halves;
        Outcome {
            code: Code::Connected,
            failure: result.err().map(|(_, side)| (side, FailureKind::Terminated)),
            detail: None,
            keeps_connection: false,
            request_bytes: up.transfer.bytes(),
            response_bytes: down.transfer.bytes(),
        }
    }

    /// No rule that answers itself is about a flow.
    async fn answer_itself(&mut self, call: &Invocation) -> Outcome {
        self.refuse(call, Failure::local(FailureKind::Internal, "a flow has no words for an answer")).await
    }

    /// Opaque TCP has no words: the connection is closed, and the log says why.
    async fn refuse(&mut self, _call: &Invocation, failure: Failure) -> Outcome {
        if failure.kind == FailureKind::InjectedReset {
            self.socket.reset_on_close();
        }
        Outcome {
            code: Code::None,
            failure: Some((failure.side, failure.kind)),
            detail: Some(failure.detail.to_string()),
            keeps_connection: false,
            request_bytes: 0,
            response_bytes: 0,
        }
    }

    async fn pause(&mut self, time: Duration) -> Result<(), Failure> {
        tokio::time::sleep(time).await;
        Ok(())
    }

    fn operation(&self) -> Operation<'_> {
        Operation { method: "", path: "", host: self.service, port: None }
    }
}
