//! One name that was never asked for: the registry first, then, where the name can be one, an outside host.
//! It must tell "nobody is called that" from "nobody could be asked".

use mesher_client::ControlClient;
use mesher_model::Instance;
use mesher_model::query::{BatchFindResult, FindService, ServiceKey};
use tokio::sync::oneshot;

use crate::discovery::names;
use crate::discovery::outside::{self, Resolved};
use crate::status::Status;

/// A name that a worker's snapshot does not hold.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// In lower case.
    pub(crate) host: Box<str>,
    /// As the caller wrote it.
    pub(crate) as_written: Box<str>,
    pub(crate) port: u16,
    /// Answered once the snapshot holds the name, or it is known not to be there.
    pub(crate) answer: oneshot::Sender<Result<(), LookupFailure>>,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone)]
pub(crate) enum LookupFailure {
    /// The registry knows no such service, and the name cannot be an outside host's.
    UnknownService { registry: String },
    /// The registry could not be asked.
    RegistryAway { reason: String },
    /// The outside host's address is not known.
    Dns { reason: String },
    /// The outside host's address was not found in time.
    DnsTimeout,
    /// As many names as allowed are known.
    TooMany { limit: usize },
}

/// What a look-up brought.
#[derive(Debug)]
pub(super) enum Found {
    Service {
        key: ServiceKey,
        revision: String,
        instances: Vec<Instance>,
    },
    /// An outside host; certain where the registry has said that the name is no service's.
    Outside {
        resolved: Resolved,
        is_certain: bool,
    },
    Missing(LookupFailure),
}

/// Looks `host` up as one of `keys`.
pub(super) async fn look_up(
    client: &ControlClient,
    status: &Status,
    keys: &[ServiceKey],
    (host, port): &(Box<str>, u16),
) -> Found {
    let mut away = None;
    // A registry that restarted does not know us yet and finds nothing for us; asked for nobody, it answers.
    for consumer in [status.service_id(), String::new()] {
        let asked = keys.iter().map(|key| FindService { service: key.clone(), rev: String::new() }).collect();
        let answer = client.find_instances(&consumer, asked).await;
        status.count_registry_request(answer.as_ref().map_or_else(|error| error.result(), |_| "ok"));
        match answer.map(|answer| first_found(keys, answer)) {
            Ok(Some(found)) => return found,
            Ok(None) => {}
            Err(error) => away = Some(error.to_string()),
        }
        if consumer.is_empty() || away.is_some() {
            break;
        }
    }
    if names::may_be_outside(host) {
        return match outside::resolve(host, *port).await {
            Ok(resolved) => Found::Outside { resolved, is_certain: away.is_none() },
            Err(failure) => Found::Missing(failure),
        };
    }
    Found::Missing(match away {
        Some(reason) => LookupFailure::RegistryAway { reason },
        None => LookupFailure::UnknownService { registry: registry_of(status) },
    })
}

/// The first of `keys` that was found.
fn first_found(keys: &[ServiceKey], mut answer: BatchFindResult) -> Option<Found> {
    answer.updated.sort_by_key(|found| found.index);
    answer.updated.into_iter().find_map(|found| {
        let key = keys.get(usize::try_from(found.index).ok()?)?.clone();
        Some(Found::Service { key, revision: found.rev, instances: found.instances })
    })
}

fn registry_of(status: &Status) -> String {
    let addresses: Vec<_> = status.bootstrap.registry.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}
