//! One worker's answer to what the control thread asks.
//! It must not hold up calls: what waits, waits as a task of its own.

use std::rc::Rc;

use mesher_model::explain::Explanation;
use mesher_model::rule::link::Ask;
use tokio::sync::oneshot;

use super::question;
use crate::request::invocation::InvocationId;
use crate::worker::Worker;

/// Answers, unless whoever asked has given up.
pub(crate) async fn answer(worker: Rc<Worker>, ask: Ask, answer: oneshot::Sender<Vec<Explanation>>) {
    let told = match ask {
        Ask::Question(question) => {
            vec![question::explain(&worker, &question).await]
        }
        Ask::Call { id } => {
            let id = u64::from_str_radix(&id, 16).map(InvocationId);
            id.ok().and_then(|id| worker.memory.borrow().find(id)).into_iter().collect()
        }
        Ask::Calls(filter) => worker.memory.borrow().list(&filter),
        _ => Vec::new(),
    };
    let _ = answer.send(told);
}
