//! Host → cluster, as the interface states it: the registry first, then outside hosts, never a guess.
//! A name that was never asked for waits once, bounded, for a look-up that all its callers share.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mesher_codec::Authority;
use mesher_model::rule::Way;
use tokio::sync::oneshot;

use crate::bootstrap::PortProtocol;
use crate::discovery::{Lookup, LookupFailure};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::Target;
use crate::snapshot::{ClusterKind, Snapshot, View};
use crate::worker::Worker;

/// How long the first call to a name waits for its look-up.
pub(crate) const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);
/// The port that an HTTP URL names by naming none.
pub(crate) const HTTP_PORT: u16 = 80;
/// Look-ups for one call: of the host, of the service that takes its calls, and of the host again where it was forgotten
/// meanwhile.
const LOOKUPS_MAX: usize = 3;

/// The cluster that `authority` names, with the snapshot that holds it.
pub(crate) async fn resolve(
    worker: &Worker,
    authority: Authority<'_>,
    protocol: PortProtocol,
) -> Result<(View, Target), Failure> {
    let lower;
    // A name with a dot at its end is the same name (RFC 3986 §3.2.2).
    let authority =
        Authority { host: authority.host.strip_suffix('.').unwrap_or(authority.host), ..authority };
    let host = if authority.host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        lower = authority.host.to_ascii_lowercase();
        lower.as_str()
    } else {
        authority.host
    };
    let snapshot = worker.snapshot();
    match find(worker, &snapshot, host, authority.port, protocol)? {
        Found::Target(target) => Ok((snapshot, target)),
        Found::Unknown(name) => Box::pin(learn(worker, name, host, authority, protocol)).await,
    }
}

/// Where a call goes: where it was found to lead, or nowhere, and why.
pub(crate) fn or_nowhere(
    worker: &Worker,
    resolved: Result<(View, Target), Failure>,
    protocol: PortProtocol,
) -> (View, Target, Option<Failure>) {
    match resolved {
        Ok((snapshot, target)) => (snapshot, target, None),
        Err(failure) => {
            let snapshot = worker.snapshot();
            let target = Target { cluster: snapshot.nowhere(), protocol, port: None };
            (snapshot, target, Some(failure))
        }
    }
}

/// Where a host leads, or the name that has to be looked up for that.
enum Found {
    Target(Target),
    /// The host itself, where there is no other name.
    Unknown(Option<Box<str>>),
}

/// Looks up what is not known: the host, then perhaps the service that takes its calls.
async fn learn(
    worker: &Worker,
    mut unknown: Option<Box<str>>,
    host: &str,
    authority: Authority<'_>,
    protocol: PortProtocol,
) -> Result<(View, Target), Failure> {
    for _ in 0..LOOKUPS_MAX {
        match &unknown {
            None => ask(worker, host, authority).await?,
            Some(name) => ask(worker, name, Authority { host: name, port: None }).await?,
        }
        let snapshot = worker.snapshot();
        match find(worker, &snapshot, host, authority.port, protocol)? {
            Found::Target(target) => return Ok((snapshot, target)),
            Found::Unknown(name) => unknown = name,
        }
    }
    Err(Failure::local(FailureKind::Internal, format!("the look-up of {host} left nothing behind")))
}

