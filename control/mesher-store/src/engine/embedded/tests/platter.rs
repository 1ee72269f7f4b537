//! A disk in memory that fails on demand, with a cache above it that a power cut empties.
//! It must not be kinder than a real one: what was not synced may be lost, kept, or kept in part.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::engine::Medium;
use crate::engine::embedded::Embedded;
use crate::engine::embedded::disk::{Device, Disk};
use crate::engine::embedded::{database, guard::write_first};
use crate::meta::{self, Identity, State};
use crate::{Clock, Store, StoreError};

/// What a power cut keeps or loses as a whole, in bytes.
const SECTOR: usize = 512;

/// What goes wrong at the next sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyncFault {
    /// It fails, and what it should have written is lost, though the cache shows it until the disk is opened anew.
    Lost,
    /// It fails, though all was written.
    Written,
}

#[derive(Debug, Default)]
pub(super) struct Surface {
    durable: Vec<u8>,
    cached: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    pub(super) capacity: Option<usize>,
    pub(super) sync_fault: Option<SyncFault>,
    /// Syncs that pass before the fault.
    pub(super) syncs_before: u32,
    pub(super) refuses_to_open: bool,
    /// No sync begins while it is set.
    pub(super) is_busy: bool,
    /// Writes and syncs that still happen before the power is gone.
    pub(super) steps_to_cut: Option<u32>,
    pub(super) steps: u32,
}

/// The disk, and the place where it is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Platter(Arc<Mutex<Surface>>);

impl Platter {
    /// A disk with an empty store on it.
    pub(super) fn with_store() -> Self {
        let platter = Self::default();
        let database = database::build(Box::new(platter.clone())).unwrap();
        write_first(&database, |tables| meta::write(tables, Identity::random(), State::NEW)).unwrap();
        database::release(database);
        platter
    }

    pub(super) fn of_image(image: Vec<u8>) -> Self {
        let platter = Self::default();
        platter.state().durable = image.clone();
        platter.state().cached = image;
        platter
    }

    pub(super) fn image(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    /// Whether a disk of it is still open.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Puts an earlier image under an open disk.
    pub(super) fn put_back(&self, image: Vec<u8>) {
        let mut state = self.state();
        state.durable = image.clone();
        state.cached = image;
        state.unsynced.clear();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Surface> {
        self.0.lock().unwrap()
    }

    pub(super) fn open_store(&self, clock: &TestClock) -> Result<Store, StoreError> {
        let path = Path::new("platter");
        let embedded = Embedded::open_device(Arc::new(self.clone()), clock.clock(), None)
            .map_err(|fault| crate::engine::embedded::explain(fault, path))?;
        Store::start(Medium::Embedded(embedded), clock.clock(), path)
    }

    /// The disk as it is found after the power was gone: of what was not synced, some sectors came through.
    pub(super) fn after_power_cut(&self, random: &mut fastrand::Rng) -> Self {
        let state = self.state();
        let mut image = state.durable.clone();
        for (offset, data) in &state.unsynced {
            for (place, sector) in data.chunks(SECTOR).enumerate() {
                if random.bool() {
                    let start = offset + place * SECTOR;
                    if image.len() < start + sector.len() {
                        image.resize(start + sector.len(), 0);
                    }
                    image[start..start + sector.len()].copy_from_slice(sector);
                }
            }
        }
        // The length of a file reaches the disk before or after its bytes.
        if random.bool() && image.len() < state.cached.len() {
            image.resize(state.cached.len(), 0);
        }
        Self::of_image(image)
    }
}

impl Surface {
    /// Counts a step. After the cut the machine is gone: nothing reaches the disk, and nobody learns anything.
    fn step(&mut self) -> io::Result<()> {
        self.steps += 1;
        match &mut self.steps_to_cut {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Disk for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let start = usize::try_from(offset).unwrap();
        let end = start.checked_add(out.len()).filter(|end| *end <= state.cached.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(&state.cached[start..end]);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let start = usize::try_from(offset).unwrap();
        if state.cached.len() < start + data.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        state.cached[start..start + data.len()].copy_from_slice(data);
        state.unsynced.push((start, data.to_vec()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let len = usize::try_from(len).unwrap();
        if len > state.cached.len() && state.capacity.is_some_and(|capacity| len > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.cached.resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        while self.state().is_busy {
            std::thread::yield_now();
        }
        let mut state = self.state();
        state.step()?;
        let fault = match state.syncs_before {
            0 => state.sync_fault.take(),
            _ => {
                state.syncs_before -= 1;
                None
            }
        };
        state.unsynced.clear();
        if fault != Some(SyncFault::Lost) {
            state.durable = state.cached.clone();
        }
        fault.map_or(Ok(()), |_| Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())))
    }
}

impl Device for Platter {
    fn open(&self) -> io::Result<Box<dyn Disk>> {
        let mut state = self.state();
        if state.refuses_to_open {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        }
        // What failed to be written is clean to the system and is forgotten; what waits is still there.
        let mut cached = state.durable.clone();
        cached.resize(state.cached.len(), 0);
        for (start, data) in &state.unsynced {
            if cached.len() >= start + data.len() {
                cached[*start..start + data.len()].copy_from_slice(data);
            }
        }
        state.cached = cached;
        Ok(Box::new(self.clone()))
    }

    fn len(&self) -> io::Result<u64> {
        Disk::len(self)
    }

    fn path(&self) -> &Path {
        Path::new("platter")
    }
}

/// A clock that goes when it is told to.
#[derive(Debug, Clone, Default)]
pub(super) struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub(super) fn clock(&self) -> Clock {
        let seconds = self.0.clone();
        Clock::from_fn(move || Duration::from_secs(seconds.load(Ordering::Relaxed)))
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}
