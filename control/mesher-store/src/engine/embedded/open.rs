//! From a directory to a database: the one that is there, a new one, or one restored from a backup.
//! It must not leave a half-made database under the name of a whole one.

use std::path::Path;
use std::sync::Arc;

use super::database::{self, contain, fault};
use super::directory::Directory;
use super::disk::{FileDevice, FileDisk};
use super::guard::{Embedded, write_first};
use super::settings::EmbeddedSettings;
use crate::StoreError;
use crate::engine::{Fault, Tables};

/// Opens the store of a directory. Where none is, one is made with what `fill` writes.
pub(crate) fn open(
    settings: &EmbeddedSettings,
    fill: impl FnOnce(&mut dyn Tables) -> Result<(), Fault>,
) -> Result<Embedded, StoreError> {
    let directory = Directory::take(&settings.directory)?;
    let path = directory.database();
    if !path.exists() {
        make(&directory, fill)?;
    }
    let device = Arc::new(FileDevice { path: path.clone() });
    Embedded::open_device(device, settings.clock.clone(), Some(directory))
        .map_err(|fault| explain(fault, &path))
}

/// Makes the store of an empty directory with what `fill` writes.
pub(crate) fn restore(
    path: &Path,
    fill: impl FnOnce(&mut dyn Tables) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    make(&Directory::take_empty(path)?, fill)
}

/// What a fault means to whoever opens a store.
pub(crate) fn explain(fault: Fault, path: &Path) -> StoreError {
    match fault {
        Fault::Damaged(reason) => StoreError::Damaged { path: path.to_owned(), reason },
        Fault::Storage(message) => StoreError::system("open", path)(std::io::Error::other(message)),
    }
}

fn make(
    directory: &Directory,
    fill: impl FnOnce(&mut dyn Tables) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    let file = directory.begin()?;
    let filled = contain(|| {
        let database = database::build(Box::new(FileDisk(file)))?;
        write_first(&database, fill)?;
        database.close().map_err(fault)
    });
    filled.map_err(|fault| explain(fault, &directory.unfinished()))?;
    directory.finish()
}
