//! Hears from the registry that instances changed, so that the next look need not wait for its turn.
//! It must bring no news itself: what is true is what a look finds, and looks go on without it.

use std::sync::Arc;
use std::time::Duration;

use mesher_client::{ControlClient, LinkEnd, Watch, Watched};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::status::{LinkState, Status};

/// How often it is looked whether there is something to watch, and a registry that may be watched.
const ABSENT_PAUSE: Duration = Duration::from_secs(1);
/// A registry without watches is asked again after this time.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// How long a registry may say nothing: it asks every 30 s whether we are there (Service Center v4).
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// Rung where something may have changed.
#[derive(Debug, Default)]
pub(crate) struct Bell(Notify);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.notify_one();
    }

    /// Done once it rang.
    pub(super) async fn rung(&self) {
        self.0.notified().await;
    }
}

/// Watches for the life of the proxy. Mesher's control plane tells the same over its link: there nothing is watched.
pub(crate) async fn keep(client: ControlClient, status: Arc<Status>) {
    let mut backoff = Backoff::default();
    loop {
        let service_id = status.service_id();
        if service_id.is_empty() || status.rules().link != LinkState::None {
            tokio::time::sleep(ABSENT_PAUSE).await;
            continue;
        }
        let began = Instant::now();
        match client.watch(&service_id).await {
            Ok(watch) => {
                tracing::info!("watching the registry");
                let end = listen(watch, &status).await;
                tracing::info!(reason = %end, "the watch of the registry ended; looks go on");
            }
            Err(error) if error.is_unknown_path() => {
                tracing::debug!(%error, "the registry cannot be watched");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
            Err(error) => tracing::debug!(%error, "the registry is not watched"),
        }
        tokio::time::sleep(backoff.ended(began.elapsed(), fastrand::f64())).await;
    }
}

async fn listen(mut watch: Watch, status: &Status) -> LinkEnd {
    loop {
        // What changed before the watch was open was told to nobody.
        status.bell.ring();
        loop {
            match tokio::time::timeout(SILENCE_MAX, watch.next()).await {
                Ok(Ok(Watched::Changed { .. })) => break,
                Ok(Ok(_)) => {}
                Ok(Err(end)) => return end,
                Err(_) => {
                    return LinkEnd::Broken(format!("nothing was heard for {} s", SILENCE_MAX.as_secs()));
                }
            }
        }
    }
}
