//! The bytes under the database: a file, or in tests something that fails on purpose.
//! It must not let the database meet a full disk anywhere but where it grows.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use rustix::fs::{Advice, FallocateFlags, OFlags};
use rustix::io::Errno;

/// Bytes that can be made durable.
pub(crate) trait Disk: Debug + Send + Sync + 'static {
    fn len(&self) -> io::Result<u64>;
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// Where a disk is opened, and opened again after a failure.
pub(crate) trait Device: Debug + Send + Sync + 'static {
    fn open(&self) -> io::Result<Box<dyn Disk>>;
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// What messages call it.
    fn path(&self) -> &Path;
}

/// A file.
#[derive(Debug)]
pub(crate) struct FileDevice {
    pub(crate) path: PathBuf,
}

impl Device for FileDevice {
    fn open(&self) -> io::Result<Box<dyn Disk>> {
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(no_link).open(&self.path)?;
        // After a failed fsync the system may show bytes that never reached the disk. What it still believes clean is
        // forgotten, so that the check reads the disk. A file system that cannot do that loses nothing by being asked.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        // The check reads every page in the order of the tree. Reading ahead in the order of the disk is faster.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::WillNeed);
        Ok(Box::new(FileDisk(file)))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.path.metadata()?.len())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Debug)]
pub(crate) struct FileDisk(pub(crate) File);

impl Disk for FileDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }

    /// Takes the space at once. A hole would be filled by a later write, which then meets the full disk in the middle
    /// of a commit, or of the check that has to bring the store back.
    fn set_len(&self, len: u64) -> io::Result<()> {
        let present = self.len()?;
        if len <= present {
            return self.0.set_len(len);
        }
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), present, len - present) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.0.set_len(len),
            done => Ok(done?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// A disk as redb wants it. It has no locks: the directory has one.
#[derive(Debug)]
pub(super) struct Backend(pub(super) Box<dyn Disk>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
