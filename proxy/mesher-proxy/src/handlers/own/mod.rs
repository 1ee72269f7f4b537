//! Handlers of one's own, as the chain sees them.
//! It must pass on what the public interface says, and nothing else: a handler that misbehaves is its build's matter.

use std::time::Duration;

use mesher_model::explain::{Explanation, GuardTold};
use mesher_traffic::HeadView;

use crate::handler::{self, Call, Ended, Reply};
use crate::handlers::{Handler, Next};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Code, Invocation, Outcome};
use crate::worker::Worker;

/// One handler of one worker.
pub(crate) struct Own {
    name: &'static str,
    handler: Box<dyn handler::Handler>,
}

impl Own {
    pub(crate) fn of(registration: &handler::Registration) -> Self {
        Self { name: registration.name, handler: (registration.make)() }
    }
}

impl Handler for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        // A call that leads nowhere is told so by whoever finds no instance; nothing of it is anybody's business here.
        if call.refusal.is_some() {
            return Ok(());
        }
        self.handler.request(&mut Call::new(worker, call, Some(head))).map_err(|refusal| {
            let detail = format!("{}: {}", self.name, refusal.detail);
            Failure::local(FailureKind::Refused(refusal.status), detail)
        })
    }

    fn response(&self, worker: &Worker, call: &mut Invocation, reply: &Result<Code, Failure>) -> Next {
        let reply = match reply {
            Ok(Code::Status(status)) => Reply::Status(*status),
            Ok(_) => Reply::Connected,
            Err(failure) => Reply::Failed(failure.kind.as_str()),
        };
        self.handler.response(&Call::new(worker, call, None), reply);
        Next::Pass
    }

    /// Its code may do more than decide, so it is not asked about calls that nobody makes.
    fn explain(
        &self,
        _worker: &Worker,
        _call: &mut Invocation,
        _head: &dyn HeadView,
        told: &mut Explanation,
    ) -> Result<(), Failure> {
        told.guards.push(GuardTold {
            handler: self.name.to_owned(),
            rule: "a handler of this build's own".to_owned(),
            state: "it sees every call".to_owned(),
            refuses: false,
        });
        Ok(())
    }

    fn finish(&self, _worker: &Worker, call: &Invocation, outcome: &Outcome, elapsed: Duration) {
        let id = call.id.to_string();
        self.handler.finish(&Ended::new(&id, call, outcome, elapsed));
    }
}
