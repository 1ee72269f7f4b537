//! The directory of a store: who may touch it, and the lock that keeps a second process out.
//! It must not mend what is unsafe by itself: somebody put it there, and is told.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::StoreError;

const DATABASE: &str = "store.redb";
/// A database that is being made. It gets its name when it is whole and durable.
const UNFINISHED: &str = "store.redb.new";
const LOCK: &str = "lock";

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Anybody but the owner who could replace files in the directory.
const OTHERS_MAY_WRITE: u32 = 0o022;
/// Anybody but the owner.
const OTHERS_MAY_ANYTHING: u32 = 0o077;
/// The longest process id that is read from a lock file, in bytes.
const HOLDER_LIMIT: u64 = 20;

/// A directory that this process alone uses for as long as this lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes a directory, which is made if it is missing.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        make(path)?;
        let metadata = path.metadata().map_err(StoreError::system("look at", path))?;
        check_directory(path, &metadata)?;
        let directory = Self { path: path.to_owned(), _lock: lock(path)? };
        directory.check_database()?;
        Ok(directory)
    }

    /// Takes a directory in which nothing is yet.
    pub(super) fn take_empty(path: &Path) -> Result<Self, StoreError> {
        if path.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(StoreError::NotEmpty(path.to_owned()));
        }
        let directory = Self::take(path)?;
        // Another process may have made one between the look and the lock.
        match directory.database().exists() {
            true => Err(StoreError::NotEmpty(path.to_owned())),
            false => Ok(directory),
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    pub(super) fn unfinished(&self) -> PathBuf {
        self.path.join(UNFINISHED)
    }

    /// Makes an empty file for a database that is to be made; what was left of an earlier attempt goes.
    pub(super) fn begin(&self) -> Result<File, StoreError> {
        let path = self.unfinished();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::system("remove", path)(error));
            }
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        options.open(&path).map_err(StoreError::system("make", path))
    }

    /// Gives the finished database its name, durably.
    pub(super) fn finish(&self) -> Result<(), StoreError> {
        let (from, to) = (self.unfinished(), self.database());
        std::fs::rename(&from, &to).map_err(StoreError::system("rename to", to))?;
        sync_directory(&self.path)
    }

    fn check_database(&self) -> Result<(), StoreError> {
        let path = self.database();
        match path.symlink_metadata() {
            Ok(metadata) => check_file(&path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::system("look at", path)(error)),
        }
    }
}

/// What holds a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(StoreError::system("make durable", path))
}

fn make(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => sync_directory(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::system("make the directory", path)(error)),
    }
}

fn check_directory(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    if !metadata.is_dir() {
        let remedy = "name a directory".to_owned();
        return Err(StoreError::Unsafe { path: path.to_owned(), reason: "it is no directory", remedy });
    }
    check_owner(path, metadata)?;
    if metadata.mode() & OTHERS_MAY_WRITE != 0 {
        let remedy = format!("run: chmod go-w {}", path.display());
        return Err(StoreError::Unsafe { path: path.to_owned(), reason: "others may write to it", remedy });
    }
    Ok(())
}

fn check_file(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let unsafe_because = |reason, remedy| StoreError::Unsafe { path: path.to_owned(), reason, remedy };
    if !metadata.is_file() {
        let remedy = "put the file itself in its place".to_owned();
        return Err(unsafe_because("it is a link or no file", remedy));
    }
    check_owner(path, metadata)?;
    if metadata.mode() & OTHERS_MAY_ANYTHING != 0 {
        return Err(unsafe_because(
            "others may read or write it",
            format!("run: chmod 600 {}", path.display()),
        ));
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() == user {
        return Ok(());
    }
    let remedy = format!("run as that user, or: chown {user} {}", path.display());
    Err(StoreError::Unsafe { path: path.to_owned(), reason: "it belongs to another user", remedy })
}

fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
    options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let mut file = options.open(&path).map_err(StoreError::system("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { path: directory.to_owned(), holder: read_holder(&file) });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::system("lock", path)(error)),
    }
    // The number is for people. A full disk must not keep a store from being read.
    let noted = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
    if let Err(error) = noted {
        tracing::warn!(event = "store_lock_not_noted", path = %path.display(), reason = %error, "locked all the same");
    }
    Ok(file)
}

fn read_holder(file: &File) -> String {
    let mut text = String::new();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match file.take(HOLDER_LIMIT).read_to_string(&mut text) {
        Ok(_) if is_number(&text) => text,
        _ => "(unknown)".to_owned(),
    }
}
