//! The domain name system as a source, for services that the services file finds by a name.
//! It must tell a name without records from a server without an answer: the second is no news.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use mesher_model::query::ServiceKey;

use super::document::{DnsName, instance};
use super::file::FileSource;
use crate::discovery::source::{Answer, Answers, Occasion, Source, Wanted};
use crate::snapshot::Origin;

/// How long an answer is used, whatever its time to live.
const TIME_TO_LIVE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// How soon a name is asked for again that has no records, or whose servers do not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// How long a server may take, and how often it is asked.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);
/// See [`ASK_TIME_MAX`].
const ATTEMPTS: usize = 2;
/// Addresses of one service that are used.
const ADDRESSES_MAX: usize = 1000;
/// Hosts of service records that are looked up for one service.
const TARGETS_MAX: usize = 64;

/// The domain name system.
pub(crate) struct DnsSource {
    file: Rc<FileSource>,
    /// Made when it is needed first: a proxy whose file names no name has none.
    resolver: OnceCell<Result<TokioResolver, String>>,
    found: RefCell<BTreeMap<DnsName, Found>>,
}

/// What is known of a name.
#[derive(Debug, Clone)]
struct Found {
    addresses: Vec<SocketAddr>,
    /// Differs whenever the addresses do.
    revision: u64,
    until: Instant,
    /// Why the last question had no answer; told once.
    trouble: Option<String>,
    /// Whether it was ever answered.
    is_answered: bool,
}

/// The addresses behind a name, and until when they are good.
type Resolved = Result<(BTreeSet<SocketAddr>, Instant), NetError>;

impl DnsSource {
    pub(crate) fn new(file: Rc<FileSource>) -> Self {
        Self { file, resolver: OnceCell::new(), found: RefCell::default() }
    }

    fn resolver(&self) -> Result<&TokioResolver, String> {
        self.resolver
            .get_or_init(|| build().map_err(|error| error.to_string()))
            .as_ref()
            .map_err(Clone::clone)
    }

    async fn answer(&self, wanted: &Wanted) -> Result<Answer, String> {
        let Some((key, name, version)) = self.file.lookup(&wanted.keys) else { return Ok(Answer::Unknown) };
        let is_fresh = self.found.borrow().get(&name).is_some_and(|found| found.until > Instant::now());
        if !is_fresh {
            let resolved = resolve(self.resolver()?, &name).await;
            self.take(&name, resolved);
        }
        let found = self.found.borrow().get(&name).cloned();
        match found {
            Some(found) if found.is_answered => Ok(found.answer(key, &name, &version, &wanted.revision)),
            Some(Found { trouble: Some(reason), .. }) => Err(reason),
            _ => Ok(Answer::Silent),
        }
    }

    /// Keeps what was found, or what was known where nobody answered.
    fn take(&self, name: &DnsName, resolved: Resolved) {
        let mut known = self.found.borrow_mut();
        let now = Instant::now();
        let found = known.entry(name.clone()).or_insert_with(|| Found {
            addresses: Vec::new(),
            revision: 0,
            until: now,
            trouble: None,
            is_answered: false,
        });
        let (addresses, until) = match resolved {
            Ok((addresses, until)) => {
                let (shortest, longest) = TIME_TO_LIVE;
                (addresses, until.clamp(now + shortest, now + longest))
            }
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => {
                (BTreeSet::new(), now + RETRY_INTERVAL)
            }
            Err(error) => {
                found.until = now + RETRY_INTERVAL;
                if found.trouble.replace(error.to_string()).is_none() {
                    tracing::warn!(name = name.name, %error, "a name of the services file cannot be looked up; going on with what is known");
                }
                return;
            }
        };
        found.until = until;
        found.trouble = None;
        found.is_answered = true;
        if !found.addresses.iter().eq(&addresses) || found.revision == 0 {
            found.addresses = addresses.into_iter().take(ADDRESSES_MAX).collect();
            found.revision += 1;
        }
    }
}

impl Found {
    fn answer(&self, key: ServiceKey, name: &DnsName, version: &str, held: &str) -> Answer {
        let revision = format!("{}:{}", name.name, self.revision);
        if revision == held {
            return Answer::Unchanged;
        }
        let instances = self.addresses.iter().map(|address| {
            let endpoint = format!("{}://{address}", name.protocol);
            let instance = instance("dns", &name.name, endpoint, BTreeMap::new());
            mesher_model::Instance { version: version.to_owned(), ..instance }
        });
        Answer::Set { key, revision, instances: instances.collect() }
    }
}

impl Source for DnsSource {
    fn origin(&self) -> Origin {
        Origin::Dns
    }

    fn adds_to_others(&self) -> bool {
        false
    }

    fn find(&self, wanted: Vec<Wanted>, occasion: Occasion) -> Pin<Box<dyn Future<Output = Answers> + '_>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(wanted.len());
            if !self.file.has_lookups() {
                answers.resize(wanted.len(), Answer::Unknown);
                return Ok(answers);
            }
            // A caller who waits is told why; a regular look goes on with the others.
            let is_awaited = occasion == Occasion::First;
            for answer in all(wanted.iter().map(|wanted| self.answer(wanted))).await {
                match answer {
                    Ok(answer) => answers.push(answer),
                    Err(reason) if is_awaited => return Err(reason),
                    // One name without an answer says nothing of the others.
                    Err(_) => answers.push(Answer::Silent),
                }
            }
            Ok(answers)
        })
    }
}

/// Waits for all at once; as many as a batch of the fleet has.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        let is_over = running.iter().all(|(_, output)| output.is_some());
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

/// A resolver with the name servers of the system, and a short patience.
fn build() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    options.timeout = ASK_TIME_MAX;
    options.attempts = ATTEMPTS;
    // How long answers are good is kept here, with the endpoints.
    options.cache_size = 0;
    builder.build()
}

async fn resolve(resolver: &TokioResolver, name: &DnsName) -> Resolved {
    match name.port {
        Some(port) => addresses(resolver, &name.name, port).await,
        None => services(resolver, &name.name).await,
    }
}

async fn addresses(resolver: &TokioResolver, name: &str, port: u16) -> Resolved {
    let found = resolver.lookup_ip(name).await?;
    Ok((found.iter().map(|address| SocketAddr::new(address, port)).collect(), found.valid_until()))
}

/// The addresses behind service records (RFC 2782): those of the lowest priority number, whatever their weight.
async fn services(resolver: &TokioResolver, name: &str) -> Resolved {
    let found = resolver.srv_lookup(name).await?;
    let mut until = found.valid_until();
    let records = found.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some((service.priority, service.port, service.target.to_ascii())),
        _ => None,
    });
    let mut records: Vec<_> = records.collect();
    records.sort();
    let best = records.first().map(|(priority, ..)| *priority);
    let mut all = BTreeSet::new();
    for (_, port, target) in records.iter().filter(|(priority, ..)| Some(*priority) == best).take(TARGETS_MAX)
    {
        let (found, good) = match addresses(resolver, target, *port).await {
            Ok(found) => found,
            // A host that is gone is one endpoint less; one of which nobody answers is no news of the whole.
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => continue,
            Err(error) => return Err(error),
        };
        all.extend(found);
        until = until.min(good);
    }
    Ok((all, until))
}
