//! One application with its proxy: proxy first, then the application; the application's end is the end of both.
//! The application must be found only while it works, and must be able to call others until it has ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use http::Method;
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::{children, http as calls};

/// How long draining may take, from the wish to the last call in flight.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(40);
/// How long an application may take to end.
const APPLICATION_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a proxy may take to end once it has drained.
const PROXY_TIME_MAX: Duration = Duration::from_secs(40);

/// What is to be run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Settings of the proxy, by variable; they win over the environment.
    pub(crate) settings: BTreeMap<&'static str, String>,
    /// The application.
    pub(crate) command: Vec<String>,
    /// Further variables of the application.
    pub(crate) environment: BTreeMap<&'static str, String>,
}

/// Where a proxy listens, as it says itself.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
pub(crate) struct ProxyAddresses {
    pub(crate) outbound: SocketAddr,
    pub(crate) inbound: Option<SocketAddr>,
    pub(crate) tcp_inbound: Vec<SocketAddr>,
    pub(crate) tcp_outbound: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
}

/// A running application with its proxy.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) addresses: ProxyAddresses,
    proxy: Child,
    application: Child,
}

impl Pair {
    /// Starts the proxy, waits until it listens, then starts the application.
    pub(crate) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let mut command = children::own_command()?;
        command
            .args(["proxy", "--tied", "--print-addresses", "--when-taken", "any-port"])
            .envs(&plan.settings);
        let (mut proxy, addresses) = children::start_announcing::<ProxyAddresses>(&mut command)
            .await
            .context("the proxy did not start")?;
        let application = match Self::start_application(plan, &addresses) {
            Ok(application) => application,
            Err(error) => {
                // Nothing was registered yet, so there is nothing to drain.
                let _ = children::end(&mut proxy, PROXY_TIME_MAX).await;
                return Err(error);
            }
        };
        Ok(Self { addresses, proxy, application })
    }

    fn start_application(plan: &Plan, addresses: &ProxyAddresses) -> anyhow::Result<Child> {
        let (program, arguments) = plan.command.split_first().context("no application is named")?;
        let mut command = Command::new(program);
        let proxy = format!("http://{}", addresses.outbound);
        command.args(arguments).envs([("http_proxy", &proxy), ("HTTP_PROXY", &proxy)]);
        command.envs([("no_proxy", "localhost,127.0.0.1,::1"), ("NO_PROXY", "localhost,127.0.0.1,::1")]);
        command.envs(&plan.environment);
        children::start(&mut command)
    }

    /// Waits until the application ends by itself. A proxy that ends before it is started no second time: the
    /// application is told to end as well.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        tokio::select! {
            status = self.application.wait() => Ok(status?),
            status = self.proxy.wait() => {
                let status = status?;
                // The reason for ending is the proxy's; the application's own status no longer says anything.
                let _ = children::end(&mut self.application, APPLICATION_TIME_MAX).await;
                anyhow::bail!("the proxy ended by itself ({status}); its message is above")
            }
        }
    }

    /// Takes both down: out of the registry and drained, then the application, then the proxy. Returns how the
    /// application ended.
    pub(crate) async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        if self.application.try_wait()?.is_none() && !self.proxy_has_ended()? {
            let drained = calls::call(Method::POST, self.addresses.admin, "/drain", DRAIN_TIME_MAX).await;
            if let Err(error) = drained {
                tracing::warn!(%error, "the proxy could not drain");
            }
        }
        let status = children::end(&mut self.application, APPLICATION_TIME_MAX).await?;
        children::end(&mut self.proxy, PROXY_TIME_MAX).await?;
        Ok(status)
    }

    /// Takes both down without telling anyone, for a mesh that ends as a whole.
    pub(crate) async fn stop_at_once(mut self) -> anyhow::Result<()> {
        children::end(&mut self.application, APPLICATION_TIME_MAX).await?;
        children::end(&mut self.proxy, PROXY_TIME_MAX).await?;
        Ok(())
    }

    fn proxy_has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.proxy.try_wait()?.is_some())
    }
}
