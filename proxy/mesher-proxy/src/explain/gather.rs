//! What all workers say to one question, put together by the control thread.
//! It must end in time, also where a worker does not answer.

use std::time::Duration;

use mesher_model::explain::{CallFacts, CallRow, Explanation, Standing, Teller};
use mesher_model::rule::link::{Ask, Told};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::request::target::LOOKUP_TIME_MAX;
use crate::status::Status;
use crate::worker::Order;

/// How long the workers may take: the first call to a name may wait for its look-up.
const ANSWER_TIME_MAX: Duration = LOOKUP_TIME_MAX.saturating_add(Duration::from_secs(1));
/// Calls that one list may have.
const CALLS_MAX: u64 = 100;

/// What this proxy says.
pub(crate) async fn ask(status: &Status, mut ask: Ask) -> Told {
    if let Ask::Calls(filter) = &mut ask {
        filter.limit = filter.limit.clamp(1, CALLS_MAX);
    }
    let found = Box::pin(answers(status, &ask)).await;
    let count = found.len();
    let mut told = found.into_iter().flatten().map(|mut told| {
        told.proxy = teller(status);
        told
    });
    match ask {
        Ask::Question(_) => match told.next() {
            None => nothing("no worker of the proxy answered in time"),
            Some(first) => Told::Explanation(Box::new(merge(first, told, count))),
        },
        Ask::Call { id } => match told.next() {
            Some(call) => Told::Explanation(Box::new(call)),
            None => nothing(&format!(
                "the proxy does not remember call {id:?}: of failures it keeps the last few hundred, of other calls a sample"
            )),
        },
        Ask::Calls(filter) => {
            let mut rows: Vec<_> = told.filter_map(row).collect();
            rows.sort_by(|one, other| other.call.at.cmp(&one.call.at));
            rows.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
            Told::Calls { rows }
        }
        Ask::Unknown => nothing("this release does not know the question"),
    }
}

fn nothing(reason: &str) -> Told {
    Told::Nothing { reason: reason.to_owned() }
}

/// What each worker says that answered.
async fn answers(status: &Status, ask: &Ask) -> Vec<Vec<Explanation>> {
    let asked: Vec<_> = status
        .worker_orders()
        .filter_map(|orders| {
            let (answer, answered) = oneshot::channel();
            orders.send(Order::Ask(ask.clone(), answer)).ok().map(|()| answered)
        })
        .collect();
    let deadline = Instant::now() + ANSWER_TIME_MAX;
    let mut found = Vec::new();
    for answered in asked {
        if let Ok(Ok(told)) = tokio::time::timeout_at(deadline, answered).await {
            found.push(told);
        }
    }
    found
}

/// One worker's answer, with what the others know of the endpoints: each has its own turn and its own suspects.
fn merge(mut first: Explanation, others: impl Iterator<Item = Explanation>, count: usize) -> Explanation {
    for other in others {
        for endpoint in other.endpoints.iter().filter(|one| one.standing == Standing::Suspect) {
            let same = first.endpoints.iter_mut().find(|one| one.address == endpoint.address);
            if let Some(same) =
                same.filter(|same| matches!(same.standing, Standing::Eligible | Standing::Chosen))
            {
                same.why = format!("{}; for another worker: {}", same.why, endpoint.why)
                    .trim_start_matches("; ")
                    .to_owned();
            }
        }
    }
    if count > 1 && first.endpoints.len() > 1 {
        first.notes.push(format!(
            "each of the {count} workers takes instances in a turn of its own; this is the turn of one"
        ));
    }
    first
}

fn teller(status: &Status) -> Teller {
    let own = &status.bootstrap.identity;
    Teller {
        id: status.instance_id.clone(),
        app: own.app.clone(),
        env: own.environment.clone(),
        service: own.service.clone(),
        version: own.version.clone(),
    }
}

fn row(told: Explanation) -> Option<CallRow> {
    let call: CallFacts = told.call?;
    Some(CallRow { proxy: told.proxy, direction: told.direction, request: told.request, call })
}
