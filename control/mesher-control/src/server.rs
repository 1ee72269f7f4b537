//! Opens the doors, takes connections, and ends them all when told to.
//! It must not know a route: it runs one service on each connection.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use mesher_config::Configuration;
use mesher_registry::Registry;
use mesher_rules::Book;
use mesher_store::{EmbeddedSettings, Store, StoreError};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info, warn};

use crate::connection::Peer;
use crate::control::{Beginning, Control};
use crate::doors::Doors;
use crate::keep::{self, Keep};
use crate::{ControlError, Settings, connection, routes, secure};

/// How long requests in flight may take once the server ends.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// How often leases are looked at where no request does it.
const TICK: Duration = Duration::from_millis(500);
/// Rest after a failure to accept, such as too many open files: trying at once would only burn the processor.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// A control plane that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    doors: Doors,
    address: SocketAddr,
    control: Arc<Control>,
    places: Arc<Semaphore>,
    /// What keeps changes; `None` in memory.
    worker: Option<JoinHandle<()>>,
    secure: Option<(Arc<mesher_tls::Keeper>, Duration)>,
}

impl Server {
    /// Takes the address. Must be called within a tokio runtime with time and network.
    ///
    /// # Errors
    /// [`ControlError`]; whoever chose the address, the files or the password is to blame.
    pub async fn bind(settings: Settings) -> Result<Self, ControlError> {
        let secure = settings.tls.as_ref().map(secure::open).transpose()?;
        let doors = Doors::open(&settings).await?;
        let address = doors.main();
        doors.addresses().for_each(|address| warn_of_exposure(&settings, address));
        let (control, worker) = start(&settings, address).await?;
        let places = Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { doors, address, control, places, worker, secure })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The door for clients of kie, as they write it; `None` where it is closed.
    #[must_use]
    pub fn kie_url(&self) -> Option<String> {
        self.doors.kie().map(|address| self.url_of(address))
    }

    /// The door for clients of config-center, as they write it; `None` where it is closed.
    #[must_use]
    pub fn config_center_url(&self) -> Option<String> {
        self.doors.config_center().map(|address| self.url_of(address))
    }

    /// Its address as a client writes it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(self.address)
    }

    fn url_of(&self, address: SocketAddr) -> String {
        let scheme = if self.secure.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    /// Answers until `shutdown` is done. Then takes nothing more, closes idle connections at once, and gives
    /// requests in flight five seconds.
    ///
    /// Dropping the future ends all connections where they stand.
    ///
    /// # Errors
    /// None today; a failing listener is retried.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ControlError> {
        let Self { mut doors, address, control, places, worker, secure } = self;
        let router = routes::build(Arc::clone(&control));
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        let keeper = secure.as_ref().map(|(keeper, _)| Arc::clone(keeper));
        let mut renewing = pin!(secure::renew(secure));
        info!(%address, "the control plane answers");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                (stream, peer, place) = accept(&mut doors, &places) => {
                    let served = hold(stream, peer, keeper.clone(), router.clone(), stopped.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                () = &mut renewing => {}
                Some(_) = connections.join_next() => {}
                _ = tick.tick() => control.tick(),
            }
        }
        drop(doors);
        // No receiver is left where no connection is.
        let _ = stop.send(true);
        control.watchers.close();
        let all_done = async { while connections.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(GRACE, all_done).await.is_ok();
        drop((connections, router, control));
        if let Some(worker) = worker {
            // It ends once nobody can change anything any more; what it was handed is kept by then.
            let is_kept = tokio::time::timeout(GRACE, worker).await.is_ok();
            info!(is_kept, "the store is closed");
        }
        info!(%address, in_time, "the control plane has ended");
        Ok(())
    }
}

/// The state behind the API: with a store, as that has it.
async fn start(
    settings: &Settings,
    address: SocketAddr,
) -> Result<(Arc<Control>, Option<JoinHandle<()>>), ControlError> {
    let mut registry = Registry::new(uuid::Uuid::new_v4().as_u64_pair().0, settings.limits);
    let Some(directory) = &settings.data_directory else {
        let (access, configuration) = (Vec::new(), Configuration::default());
        let (rules, epoch) = (Book::default(), uuid::Uuid::new_v4().simple().to_string());
        let beginning = Beginning { registry, access, configuration, rules, epoch, keep: None };
        return Ok((Arc::new(Control::new(settings, address, beginning)?), None));
    };
    let clock = settings.clock.clone();
    let store = open(EmbeddedSettings {
        directory: directory.clone(),
        clock: mesher_store::Clock::from_fn(move || clock.now().monotonic),
    });
    let store = store.await?;
    let loaded = keep::load(&store, &mut registry, settings.clock.now()).await?;
    let (keep, steps) = Keep::new(store.clone(), loaded.last_link);
    let keep::Loaded { access, configuration, rules, last_link } = loaded;
    let epoch = store.status().epoch.to_string();
    let beginning = Beginning { registry, access, configuration, rules, epoch, keep: Some(Arc::new(keep)) };
    let control = Arc::new(Control::new(settings, address, beginning)?);
    let worker = tokio::spawn(keep::run(Arc::downgrade(&control), store, steps, last_link));
    Ok((control, Some(worker)))
}

/// Opening reads the whole file.
async fn open(settings: EmbeddedSettings) -> Result<Store, ControlError> {
    let opened = tokio::task::spawn_blocking(move || Store::open(&settings)).await;
    Ok(opened.unwrap_or(Err(StoreError::Closed))?)
}

/// Says loudly what others could do from afar.
fn warn_of_exposure(settings: &Settings, address: SocketAddr) {
    if address.ip().is_loopback() {
        return;
    }
    if settings.access.is_none() {
        warn!(%address, "the control plane can be reached from other machines, and asks nobody for a token");
    } else if settings.tls.is_none() {
        warn!(%address, "passwords and tokens reach the control plane from other machines without TLS");
    }
}

/// Takes the next connection, once there is a place for it: until then it waits in the system's backlog.
async fn accept(
    doors: &mut Doors,
    places: &Arc<Semaphore>,
) -> (TcpStream, Peer, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match doors.accept().await {
            Ok((stream, peer)) => return (stream, Peer(peer), place),
            Err(error) => {
                warn!(%error, "cannot take a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// Serves one connection to its end, after a handshake where TLS is spoken.
async fn hold(
    stream: TcpStream,
    peer: Peer,
    keeper: Option<Arc<mesher_tls::Keeper>>,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    connection::prepare(&stream);
    let Some(keeper) = keeper else { return connection::serve(stream, peer, router, stopped).await };
    let shaken = tokio::select! {
        shaken = keeper.accept(stream) => shaken,
        () = connection::told_to_stop(&mut stopped) => return,
    };
    match shaken {
        Ok(stream) => connection::serve(stream, peer, router, stopped).await,
        Err(refusal) => debug!(peer = %peer.0, %refusal, "no connection came about"),
    }
}
