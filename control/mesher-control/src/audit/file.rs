//! The file of the audit: appended to, rotated by size, bounded in number, for its owner's eyes only.
//! It must not change a line that is written.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Its name in the data directory.
const NAME: &str = "audit.jsonl";
/// Bytes of one file; the next line begins another.
pub(super) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Older files that are kept: `audit.jsonl.1` is the youngest.
pub(super) const OLDER_MAX: u32 = 8;
/// Its owner alone may read it.
const MODE: u32 = 0o600;

#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    file: File,
    length: u64,
    bytes_max: u64,
    /// A part of a line stands at the end: a crash or a full disk cut it short.
    is_torn: bool,
}

impl AuditFile {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Self::open_with(folder, FILE_BYTES_MAX)
    }

    pub(super) fn open_with(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let path = folder.join(NAME);
        let (mut file, length) = open(&path)?;
        // Nothing is written yet: a full disk must not keep the control plane from its start.
        let is_torn = length > 0 && last_byte(&mut file)? != b'\n';
        Ok(Self { path, file, length, bytes_max, is_torn })
    }

    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        if self.length > 0 && self.length + line.len() as u64 + 1 > self.bytes_max {
            self.rotate()?;
        }
        // A line that was cut short must not swallow the next.
        let before = if self.is_torn { "\n" } else { "" };
        // One call, so that the line is whole for whoever reads along.
        let text = format!("{before}{line}\n");
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            // A full disk takes as much as it has space for.
            self.is_torn |= self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.is_torn = false;
        self.length += text.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        // It is missing where the last attempt could not make the next file: all others have their names by then.
        if self.path.try_exists()? {
            self.rename()?;
        }
        (self.file, self.length) = open(&self.path)?;
        self.is_torn = false;
        Ok(())
    }

    fn rename(&self) -> io::Result<()> {
        for number in (1..OLDER_MAX).rev() {
            match fs::rename(self.older(number), self.older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.older(1))
    }

    fn older(&self, number: u32) -> PathBuf {
        self.path.with_file_name(format!("{NAME}.{number}"))
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).read(true).mode(MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

fn last_byte(file: &mut File) -> io::Result<u8> {
    let mut last = [0; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last[0])
}
