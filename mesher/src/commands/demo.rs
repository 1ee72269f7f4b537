//! `mesher demo`: a whole mesh on this machine, as separate processes.
//! It must be ready in seconds, say what to try, and leave nothing behind.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::{Method, StatusCode};
use mesher_net::{Fallback, listener};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Child;
use tokio::time::Instant;

use crate::failure::answer;
use crate::supervise::{Pair, Plan};
use crate::{children, cli, http as calls, signals};

/// How long the whole mesh may take to be ready.
const READY_TIME_MAX: Duration = Duration::from_secs(30);
/// How often readiness is asked for.
const READY_INTERVAL: Duration = Duration::from_millis(20);
/// How long one call may take.
const CALL_TIME_MAX: Duration = Duration::from_secs(5);
/// The pause between two rounds of the demo's own calls.
const TRAFFIC_INTERVAL: Duration = Duration::from_secs(1);
/// The calls of one round: one for each calculator, so that whoever watches still sees them take turns.
const CALLS_IN_A_ROUND: usize = 2;
/// How long the control plane may take to end.
const CONTROL_TIME_MAX: Duration = Duration::from_secs(10);
/// Where the page is, unless the port is taken.
const PAGE_PORT: u16 = 8080;
/// Where SDKs expect kie; the door stays closed where the port is taken.
const KIE_ADDRESS: &str = "127.0.0.1:30110";
/// The call that the demo makes, and that it proposes.
const CALL: &str = "/bmi?height=1.8&weight=75";

/// One sample service of the demo.
struct Member {
    service: &'static str,
    version: &'static str,
    port: u16,
    pair: Pair,
}

#[derive(Deserialize)]
struct ControlAddress {
    control: String,
    kie: Option<String>,
}

