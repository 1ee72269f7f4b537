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
}

impl AuditFile {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Self::open_with(folder, FILE_BYTES_MAX)
    }

    pub(super) fn open_with(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let path = folder.join(NAME);
        let (mut file, mut length) = open(&path)?;
        // A line that a crash cut short must not swallow the next.
        if length > 0 && last_byte(&mut file)? != b'\n' {
            file.write_all(b"\n")?;
            length += 1;
        }
        Ok(Self { path, file, length, bytes_max })
    }

    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        let bytes = line.len() as u64 + 1;
        if self.length > 0 && self.length + bytes > self.bytes_max {
            self.rotate()?;
        }
        // One call, so that the line is whole for whoever reads along.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.length += bytes;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        for number in (1..OLDER_MAX).rev() {
            match fs::rename(self.older(number), self.older(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.older(1))?;
        (self.file, self.length) = open(&self.path)?;
        Ok(())
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
