//! Starts each proxy and waits until it passes a request on.
//! It must leave all of them alike: one worker, the same processor, the same backend.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mesher_verify::machine::free_port;

use super::kind::Kind;
use super::mesher::{Binary, proxy_command};
use super::registry::SERVICE;
use super::{configuration, envoy, nginx};
use crate::load::{Engine, Load, Pace, Reply, Requests, request};
use crate::system::{Child, PROXY, command, program, version_line};

/// How long a proxy may take from its start to its first answer.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// How long one trial request may take.
const TRIAL_TIME_MAX: Duration = Duration::from_secs(2);
/// The pause between two trials.
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of the trial's answer.
const TRIAL_BYTES: usize = 64;

/// What every proxy of a run shares.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where configurations and logs go.
    pub(crate) folder: PathBuf,
    pub(crate) backend: SocketAddr,
    /// The registry that Mesher asks.
    pub(crate) registry: Option<SocketAddr>,
    pub(crate) mesher: Option<Binary>,
    /// A program, with arguments, under which Mesher's proxy runs.
    pub(crate) wrapper: Vec<String>,
}

/// A proxy that works.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) version: String,
    process: Child,
}

impl Proxy {
    /// Starts one. `name` is the service that a Mesher speaks for, and names the files of all.
    pub(crate) fn start(engine: &mut Engine, place: &Place, kind: Kind, name: &str) -> Result<Self> {
        let mut prepared = prepare(place, kind, name)?;
        let is_logged = kind != Kind::MesherAll;
        let log =
            if is_logged { place.folder.join(format!("{name}.log")) } else { PathBuf::from("/dev/null") };
        let mut process = Child::start(&mut prepared.program, name, PROXY, &log)?;
        let address = match prepared.address {
            Some(address) => address,
            None => printed_address(&process.first_line()?)?,
        };
        let mut proxy = Self { kind, address, version: prepared.version, process };
        proxy.wait(engine).with_context(|| format!("{name} does not work, its log is {}", log.display()))?;
        Ok(proxy)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Fails where it has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    fn wait(&mut self, engine: &mut Engine) -> Result<()> {
        let limit = Instant::now() + START_TIME_MAX;
        loop {
            match try_once(engine, self.address) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > limit => return Err(error),
                Err(_) => self.check()?,
            }
            engine.run(PAUSE)?;
        }
    }
}

/// One request that must be answered as the backend does.
fn try_once(engine: &mut Engine, target: SocketAddr) -> Result<()> {
    engine.tally.clear();
    engine.set_reply(Reply::of(TRIAL_BYTES));
    let requests = Requests::Same(request(SERVICE));
    let begun = engine.begin(Load { target, connections: 1, requests, pace: Pace::Once });
    let done = begun.and_then(|()| engine.run_to(1, TRIAL_TIME_MAX));
    engine.end()?;
    engine.tally.clear();
    done
}

struct Prepared {
    program: Command,
    /// `None` where the program chooses and prints it.
    address: Option<SocketAddr>,
    version: String,
}

fn prepare(place: &Place, kind: Kind, name: &str) -> Result<Prepared> {
    match kind {
        Kind::Relay => {
            let mut program =
                command(&std::env::current_exe().context("the system does not know this program")?);
            program.arg("relay").arg(place.backend.to_string());
            Ok(Prepared { program, address: None, version: env!("CARGO_PKG_VERSION").to_owned() })
        }
        Kind::Mesher | Kind::MesherOff | Kind::MesherAll => {
            let mesher = place.mesher.as_ref().context("no mesher was built")?;
            let registry = place.registry.context("no registry was started")?;
            let access_log = kind.access_log().unwrap_or_default();
            let program = proxy_command(mesher, &place.wrapper, registry, name, access_log);
            Ok(Prepared { program, address: None, version: mesher.version() })
        }
        Kind::Nginx => nginx(place, name),
        Kind::Haproxy => haproxy(place, name),
        Kind::Envoy | Kind::EnvoyMesh => envoy(place, kind == Kind::EnvoyMesh, name),
    }
}

fn nginx(place: &Place, name: &str) -> Result<Prepared> {
    let port = free_port();
    let settings = configuration::nginx(port, place.backend.port());
    let (program, version) = nginx::prepare(&place.folder.join(name), &settings)?;
    Ok(Prepared { program, address: Some(loopback(port)), version })
}

fn haproxy(place: &Place, name: &str) -> Result<Prepared> {
    let file = program("haproxy").context("haproxy is not installed")?;
    let port = free_port();
    let path = place.folder.join(format!("{name}.cfg"));
    let settings = write(&path, &configuration::haproxy(port, place.backend.port()))?;
    let version = version_line(&file.to_string_lossy(), "-v");
    let mut program = command(&file);
    program.arg("-db").arg("-f").arg(settings);
    Ok(Prepared { program, address: Some(loopback(port)), version })
}

fn envoy(place: &Place, mesh: bool, name: &str) -> Result<Prepared> {
    let file = envoy::find()?;
    let port = free_port();
    let path = place.folder.join(format!("{name}.json"));
    let settings = write(&path, &configuration::envoy(port, place.backend.port(), mesh).to_string())?;
    let version = version_line(&file.to_string_lossy(), "--version");
    // It begins with the path of the program.
    let version =
        version.rsplit_once("version: ").map_or(version.as_str(), |(_, version)| version).to_owned();
    let mut program = command(&file);
    // Without an epoch of its own for each, two of them would share memory and refuse to start.
    program.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c"]).arg(settings);
    Ok(Prepared { program, address: Some(loopback(port)), version })
}

fn write(path: &Path, text: &str) -> Result<PathBuf> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The relay prints its address alone, Mesher an object with all of them.
pub(super) fn printed_address(line: &str) -> Result<SocketAddr> {
    if let Ok(address) = line.parse() {
        return Ok(address);
    }
    let addresses: serde_json::Value = serde_json::from_str(line).context("no address was printed")?;
    let outbound = addresses.get("outbound").and_then(serde_json::Value::as_str);
    outbound.context("no outbound address was printed")?.parse().context("the outbound address is none")
}
