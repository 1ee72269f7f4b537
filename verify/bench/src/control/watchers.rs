//! How soon a thousand watchers hear of a registration.
//! It must take the time of each watcher by itself, from just before the registration is sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mesher_verify::http::Wire;
use serde::{Deserialize, Serialize};

use super::frames::Frames;
use super::population::Population;
use crate::load::Histogram;
use crate::poll::{Interest, Poll};
use crate::sockets;

/// Services that watch, each over a web socket of its own.
pub(super) const WATCHERS: usize = 1000;
/// Registrations, one after the other.
const REGISTRATIONS: usize = 100;
/// How long all watchers may take to hear of one.
const ROUND_TIME_MAX: Duration = Duration::from_secs(10);
/// Status of a handshake that was accepted.
const SWITCHING_PROTOCOLS: u16 = 101;
/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Milliseconds from a registration to a watcher.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) median: f64,
    pub(super) p99: f64,
    pub(super) most: f64,
}

/// What one socket brings.
enum Socket {
    Watcher(Frames),
    /// The one that registers.
    Registrar,
}

/// Registers instances of a service that the first [`WATCHERS`] others call already.
pub(super) fn measure(population: Population, service: usize) -> Result<Told> {
    let mut poll = Poll::new()?;
    let mut sockets = Vec::new();
    for consumer in 1..=WATCHERS {
        let (stream, watcher) = watch(population, consumer).with_context(|| format!("watcher {consumer}"))?;
        poll.add(&stream, sockets.len(), Interest::READ)?;
        sockets.push((stream, watcher));
    }
    let registrar = sockets::connect(population.address)?;
    poll.add(&registrar, sockets.len(), Interest::READ)?;
    sockets.push((registrar, Socket::Registrar));
    let mut histogram = Histogram::default();
    for number in 0..REGISTRATIONS {
        let request = population.register_for(service, population.instances + number);
        register(&mut poll, &mut sockets, &request, &mut histogram)?;
    }
    let milliseconds = |share| histogram.quantile(share).as_secs_f64() * 1e3;
    Ok(Told { median: milliseconds(0.5), p99: milliseconds(0.99), most: milliseconds(1.0) })
}

/// Opens a web socket.
fn watch(population: Population, consumer: usize) -> Result<(TcpStream, Socket)> {
    let mut wire = Wire::open(population.address)?;
    wire.send(population.watch(consumer))?;
    let (head, _) = wire.answer_head("GET")?;
    ensure!(head.status() == SWITCHING_PROTOCOLS, "no web socket: {head:?}");
    let (stream, input) = wire.into_parts();
    let mut frames = Frames::default();
    ensure!(frames.count(&input)? == 0, "it heard something before anything was registered");
    stream.set_nonblocking(true)?;
    Ok((stream, Socket::Watcher(frames)))
}

/// Registers once and waits until everybody has heard of it.
fn register(
    poll: &mut Poll,
    sockets: &mut [(TcpStream, Socket)],
    request: &[u8],
    histogram: &mut Histogram,
) -> Result<()> {
    let mut waiting = sockets.len();
    let began = Instant::now();
    let (registrar, _) = sockets.last_mut().context("nobody registers")?;
    registrar.write_all(request)?;
    let (mut ready, mut scratch) = (Vec::new(), vec![0; SCRATCH_BYTES]);
    while waiting > 0 {
        ensure!(began.elapsed() < ROUND_TIME_MAX, "{waiting} of {} have heard nothing", sockets.len());
        poll.wait(Some(ROUND_TIME_MAX), &mut ready)?;
        for event in ready.drain(..) {
            let Some((stream, socket)) = sockets.get_mut(event.token) else { continue };
            let count = stream.read(&mut scratch)?;
            let bytes = scratch.get(..count).unwrap_or_default();
            ensure!(count > 0, "a connection was closed");
            let heard = match socket {
                Socket::Watcher(frames) => frames.count(bytes)?,
                Socket::Registrar => {
                    let is_good = bytes.starts_with(b"HTTP/1.1 200 ");
                    ensure!(is_good, "not registered: {}", String::from_utf8_lossy(bytes));
                    waiting -= 1;
                    continue;
                }
            };
            (0..heard).for_each(|_| histogram.record(began.elapsed()));
            waiting = waiting.checked_sub(heard).context("a watcher heard more than there was")?;
        }
    }
    Ok(())
}
