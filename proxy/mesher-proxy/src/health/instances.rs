//! Checks of the instances that are called, where a rule wants them: each by itself, none waiting for another.
//! They must begin apart from those of other proxies, must be bounded in number, and must not outlast their rule.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesher_traffic::ejection::{CheckRule, Question};
use tokio::sync::mpsc;

use super::ask::{self, Outcome, Trouble};
use super::own::JITTER;
use crate::clock;
use crate::snapshot::checked::{Checked, Due, Probe};
use crate::snapshot::health::Health;
use crate::snapshot::{Cluster, Snapshot};
use crate::status::Status;

/// Checks under way at once. What is due beyond that waits until one has ended.
const ASKED_MAX: usize = 128;
/// How often those that nobody calls are looked at.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// A check that has ended.
struct Answer {
    probe: Arc<Probe>,
    result: Result<(), Trouble>,
}

/// The checks of a proxy.
struct Round {
    number: u64,
    /// Those with rules that want checks.
    clusters: Vec<Arc<Cluster>>,
    asked: usize,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
}

/// Makes checks for the life of the proxy.
pub(crate) async fn check(status: Arc<Status>) {
    let mut round = Round { number: 0, clusters: Vec::new(), asked: 0, answers: mpsc::channel(ASKED_MAX) };
    loop {
        round.renew(&status.snapshot());
        let next = round.begin_due(clock::now());
        tokio::select! {
            Some(answer) = round.answers.1.recv() => {
                // What has ended meanwhile must be told to those who serve with it now.
                round.renew(&status.snapshot());
                round.take_all(answer);
            }
            () = status.snapshot_renewed() => {}
            () = passed(next) => {}
        }
    }
}

/// Ends after a time; never where there is none.
async fn passed(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// What rules want to be checked of a cluster.
fn wanted(cluster: &Cluster) -> Option<(&Health, &Checked)> {
    let health = cluster.governance.as_ref()?.guards.health.as_deref()?;
    Some((health, health.checked.as_ref()?))
}

impl Round {
    /// Looks at what is believed now.
    fn renew(&mut self, snapshot: &Snapshot) {
        if self.number != snapshot.number {
            self.number = snapshot.number;
            let clusters = snapshot.shared_clusters().filter(|cluster| wanted(cluster).is_some());
            self.clusters = clusters.map(Arc::clone).collect();
        }
    }

    /// Begins the checks that are due. Answers how long it takes until there is something to look at again; `None` where nobody
    /// wants any.
    fn begin_due(&mut self, now: Duration) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for cluster in &self.clusters {
            let Some((health, checked)) = wanted(cluster) else { continue };
            if !checked.is_used(now) {
                forget(health, checked);
                next = Some(next.map_or(IDLE_LOOK, |next| next.min(IDLE_LOOK)));
                continue;
            }
            let endpoints = cluster.endpoints.iter().zip(checked.probes());
            for (endpoint, probe) in endpoints.filter(|(endpoint, _)| checked.is_about(endpoint)) {
                match probe.due(now, checked.rule.interval, fastrand::f64) {
                    Due::Now if self.asked < ASKED_MAX => {
                        self.asked += 1;
                        probe.asked();
                        let asking = ask(endpoint.address, host(cluster), checked.rule.clone());
                        let (probe, answers) = (Arc::clone(probe), self.answers.0.clone());
                        tokio::task::spawn_local(async move {
                            let result = asking.await;
                            // Nobody listens any more only when the proxy ends.
                            let _ = answers.send(Answer { probe, result }).await;
                        });
                    }
                    // One of those under way ends soon, and then all is looked at again.
                    Due::Now | Due::Never => {}
                    Due::At(at) => {
                        let left = at.saturating_sub(now);
                        next = Some(next.map_or(left, |next| next.min(left)));
                    }
                }
            }
        }
        next
    }

    /// Takes all answers that are there, so that many cost one look.
    fn take_all(&mut self, first: Answer) {
        self.take(first);
        while let Ok(answer) = self.answers.1.try_recv() {
            self.take(answer);
        }
    }

    fn take(&mut self, Answer { probe, result }: Answer) {
        self.asked = self.asked.saturating_sub(1);
        let mut wanting = self.clusters.iter().filter_map(|cluster| {
            let (health, checked) = wanted(cluster)?;
            Some((cluster, health, checked, checked.place(&probe)?))
        });
        // Where its rule or its endpoint has gone, nobody wants to know any more.
        let Some((cluster, health, checked, place)) = wanting.next() else { return };
        checked.count(result.as_ref().err().map_or(Outcome::Ok, |trouble| trouble.outcome));
        let pause = checked.rule.interval.mul_f64(1.0 + JITTER * fastrand::f64());
        let Some(is_healthy) = probe.heard(&result, clock::now() + pause) else { return };
        health.watch.checked(place, is_healthy);
        let Some(endpoint) = cluster.endpoints.get(place) else { return };
        let (service, address, instance) = (&*cluster.name, endpoint.address, &*endpoint.instance);
        match result {
            Ok(()) => {
                tracing::info!(service, endpoint = %address, instance, "passes its health checks again")
            }
            Err(trouble) => tracing::warn!(
                service,
                endpoint = %address,
                instance,
                reason = trouble.words,
                "fails its health checks; calls go elsewhere while there are others"
            ),
        }
    }
}

/// What is known of the endpoints of a cluster that nobody calls any more is not believed for long.
fn forget(health: &Health, checked: &Checked) {
    for (place, probe) in checked.probes().iter().enumerate() {
        probe.forget(&checked.rule);
        health.watch.checked(place, probe.is_healthy());
    }
}

/// The host that a check names: the service, without the application that it belongs to.
fn host(cluster: &Cluster) -> String {
    cluster.name.rsplit(':').next().unwrap_or_default().to_owned()
}

async fn ask(address: SocketAddr, host: String, rule: CheckRule) -> Result<(), Trouble> {
    match &rule.question {
        Question::Tcp => ask::for_connection(address, rule.time_max).await,
        Question::Path { path, expected } => {
            ask::for_path(address, (&host, path), rule.time_max, |status| expected.contains(status)).await
        }
    }
}
