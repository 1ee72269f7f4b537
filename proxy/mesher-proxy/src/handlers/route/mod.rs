//! `route`: chooses which part of a service takes the call, in the shares that its rule gives.
//! It must choose once for each invocation: a further try stays in the same part.

use crate::handlers::Handler;
use crate::request::failure::Failure;
use crate::request::invocation::Invocation;
use crate::worker::Worker;

pub(crate) struct Route;

impl Handler for Route {
    fn name(&self) -> &'static str {
        "route"
    }

    fn request(&self, worker: &Worker, call: &mut Invocation) -> Result<(), Failure> {
        let cluster = call.cluster();
        let Some(route) = cluster.governance.as_ref().and_then(|governance| governance.route()) else {
            return Ok(());
        };
        call.share = Some(route.choose(worker.next_share(cluster.id)));
        Ok(())
    }
}
