//! The folder of the stored snapshot: chosen, made, written whole, read with the generation before in reserve.
//! It must never leave a half-written file under a name that is read, and must trust no file of another user.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::bootstrap::{Bootstrap, INBOUND_PORT_DEFAULT, StateFolder};
use crate::status::Addresses;
use crate::stored::format::{self, Owner, Stored};

/// The current generation.
const CURRENT: &str = "snapshot";
/// The one before.
const PREVIOUS: &str = "snapshot.previous";
/// A generation that is being written.
const NEXT: &str = "snapshot.new";
/// The default folders of proxies stand here, so that they cannot meet with files of a control plane.
const PROXIES: &str = "proxies";
/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Nobody else may enter.
const FOLDER_MODE: u32 = 0o700;
/// Nobody else may read.
const FILE_MODE: u32 = 0o600;
/// The bits of a mode that let others change a file.
const OTHERS_MAY_WRITE: u32 = 0o022;

/// The folder that was named for the stored snapshot cannot be used; whoever named it is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}; name a folder that this user may write, or off", path.display())]
pub struct StateError {
    /// The folder.
    path: PathBuf,
    /// What the system says.
    reason: io::Error,
}

/// A folder that can be written.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Whose files are believed: those of the user who writes them here.
    user: u32,
}

impl Folder {
    /// The folder that the settings name; the default one, where it can be had. `None`: without.
    ///
    /// # Errors
    /// [`StateError`] where a folder is named that cannot be used.
    pub(crate) fn open(bootstrap: &Bootstrap, addresses: &Addresses) -> Result<Option<Self>, StateError> {
        match &bootstrap.state {
            StateFolder::Off => Ok(None),
            StateFolder::Named(path) => {
                Self::prepare(path).map(Some).map_err(|reason| StateError { path: path.clone(), reason })
            }
            StateFolder::Below(root) => Ok(default_folder(root, bootstrap, addresses)),
        }
    }

    /// Makes the folder where it is missing, and tries to write in it.
    fn prepare(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
        let next = path.join(NEXT);
        let user = create(&next)?.metadata()?.uid();
        fs::remove_file(&next)?;
        Ok(Self { path: path.to_owned(), user })
    }

    /// The youngest generation that is good, with whether it is the current one. What is not taken is told.
    pub(crate) fn read(&self, own: &Owner) -> Option<(Stored, bool)> {
        for name in [CURRENT, PREVIOUS] {
            let path = self.path.join(name);
            match self.read_one(&path, own) {
                Ok(Some(stored)) => return Some((stored, name == CURRENT)),
                Ok(None) => {}
                Err(reason) => {
                    tracing::warn!(file = %path.display(), reason, "a stored snapshot is not taken");
                }
            }
        }
        None
    }

    fn read_one(&self, path: &Path, own: &Owner) -> Result<Option<Stored>, String> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        // Whoever can write it can send the calls of the application anywhere.
        if !metadata.is_file() || metadata.uid() != self.user || metadata.mode() & OTHERS_MAY_WRITE != 0 {
            return Err("it is no file that only this user may write".to_owned());
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(format!("it has {} bytes, more than {FILE_BYTES_MAX}", metadata.len()));
        }
        let mut file = Vec::new();
        let read = File::open(path).and_then(|open| open.take(FILE_BYTES_MAX).read_to_end(&mut file));
        read.map_err(|error| error.to_string())?;
        format::read(&file, own).map(Some).map_err(|rejection| rejection.to_string())
    }

    /// Writes a generation. The current one becomes the previous one where it `is_worth_keeping`.
    ///
    /// # Errors
    /// The system's; what could be read before can be read still.
    pub(super) fn write(&self, file: &[u8], is_worth_keeping: bool) -> io::Result<()> {
        let (next, current) = (self.path.join(NEXT), self.path.join(CURRENT));
        let written = create(&next).and_then(|mut open| {
            open.write_all(file)?;
            open.sync_all()
        });
        if let Err(error) = written {
            // What is left of it would only take space.
            let _ = fs::remove_file(&next);
            return Err(error);
        }
        if is_worth_keeping && current.exists() {
            fs::rename(&current, self.path.join(PREVIOUS))?;
        }
        fs::rename(&next, &current)?;
        File::open(&self.path)?.sync_all()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A new file, in the place of one that a process which ended left behind.
fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

fn default_folder(root: &Path, bootstrap: &Bootstrap, addresses: &Addresses) -> Option<Folder> {
    let Some(port) = lasting_port(bootstrap, addresses) else {
        tracing::info!(
            "the system chose the ports, so the next start would not find this one's snapshot; none is kept. Name a folder in MESHER_STATE_DIR"
        );
        return None;
    };
    let path = root.join(PROXIES).join(format!("{}-{port}", bootstrap.identity.service));
    Folder::prepare(&path)
        .inspect_err(|error| {
            tracing::warn!(folder = %path.display(), %error, "the last good snapshot cannot be kept; going on without. Name a folder in MESHER_STATE_DIR, or say off");
        })
        .ok()
}

/// What tells this proxy from others of its service on the machine, now and after a restart: the inbound port, or the
/// outbound one, where the settings name it and it could be had.
fn lasting_port(bootstrap: &Bootstrap, addresses: &Addresses) -> Option<String> {
    let inbound = addresses.inbound.filter(|address| match bootstrap.inbound_listen {
        Some(wanted) => wanted.port() == address.port(),
        None => address.port() == INBOUND_PORT_DEFAULT,
    });
    let is_wanted = |address: &SocketAddr| bootstrap.outbound_listen.port() == address.port();
    let outbound = Some(addresses.outbound).filter(is_wanted);
    let inbound = inbound.map(|address| address.port().to_string());
    inbound.or_else(|| outbound.map(|address| format!("outbound-{}", address.port())))
}
