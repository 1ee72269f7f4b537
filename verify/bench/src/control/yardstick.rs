//! nginx with one worker that answers 200 out of its configuration: the least that an HTTP server does for a request.
//! It must be set up as the nginx that proxies are compared with.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mesher_verify::machine::free_port;
use mesher_verify::patience::pause;

use crate::peers::prepare_nginx;
use crate::system::{Child, PROXY};

/// Bytes of the answer's body.
const BODY: &str = "ok";
pub(super) const BODY_BYTES: usize = BODY.len();
/// How long it may take until it listens.
const START_TIME_MAX: Duration = Duration::from_secs(10);

/// A running nginx.
#[derive(Debug)]
pub(super) struct Yardstick {
    pub(super) address: SocketAddr,
    pub(super) version: String,
    process: Child,
}

impl Yardstick {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (mut program, version) = prepare_nginx(folder, &configuration(address))?;
        let process = Child::start(&mut program, "nginx", PROXY, &folder.join("nginx.log"))?;
        let limit = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(address).is_err() {
            ensure!(Instant::now() < limit, "nginx does not listen");
            pause();
        }
        Ok(Self { address, version, process })
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn configuration(address: SocketAddr) -> String {
    format!(
        "daemon off; master_process on; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; tcp_nodelay on;
  client_body_temp_path body; proxy_temp_path proxy;
  server {{ listen {address} backlog=4096; location / {{ return 200 \"{BODY}\"; }} }}
}}
"
    )
}
