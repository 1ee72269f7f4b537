//! What becomes of an answer: its way to the caller, and which of the two connections behind it may carry another call.
//! It must keep no connection of which it is not certain that the next bytes are those of another message.

use mesher_codec::field::FieldKind;
use mesher_codec::response::Downstream;

use crate::request::converse::Answered;
use crate::request::exchange::{Buffers, HttpExchange};
use crate::request::invocation::Invocation;
use crate::request::tunnel::{self, Half};
use crate::request::upstream::Upstream;
use crate::request::{edits, faults, respond};
use crate::telemetry::counters::Counters;

impl<'c> HttpExchange<'c> {
    /// What a proxy behind says about an answer that tells of a failure.
    pub(super) fn words_of_callee(&self) -> Option<String> {
        if self.status < 500 {
            return None;
        }
        let response = self.worker.response.borrow();
        let status = response.value(FieldKind::ProxyStatus)?.escape_ascii().to_string();
        Some(format!("it says: {status}"))
    }

    /// Brings the answer to the caller. Returns whether the caller's connection can carry a further call.
    pub(super) async fn answer(
        &mut self,
        call: &Invocation,
        mut upstream: Upstream<'c>,
        downstream: Downstream,
    ) -> Answered {
        call.slow_body.into_iter().for_each(|rate| self.down.slow_down(rate));
        let error = self.stream(call, &mut upstream, downstream).await.err();
        self.vigil.end();
        let is_drained = error.is_none() && self.up.is_drained();
        if is_drained && self.conversation.keeps_upstream(!self.buffers.upstream_input.is_empty()) {
            upstream.keep(self.keeps_for);
        } else if error.is_some() || !self.conversation.is_over() {
            // What the callee still works on is wanted by nobody, or can be trusted by nobody.
            upstream.socket.reset_on_close();
        }
        let keeps_connection = is_drained && self.conversation.keeps_downstream();
        match &error {
            // Whoever is told the end of a body by the end of the connection must not take this for one.
            Some(_) if self.conversation.response.ends_by_close() => {
                self.socket.reset_on_close();
            }
            None if !keeps_connection && self.caller_may_be_sending() => {
                Box::pin(respond::linger(self.worker, self.socket)).await;
            }
            _ => {}
        }
        Answered { broken: error.as_ref().map(faults::stream_failure), keeps_connection }
    }

    /// Whether closing the connection could reset it under the answer. A caller that asked for the end and sent all of its
    /// request sends nothing more.
    fn caller_may_be_sending(&self) -> bool {
        let Buffers { request, input, .. } = &*self.buffers;
        !request.is_last() || !self.conversation.is_over() || !input.is_empty()
    }

    /// Passes bytes both ways after both sides have agreed on another protocol.
    pub(super) async fn switch(&mut self, call: &Invocation, mut upstream: Upstream<'c>) -> Answered {
        let _counted = self.worker.count_while(call.row, Counters::upgraded);
        let mut halves = [
            Half::of(std::mem::take(&mut self.conversation.request), std::mem::take(&mut self.up)),
            Half::of(std::mem::take(&mut self.conversation.response), std::mem::take(&mut self.down)),
        ];
        let Buffers { input, upstream_input, .. } = &mut *self.buffers;
        let head = |output: &mut Vec<u8>| {
            let response = self.worker.response.borrow();
            edits::write_response(call, &response, Downstream::default(), false, output);
        };
        let ends = (&mut *self.socket, &mut upstream.socket);
        let inputs = (input, upstream_input);
        let begun = tunnel::begin(self.worker, &mut halves, ends, inputs, head).await;
        let ends = (&mut *self.socket, &mut upstream.socket);
        let result = match begun {
            Ok(()) => tunnel::run(self.worker, &mut halves, ends, Some(&mut self.vigil)).await,
            Err(error) => Err(error),
        };
        self.vigil.end();
        let [up, down] = halves;
        (self.conversation.request, self.conversation.response) = (up.transfer, down.transfer);
        Answered { broken: result.as_ref().err().map(faults::tunnel_failure), keeps_connection: false }
    }
}
