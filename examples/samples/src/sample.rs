//! A bound sample service, from its settings to its end.
//! Must not block its end: connections that do not finish in time are left behind.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::identity::Identity;
use crate::provider::Provider;
use crate::route::{Base, Route};
use crate::{DEFAULT_PROVIDER, Kind, Settings, calculator, webapp};

/// Open connections may take this long to finish once the end was asked for.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Why a sample did not start. Each is the fault of its settings, except an address that is taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The listening address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The provider's address cannot be used.
    #[error("the provider's address {given:?} cannot be used: {reason}")]
    Provider {
        /// The address as it was given.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The proxy's address cannot be used.
    #[error("the proxy's address {given:?} cannot be used: {reason}")]
    Proxy {
        /// The address as it was given.
        given: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// A sample service that listens: callers already wait in its queue, and are answered by [`serve`](Self::serve).
#[derive(Debug)]
pub struct Sample {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Sample {
    /// Checks the settings and binds the address. Needs a Tokio runtime with time and I/O; a current-thread one
    /// does.
    ///
    /// # Errors
    /// [`SampleError`]: an address is taken or cannot be used.
    pub async fn bind(kind: Kind, settings: Settings) -> Result<Self, SampleError> {
        let identity = Identity::of(&settings);
        let router = match kind {
            Kind::Calculator => calculator::router(identity),
            Kind::Webapp => webapp::router(identity, Provider::new(route(&settings)?)),
        };
        let failed = |source| SampleError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, router })
    }

    /// The address it listens on, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` ends; then takes no more connections and gives the open ones two seconds.
    ///
    /// Dropping the future stops the listening at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) {
        let (begin_drain, drain) = oneshot::channel::<()>();
        let shutdown = async move {
            shutdown.await;
            // The receiver is gone only when nobody waits for the drain any more.
            let _ = begin_drain.send(());
        };
        let serving = axum::serve(self.listener, self.router).with_graceful_shutdown(shutdown);
        let drained = async {
            let _ = drain.await;
            tokio::time::sleep(DRAIN_LIMIT).await;
        };
        tokio::select! {
            // It never ends with an error: accept errors are waited out inside.
            _ = serving.into_future() => {}
            () = drained => {}
        }
    }
}

fn route(settings: &Settings) -> Result<Route, SampleError> {
    let given = settings.provider.as_deref().unwrap_or(DEFAULT_PROVIDER);
    let provider =
        Base::parse(given).map_err(|reason| SampleError::Provider { given: given.to_owned(), reason })?;
    let proxy = match settings.proxy.as_deref().map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => Some(
            Base::parse(given).map_err(|reason| SampleError::Proxy { given: given.to_owned(), reason })?,
        ),
        None => None,
    };
    Ok(Route::new(&provider, proxy.as_ref(), settings.no_proxy.as_deref().unwrap_or_default()))
}
