//! The control plane as a process of its own that keeps its records in a folder.
//! It must be started as a user starts it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mesher_verify::http::{Kept, Message};

use crate::peers::Binary;
use crate::system::{Child, PROXY};

/// How long it may take to write all it has and end.
const END_TIME_MAX: Duration = Duration::from_secs(30);

/// A control plane.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) address: SocketAddr,
    process: Child,
    began: Instant,
}

impl Plane {
    /// Starts one on the processor of whatever is measured.
    pub(crate) fn start(mesher: &Binary, folder: &Path) -> Result<Self> {
        let began = Instant::now();
        let (process, address) = mesher.start_control(PROXY, folder, Some(&folder.join("data")))?;
        Ok(Self { address, process, began })
    }

    /// One exchange that has to go well.
    pub(crate) fn call(&self, request: &[u8]) -> Result<Message> {
        let request = std::str::from_utf8(request).context("the request is no text")?;
        let answer = Kept::to(self.address).call(request).context("the control plane does not answer")?;
        ensure!(answer.status() == 200, "the control plane says {}: {}", answer.status(), answer.text());
        Ok(answer)
    }

    /// Time since just before its start.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it in an orderly way.
    pub(crate) fn end(self) -> Result<()> {
        self.process.end(END_TIME_MAX)
    }
}
