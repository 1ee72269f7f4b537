//! `route`: finds the rule that is about the call, and chooses which part of the service takes it, in the rule's shares.
//! It must choose once for each invocation: a further try stays in the same part.

use mesher_traffic::{CallView, HeadView};

use crate::handlers::Handler;
use crate::request::failure::Failure;
use crate::request::invocation::Invocation;
use crate::worker::Worker;

pub(crate) struct Route;

impl Handler for Route {
    fn name(&self) -> &'static str {
        "route"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation, head: &dyn HeadView) -> Result<(), Failure> {
        let cluster = call.cluster();
        let Some(route) = cluster.governance.as_ref().and_then(|governance| governance.route()) else {
            return Ok(());
        };
        let view = CallView { head, caller: worker.shared.bootstrap.caller() };
        call.choice = route.choose(&view, |rule| worker.next_share((cluster.id, rule)));
        Ok(())
    }
}
