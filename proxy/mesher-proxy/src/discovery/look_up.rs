//! One name that was never asked for: the sources first, then, where the name can be one, an outside host.
//! It must tell "nobody is called that" from "nobody could be asked".

use std::rc::Rc;
use std::time::Duration;

use mesher_model::Instance;
use mesher_model::query::ServiceKey;
use mesher_model::rule::Way;
use tokio::sync::oneshot;

use crate::discovery::names;
use crate::discovery::outside::{self, Resolved};
use crate::discovery::source::{Answer, Occasion, Source, Wanted};
use crate::rules::Desk;
use crate::snapshot::Origin;
use crate::status::Status;

/// How long one source is waited for where another has named endpoints: what it adds is known with its next look.
const ADDITION_TIME_MAX: Duration = Duration::from_millis(500);

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
    /// No source knows such a service, and the name cannot be an outside host's.
    UnknownService { sources: String },
    /// The registry could not be asked.
    RegistryAway { reason: String },
    /// The outside host's address is not known.
    Dns { reason: String },
    /// The outside host's address was not found in time.
    DnsTimeout,
    /// A rule refuses calls to the outside host.
    EgressRefused { detail: String },
    /// As many names as allowed are known.
    TooMany { limit: usize },
}

/// What a look-up brought.
#[derive(Debug)]
pub(super) enum Found {
    Service {
        key: ServiceKey,
        /// What each source says that knows it, by its number, with the revision.
        sets: Vec<(usize, String, Vec<Instance>)>,
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
    sources: &[Rc<dyn Source>],
    status: &Status,
    (keys, rules): (&[ServiceKey], &Desk),
    (host, port): &(Box<str>, u16),
) -> Found {
    let mut search = Search { keys, key: None, sets: Vec::new(), away: None };
    search.ask_all(sources).await;
    let Search { key, mut sets, away, .. } = search;
    if let Some(key) = key {
        // The one that counts first is taken first.
        sets.sort_by_key(|(number, ..)| *number);
        return Found::Service { key, sets };
    }
    if names::may_be_outside(host) {
        rules.know_own().await;
        let egress = rules.egress();
        match egress.as_ref().map(|(egress, _)| (egress, egress.decide(host, *port))) {
            Some((egress, exit)) if exit.way == Way::Refuse => {
                return Found::Missing(LookupFailure::EgressRefused { detail: egress.describe(exit) });
            }
            // Where it is, whoever takes its calls finds out.
            Some((_, exit)) if exit.way == Way::Route => {
                return Found::Outside { resolved: Resolved::default(), is_certain: away.is_none() };
            }
            _ => {}
        }
        return match outside::resolve(host, *port).await {
            Ok(resolved) => Found::Outside { resolved, is_certain: away.is_none() },
            Err(failure) => Found::Missing(failure),
        };
    }
    Found::Missing(match away {
        Some(reason) => LookupFailure::RegistryAway { reason },
        None => LookupFailure::UnknownService { sources: status.bootstrap.sources_told() },
    })
}

/// What has been found so far.
struct Search<'a> {
    keys: &'a [ServiceKey],
    key: Option<ServiceKey>,
    sets: Vec<(usize, String, Vec<Instance>)>,
    /// Why a source could not be asked.
    away: Option<String>,
}

impl Search<'_> {
    async fn ask_all(&mut self, sources: &[Rc<dyn Source>]) {
        // What is at hand comes first, so that it is known who has to be waited for.
        let (near, far): (Vec<_>, Vec<_>) =
            sources.iter().enumerate().partition(|(_, source)| source.is_at_hand());
        for (number, source) in near.into_iter().chain(far) {
            if source.adds_to_others() || !self.has_endpoints() {
                self.ask(number, source.as_ref()).await;
            }
        }
    }

    async fn ask(&mut self, number: usize, source: &dyn Source) {
        let wanted = Wanted { keys: self.keys.to_vec(), revision: String::new(), is_known: false };
        let asking = source.find(vec![wanted], Occasion::First);
        let answers = if self.has_endpoints() {
            let Ok(answers) = tokio::time::timeout(ADDITION_TIME_MAX, asking).await else { return };
            answers
        } else {
            asking.await
        };
        match answers.map(|answers| answers.into_iter().next()) {
            Ok(Some(Answer::Set { key, revision, instances })) => {
                // The registry tells capitals from small letters, so its spelling is the one to ask for.
                if source.origin() == Origin::Registry || self.key.is_none() {
                    self.key = Some(key);
                }
                self.sets.push((number, revision, instances));
            }
            Ok(_) => {}
            Err(reason) => self.away = Some(reason),
        }
    }

    fn has_endpoints(&self) -> bool {
        self.sets.iter().any(|(_, _, instances)| !instances.is_empty())
    }
}
