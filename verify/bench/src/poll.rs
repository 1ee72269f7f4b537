//! Readiness of sockets: one epoll instance, level-triggered.
//! It must know nothing of what the sockets carry.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{Nsecs, Timespec};

/// Events that are taken from the system at once.
const EVENTS_MAX: usize = 1024;

/// What a socket is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Interest {
    pub(crate) const READ: Self = Self { read: true, write: false };

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

/// A socket that is ready. Errors and hang-ups show as both: the next call on the socket tells which.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// One epoll instance.
pub(crate) struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl std::fmt::Debug for Poll {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Poll").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    pub(crate) fn add(&self, socket: impl AsFd, token: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, data(token), interest.flags())?)
    }

    pub(crate) fn modify(&self, socket: impl AsFd, token: usize, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, data(token), interest.flags())?)
    }

    /// Waits, at most `timeout` long, and appends what is ready to `ready`.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = timeout.map(timespec);
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().map(|event| {
            let (flags, data) = (event.flags, event.data);
            let is_broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
            Ready {
                token: usize::try_from(data.u64()).unwrap_or(usize::MAX),
                read: is_broken || flags.contains(EventFlags::IN),
                write: is_broken || flags.contains(EventFlags::OUT),
            }
        }));
        Ok(())
    }
}

fn data(token: usize) -> EventData {
    EventData::new_u64(token as u64)
}

fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: Nsecs::from(duration.subsec_nanos()) }
}
