//! The order of a run: rules for all services, links, changes, more links.
//! It must count the time of a change from its sending, durable write and all: proxies hear of it before its author does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mesher_verify::http::Kept;

use super::page::{self, Figures};
use super::peer::Peer;
use super::rules::{self, AT_ONCE};
use crate::arguments::Links;
use crate::control::plane::Plane;
use crate::load::Histogram;
use crate::peers::{Binary, RELEASED};
use crate::poll::{Interest, Poll};
use crate::system::{GENERATOR, facts, pin_self, proportional_memory};
use crate::{report, sockets};

/// The service that every proxy calls.
const SERVICE: usize = 0;
/// How long all may take to have a change.
const ROUND_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes that are read at once.
const SCRATCH_BYTES: usize = 64 * 1024;
/// The token of the connection that changes rules.
const WRITER: usize = usize::MAX;

/// Does what the arguments ask for.
pub(crate) fn run(arguments: &Links) -> Result<()> {
    ensure!(arguments.services > 0, "some services are needed");
    ensure!(arguments.proxies > 0 && arguments.most >= arguments.proxies, "some proxies are needed");
    let folder = report::folder()?;
    let mesher = Binary::of(arguments.run.mesher.as_deref(), arguments.run.profile.as_deref(), RELEASED)?;
    let files = tempfile::tempdir_in(&folder).context("no folder for the files of the run")?;
    // Before it is pinned: then it could use one processor only.
    let facts = facts();
    pin_self(GENERATOR)?;
    let plane = Plane::start(&mesher, files.path())?;
    let mut figures = Figures::new(arguments, facts, mesher.version());
    write(plane.address, arguments.services)?;
    // The first document that was written is that of the service that all call.
    let mut revision = 1;
    let mut mesh = Mesh::new(plane.address)?;
    let before = proportional_memory(plane.pid());
    mesh.link(arguments.proxies)?;
    for round in 0..arguments.changes {
        revision = mesh.change(round, revision)?;
    }
    figures.took(&mesh.taken, &mesh.all, mesh.bytes);
    mesh.link(arguments.most)?;
    let memory = proportional_memory(plane.pid()).saturating_sub(before);
    figures.memory_of_one = memory as f64 / arguments.most as f64;
    plane.end()?;
    let text = page::render(&figures);
    report::tell("links", (&figures, &text), arguments.run.write_docs.then_some(page::MARKS))
}

/// Writes a rule for each service.
fn write(address: SocketAddr, services: usize) -> Result<()> {
    let mut connection = Kept::to(address);
    for first in (0..services).step_by(AT_ONCE) {
        let request = rules::create(address, first..services.min(first + AT_ONCE));
        let answer = connection.call(&request).context("the control plane does not answer")?;
        ensure!(answer.status() == 200, "no rules: {}", answer.text());
    }
    Ok(())
}

/// Linked proxies, and a connection that changes rules.
struct Mesh {
    address: SocketAddr,
    poll: Poll,
    peers: Vec<Peer>,
    writer: TcpStream,
    /// From the sending of a change to each proxy that has it.
    taken: Histogram,
    /// From the sending of a change to the last proxy that has it.
    all: Histogram,
    /// The most bytes of one update.
    bytes: usize,
}

impl Mesh {
    fn new(address: SocketAddr) -> Result<Self> {
        let (poll, writer) = (Poll::new()?, sockets::connect(address)?);
        poll_add(&poll, &writer, WRITER)?;
        let (taken, all) = (Histogram::default(), Histogram::default());
        Ok(Self { address, poll, peers: Vec::new(), writer, taken, all, bytes: 0 })
    }

    /// Links so many proxies in all, and waits until each has what it asked for.
    fn link(&mut self, count: usize) -> Result<()> {
        let first = self.peers.len();
        for number in first..count {
            let peer = Peer::link(self.address, number, &rules::service(SERVICE))?;
            poll_add(&self.poll, &peer.stream, number)?;
            self.peers.push(peer);
        }
        self.wait(count - first, 0, false).map(drop)
    }

    /// Makes one change, and waits until all have it. Answers its revision.
    fn change(&mut self, round: usize, revision: u64) -> Result<u64> {
        let request = rules::change(self.address, SERVICE, 20 + round, revision);
        self.writer.write_all(request.as_bytes())?;
        self.wait(self.peers.len(), revision + 1, true)
    }

    /// Waits until so many updates came that are not older than `least`, and, where a change `is_asked`, for its answer.
    fn wait(&mut self, mut waiting: usize, least: u64, is_asked: bool) -> Result<u64> {
        let (began, mut ready, mut scratch) = (Instant::now(), Vec::new(), vec![0; SCRATCH_BYTES]);
        let mut revision = (!is_asked).then_some(0);
        while waiting > 0 || revision.is_none() {
            ensure!(began.elapsed() < ROUND_TIME_MAX, "{waiting} proxies have not heard of a change");
            self.poll.wait(Some(ROUND_TIME_MAX), &mut ready)?;
            for event in ready.drain(..) {
                if event.token == WRITER {
                    revision = Some(revision_of(&mut self.writer, &mut scratch)?);
                    continue;
                }
                let Some(peer) = self.peers.get_mut(event.token) else { continue };
                for came in peer.take(&mut scratch)?.iter().filter(|came| came.revision >= least) {
                    waiting = waiting.checked_sub(1).context("a proxy heard more than there was")?;
                    if is_asked {
                        self.bytes = self.bytes.max(came.bytes);
                        self.taken.record(began.elapsed());
                        if waiting == 0 {
                            self.all.record(began.elapsed());
                        }
                    }
                }
            }
        }
        Ok(revision.unwrap_or_default())
    }
}

fn poll_add(poll: &Poll, stream: &TcpStream, token: usize) -> Result<()> {
    Ok(poll.add(stream, token, Interest::READ)?)
}

/// The revision that the answer to a change names in its ETag.
fn revision_of(writer: &mut TcpStream, scratch: &mut [u8]) -> Result<u64> {
    let count = writer.read(scratch)?;
    let text = String::from_utf8_lossy(scratch.get(..count).unwrap_or_default()).into_owned();
    ensure!(text.starts_with("HTTP/1.1 200 "), "no change was made: {text}");
    let tag = text.lines().find_map(revision_in);
    tag.with_context(|| format!("no revision in {text}"))
}

fn revision_in(line: &str) -> Option<u64> {
    let (name, value) = line.split_once(": ")?;
    let tag = value.strip_prefix("\"r")?.strip_suffix('"')?;
    name.eq_ignore_ascii_case("etag").then(|| tag.parse().ok()).flatten()
}