/// Runs the demo until its time or a signal ends it.
pub(crate) fn run(arguments: cli::Demo) -> anyhow::Result<ExitCode> {
    mesher_net::worker::block_on(async {
        let shutdown = signals::shutdown()?;
        let end = async {
            tokio::select! {
                () = shutdown => {}
                () = until(arguments.duration) => {}
            }
        };
        tokio::pin!(end);
        let mut mesh = Mesh::default();
        let started = tokio::select! {
            result = mesh.start(&arguments) => Some(result),
            () = &mut end => None,
        };
        let result = match started {
            Some(Ok(())) => mesh.watch(&arguments, end).await,
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        mesh.stop().await;
        result.map(|()| ExitCode::SUCCESS)
    })?
}

async fn until(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// Everything that the demo has started.
#[derive(Default)]
struct Mesh {
    control: Option<(Child, String)>,
    /// The door for clients of kie.
    kie: Option<String>,
    members: Vec<Member>,
}

impl Mesh {
    async fn start(&mut self, arguments: &cli::Demo) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut command = children::own_command()?;
        command.args(["control", "--tied", "--any-port", "--print-addresses", "--kie-listen", KIE_ADDRESS]);
        command.env("MESHER_LOG", log_level());
        match &arguments.data_dir {
            Some(folder) => command.arg("--data-dir").arg(folder),
            None => command.arg("--in-memory"),
        };
        // The demo is for whoever sits here; its parts have no accounts.
        command.env("MESHER_ACCESS_CONTROL", "off");
        let (child, address) = children::start_announcing::<ControlAddress>(&mut command)
            .await
            .context("the control plane did not start")?;
        self.control = Some((child, address.control));
        self.kie = address.kie;
        self.add("webapp", "0.0.1", usual_or_free(PAGE_PORT)?).await?;
        self.add("calculator", "0.0.1", children::free_port()?).await?;
        self.add("calculator", "0.0.2", children::free_port()?).await?;
        self.ready().await?;
        self.tell(arguments, begun.elapsed());
        Ok(())
    }

    async fn add(&mut self, service: &'static str, version: &'static str, port: u16) -> anyhow::Result<()> {
        let (_, control) = self.control.as_ref().context("the control plane comes first")?;
        let own = std::env::current_exe()?.to_string_lossy().into_owned();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
        let instance = format!("{service}-{version}");
        let command = [
            &own,
            "sample",
            service,
            "--tied",
            "--listen",
            &listen,
            "--version",
            version,
            "--instance",
            &instance,
        ];
        let plan = Plan {
            settings: BTreeMap::from([
                ("MESHER_SERVICE", service.to_owned()),
                ("MESHER_VERSION", version.to_owned()),
                ("MESHER_PORTS", format!("rest:{port}")),
                ("MESHER_REGISTRY", control.clone()),
                ("MESHER_ADVERTISE", Ipv4Addr::LOCALHOST.to_string()),
                // One worker each: calls alternate for whoever watches, and a big machine is not filled with threads.
                ("MESHER_WORKERS", "1".to_owned()),
                // At the end everything ends; nobody is left who would have to learn of it.
                ("MESHER_DRAIN_NOTICE", "0s".to_owned()),
                // Nothing of a demo is started again, and nothing of it may be left.
                ("MESHER_STATE_DIR", "off".to_owned()),
                ("MESHER_LOG", log_level()),
            ]),
            command: command.map(str::to_owned).to_vec(),
            environment: BTreeMap::from([("PROVIDER_ADDR", "http://calculator".to_owned())]),
        };
        let pair = Pair::start(&plan).await.with_context(|| format!("{service} {version}"))?;
        self.members.push(Member { service, version, port, pair });
        Ok(())
    }

    /// Waits until every proxy may take work and a call goes through the whole mesh.
    async fn ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_TIME_MAX;
        loop {
            self.check_alive()?;
            match self.is_ready().await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context("the mesh is not ready in time"));
                }
                Err(_) => tokio::time::sleep(READY_INTERVAL).await,
            }
        }
    }

    async fn is_ready(&self) -> anyhow::Result<()> {
        for member in &self.members {
            let (status, body) =
                calls::call(Method::GET, member.pair.addresses.admin, "/readyz", CALL_TIME_MAX).await?;
            if status != StatusCode::OK {
                bail!(
                    "the proxy of {} {}: {}",
                    member.service,
                    member.version,
                    String::from_utf8_lossy(&body)
                );
            }
        }
        self.call_once().await
    }

    /// One call from outside: to webapp, which calls calculator through its proxy.
    async fn call_once(&self) -> anyhow::Result<()> {
        let webapp = self.members.first().and_then(|member| member.pair.addresses.inbound);
        let webapp = webapp.context("webapp has an inbound address")?;
        let (status, body) = calls::call(Method::GET, webapp, CALL, CALL_TIME_MAX).await?;
        if status != StatusCode::OK {
            bail!("webapp answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    }

    async fn call_round(&self) {
        for _ in 0..CALLS_IN_A_ROUND {
            if let Err(error) = self.call_once().await {
                tracing::warn!(%error, "a call of the demo failed");
            }
        }
    }

    fn check_alive(&mut self) -> anyhow::Result<()> {
        if let Some((control, _)) = &mut self.control
            && let Some(status) = control.try_wait()?
        {
            bail!("the control plane ended by itself ({status})");
        }
        Ok(())
    }

    /// Stays until the end. A part that ends by itself is told, and the rest goes on: that is what a mesh is for.
    async fn watch(&mut self, arguments: &cli::Demo, end: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::pin!(end);
        let mut traffic = tokio::time::interval(TRAFFIC_INTERVAL);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                _ = traffic.tick() => {}
            }
            if !arguments.no_traffic {
                self.call_round().await;
            }
            if let Err(error) = self.check_alive() {
                tracing::warn!(%error, "callers notice nothing");
                self.control = None;
            }
        }
    }

    /// Ends everything at once, the control plane last.
    async fn stop(&mut self) {
        let members =
            self.members.drain(..).map(|member| tokio::task::spawn_local(member.pair.stop_at_once()));
        for member in members.collect::<Vec<_>>() {
            match member.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a part of the demo did not end well"),
                Err(error) => tracing::warn!(%error, "a part of the demo did not end well"),
            }
        }
        if let Some((mut control, _)) = self.control.take()
            && let Err(error) = children::end(&mut control, CONTROL_TIME_MAX).await
        {
            tracing::warn!(%error, "the control plane did not end well");
        }
        children::all_ended(CONTROL_TIME_MAX).await;
    }

    fn tell(&self, arguments: &cli::Demo, elapsed: Duration) {
        let control = self.control.as_ref().map(|(_, address)| address.as_str()).unwrap_or_default();
        if arguments.json {
            let proxies: Vec<_> = self.members.iter().map(Member::json).collect();
            answer(
                &json!({"control": control, "dashboard": format!("{control}/"), "proxies": proxies})
                    .to_string(),
            );
            return;
        }
        let Some(webapp) = self.members.first() else { return };
        let outbound = webapp.pair.addresses.outbound;
        answer(&format!("The mesh is ready after {:.1} s.\n", elapsed.as_secs_f64()));
        answer(&format!("  control plane   {control}/"));
        if let Some(kie) = &self.kie {
            answer(&format!("  configuration   {kie}/v1/default/kie/kv"));
        }
        answer(&format!("  the sample page http://127.0.0.1:{}/", webapp.port));
        for Member { service, version, pair, .. } in &self.members {
            let inbound = pair.addresses.inbound.map(|address| address.to_string()).unwrap_or_default();
            let (outbound, admin) = (pair.addresses.outbound, pair.addresses.admin);
            answer(&format!(
                "  {service:<10} {version}  outbound {outbound}  inbound {inbound}  admin {admin}"
            ));
        }
        answer("\nTry, in another terminal:\n");
        answer(&format!("  http_proxy=http://{outbound} curl 'http://calculator{CALL}'"));
        answer(&format!("  mesher get instances --control {control}"));
        answer(&format!("  curl http://{}/metrics", webapp.pair.addresses.admin));
        answer("\nCtrl-C ends all of it.");
    }
}

impl Member {
    fn json(&self) -> serde_json::Value {
        let addresses = &self.pair.addresses;
        json!({
            "service": self.service,
            "version": self.version,
            "outbound": addresses.outbound.to_string(),
            "inbound": addresses.inbound.map(|address| address.to_string()),
            "admin": addresses.admin.to_string(),
        })
    }
}

/// The usual port where it is free, any free one else.
fn usual_or_free(port: u16) -> anyhow::Result<u16> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(listener::bind(usual, Fallback::AnyPort)?.local_addr()?.port())
}

/// The parts tell only what someone must see, unless more is asked for.
fn log_level() -> String {
    signals::variable("MESHER_LOG").unwrap_or_else(|| "warn".to_owned())
}
