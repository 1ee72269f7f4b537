//! Checks of the application beside the proxy: whether it works, and not only whether it accepts connections.
//! One bad answer must not take an instance out of the registry, nor one good one bring it back.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;

use mesher_net::Socket;
use mesher_traffic::checkup::{Checkup, Thresholds};
use tokio::sync::watch;

use crate::bootstrap::{HealthCheck, HealthProbe, PortProtocol};
use crate::snapshot::Endpoint;

/// Bytes of an answer that are read: its first line is in them.
const ANSWER_BYTES_MAX: usize = 512;
/// By which part of an interval a check may come late, so that those of many proxies do not come together.
const JITTER: f64 = 0.1;

/// What is checked, and how.
#[derive(Debug)]
pub(crate) struct Checks {
    check: HealthCheck,
    addresses: Vec<SocketAddr>,
    checkup: Checkup,
}

impl Checks {
    /// Checks for the first time, and believes it: there is nothing else to go by. `None` where no check is wanted.
    pub(crate) async fn begin(check: &HealthCheck, endpoints: &[Endpoint]) -> Option<Self> {
        let addresses: Vec<_> = match check.probe {
            HealthProbe::Off => return None,
            HealthProbe::Tcp => endpoints.iter().map(|endpoint| endpoint.address).collect(),
            HealthProbe::Path(_) => {
                let of_http = endpoints.iter().filter(|endpoint| endpoint.protocol == PortProtocol::Rest);
                of_http.take(1).map(|endpoint| endpoint.address).collect()
            }
        };
        let thresholds = Thresholds { healthy: check.healthy, unhealthy: check.unhealthy };
        let checkup = Checkup::new(thresholds, true);
        let mut checks = Self { check: check.clone(), addresses, checkup };
        if let Err(reason) = checks.ask().await {
            tracing::warn!(reason, "the application does not pass its health check; its instance is DOWN");
            checks.checkup = Checkup::new(thresholds, false);
        }
        Some(checks)
    }

    pub(crate) const fn is_healthy(&self) -> bool {
        self.checkup.is_healthy()
    }

    /// Goes on checking, and tells what is believed.
    pub(crate) async fn run(mut self, is_healthy: &watch::Sender<bool>) {
        loop {
            tokio::time::sleep(self.check.interval.mul_f64(1.0 + JITTER * fastrand::f64())).await;
            let result = self.ask().await;
            let reason = result.as_ref().err().cloned().unwrap_or_default();
            match self.checkup.seen(result.is_ok()) {
                Some(true) => {
                    tracing::info!("the application passes its health check again; its instance is UP");
                    is_healthy.send_replace(true);
                }
                Some(false) => {
                    tracing::warn!(reason, "the application fails its health check; its instance is DOWN");
                    is_healthy.send_replace(false);
                }
                None => {}
            }
        }
    }

    /// One check: all that it is about has to be well.
    async fn ask(&self) -> Result<(), String> {
        for address in &self.addresses {
            let asking = self.ask_one(*address);
            let limit = self.check.time_max;
            match tokio::time::timeout(limit, asking).await {
                Ok(result) => result?,
                Err(_) => return Err(format!("{address} did not answer within {limit:?}")),
            }
        }
        Ok(())
    }

    async fn ask_one(&self, address: SocketAddr) -> Result<(), String> {
        let connecting = Socket::connect(address, self.check.time_max);
        let mut socket = connecting.await.map_err(|error| error.to_string())?;
        let HealthProbe::Path(path) = &self.check.probe else { return Ok(()) };
        let answer = converse(&mut socket, path).await.map_err(|error| format!("{address}: {error}"))?;
        match status(&answer) {
            Some(200..=399) => Ok(()),
            Some(status) => Err(format!("{address} answered {path} with {status}")),
            None => Err(format!("{address} answered {path} with what is no HTTP")),
        }
    }
}

/// Asks, and reads the beginning of the answer.
async fn converse(socket: &mut Socket, path: &str) -> io::Result<Vec<u8>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: mesher-health-check\r\nConnection: close\r\n\r\n"
    );
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        let sent = poll_fn(|context| socket.poll_write(context, rest)).await?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    let mut answer = vec![0; ANSWER_BYTES_MAX];
    let mut length = 0;
    while length < ANSWER_BYTES_MAX && !answer.get(..length).unwrap_or_default().contains(&b'\n') {
        let room = answer.get_mut(length..).unwrap_or_default();
        match poll_fn(|context| socket.poll_read(context, room)).await? {
            0 => break,
            read => length += read,
        }
    }
    answer.truncate(length);
    Ok(answer)
}

/// The status of an answer.
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.")?;
    let [_, b' ', digits @ ..] = line else { return None };
    let text = std::str::from_utf8(digits.get(..3)?).ok()?;
    text.parse().ok().filter(|status| *status >= 100)
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn the_status_of_an_answer_is_read_and_of_nothing_else() {
        let table: [(&[u8], Option<u16>); 6] = [
            (b"HTTP/1.1 200 OK\r\n", Some(200)),
            (b"HTTP/1.0 503\r\n", Some(503)),
            (b"HTTP/1.1 99 X", None),
            (b"HTTP/2 200", None),
            (b"SSH-2.0-OpenSSH\r\n", None),
            (b"HTTP/1.1 2", None),
        ];
        for (answer, expected) in table {
            assert_eq!(status(answer), expected, "{}", String::from_utf8_lossy(answer));
        }
    }
}