fn find(
    worker: &Worker,
    snapshot: &Snapshot,
    host: &str,
    port: Option<u16>,
    protocol: PortProtocol,
) -> Result<Found, Failure> {
    if let Some(cluster) = snapshot.service(host) {
        let declares =
            |port| snapshot.cluster(cluster).endpoints.iter().any(|endpoint| endpoint.ports.contains(&port));
        // A client that names port 80 means the scheme's default, unless the provider declares it.
        let port = port.filter(|&port| port != HTTP_PORT || declares(port));
        return Ok(Found::Target(Target { cluster, protocol, port }));
    }
    let port = port.unwrap_or(HTTP_PORT);
    let Some(index) = snapshot.outside(host, port) else { return Ok(Found::Unknown(None)) };
    if let Some(egress) = &snapshot.egress {
        let exit = egress.decide(host, port);
        match exit.way {
            Way::Allow => {}
            Way::Refuse => return Err(egress_refused(host, &egress.describe(exit))),
            Way::Route => {
                let name = exit.to.to_ascii_lowercase();
                return Ok(match snapshot.service(&name) {
                    Some(cluster) => Found::Target(Target { cluster, protocol, port: None }),
                    None => Found::Unknown(Some(name.into())),
                });
            }
        }
    }
    let cluster = snapshot.cluster(index);
    debug_assert_eq!(cluster.kind, ClusterKind::Outside);
    let is_own = |address: SocketAddr| worker.shared.own_addresses.iter().any(|own| reaches(*own, address));
    if cluster.endpoints.iter().any(|endpoint| is_own(endpoint.address)) {
        let detail =
            format!("{host}:{port} is this proxy itself; call a service by its name, as in http://NAME/");
        return Err(Failure::local(FailureKind::Loop, detail));
    }
    Ok(Found::Target(Target { cluster: index, protocol, port: None }))
}

fn egress_refused(host: &str, said: &str) -> Failure {
    Failure::local(FailureKind::EgressRefused, format!("{host} is outside the mesh, and {said}"))
}

/// Whether a connection to `address` would arrive at the listener `own`.
fn reaches(own: SocketAddr, address: SocketAddr) -> bool {
    own.port() == address.port()
        && (own.ip() == address.ip() || (own.ip().is_unspecified() && is_ours(address.ip())))
}

/// Whether an address is this machine's: the one from which it would be reached.
fn is_ours(address: IpAddr) -> bool {
    address.is_loopback()
        || mesher_net::route::local_address_towards(SocketAddr::new(address, 1)) == Some(address)
}

async fn ask(worker: &Worker, host: &str, authority: Authority<'_>) -> Result<(), Failure> {
    let (answer, answered) = oneshot::channel();
    let lookup = Lookup {
        host: host.into(),
        as_written: authority.host.into(),
        port: authority.port.unwrap_or(HTTP_PORT),
        answer,
    };
    if worker.shared.lookups.try_send(lookup).is_err() {
        return Err(Failure::local(FailureKind::LookupLimit, "too many look-ups wait already; try again"));
    }
    match tokio::time::timeout(LOOKUP_TIME_MAX, answered).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(failure))) => Err(lookup_failure(host, failure)),
        Ok(Err(_)) => Err(Failure::local(FailureKind::Internal, "the look-up was dropped")),
        Err(_) => {
            let detail = format!("the look-up of {host} took longer than {} s", LOOKUP_TIME_MAX.as_secs());
            Err(Failure::local(FailureKind::RegistryAway, detail))
        }
    }
}

fn lookup_failure(host: &str, failure: LookupFailure) -> Failure {
    match failure {
        LookupFailure::UnknownService { sources } => Failure::local(
            FailureKind::UnknownService,
            format!("no service is called {host:?} in {sources}; see `mesher get services`"),
        ),
        LookupFailure::RegistryAway { reason } => Failure::local(
            FailureKind::RegistryAway,
            format!("{host:?} was never looked up before, and the registry cannot be asked now: {reason}"),
        ),
        LookupFailure::Dns { reason } => Failure::local(
            FailureKind::DnsError,
            format!("{host:?} is no service, and its address is not known: {reason}"),
        ),
        LookupFailure::DnsTimeout => Failure::local(
            FailureKind::DnsTimeout,
            format!("{host:?} is no service, and its address was not found in time"),
        ),
        LookupFailure::EgressRefused { detail } => egress_refused(host, &detail),
        LookupFailure::TooMany { limit } => Failure::local(
            FailureKind::LookupLimit,
            format!("this proxy knows {limit} names already and takes no more for now"),
        ),
    }
}
