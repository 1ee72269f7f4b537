//! Messages and descriptors between two processes of one user, over a Unix socket at a path.
//! It must trust nobody but this user and root, and must hold no message larger than the receiver's bound.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};

/// Only the owner may connect.
const MODE: u32 = 0o600;
/// The bits by which others than the owner may put files into a folder.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Bytes of a message's length, which stands before it.
const LENGTH_BYTES: usize = 4;

/// Why there is no channel at a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// Others could put a socket of theirs there.
    #[error("{folder} can be written by others; name a socket in a folder of your own, with mode 0700")]
    OpenFolder {
        /// The folder.
        folder: String,
    },
    /// Somebody else answers, or asks.
    #[error("the process at the other end is of user {uid}, this one of another")]
    Stranger {
        /// That user.
        uid: u32,
    },
    /// The system does not let us.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A socket at a path, at which others of this user ask. Dropped, it takes the path away, unless another has it.
#[derive(Debug)]
pub struct Doorway {
    listener: UnixListener,
    path: PathBuf,
    /// Device and number of our own socket's file.
    file: (u64, u64),
}

impl Doorway {
    /// Listens at `path`, in the place of whatever was there.
    ///
    /// # Errors
    /// [`ChannelError`]; whoever named the path can mend it.
    pub fn open(path: &Path) -> Result<Self, ChannelError> {
        check_folder(path)?;
        // Made beside the path and moved there, so that at no moment there is none, or one that others may use.
        let mut own = path.as_os_str().to_owned();
        own.push(format!(".{}", std::process::id()));
        let own = PathBuf::from(own);
        // One of an earlier process with our number.
        let _ = std::fs::remove_file(&own);
        let listener = UnixListener::bind(&own)?;
        let placed = std::fs::set_permissions(&own, std::fs::Permissions::from_mode(MODE))
            .and_then(|()| std::fs::metadata(&own))
            .and_then(|file| std::fs::rename(&own, path).map(|()| (file.dev(), file.ino())));
        match placed {
            Ok(file) => Ok(Self { listener, path: path.to_owned(), file }),
            Err(error) => {
                let _ = std::fs::remove_file(&own);
                Err(error.into())
            }
        }
    }

    /// The next that asks.
    ///
    /// # Errors
    /// [`ChannelError::Stranger`], or the system's.
    pub async fn accept(&self) -> Result<Channel, ChannelError> {
        let (stream, _) = self.listener.accept().await?;
        Channel { stream }.of_this_user()
    }
}

impl Drop for Doorway {
    fn drop(&mut self) {
        let is_ours = |file: std::fs::Metadata| (file.dev(), file.ino()) == self.file;
        if std::fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            // Left behind, it would only be found to lead nowhere.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// One conversation.
#[derive(Debug)]
pub struct Channel {
    stream: UnixStream,
}

impl Channel {
    /// Asks whoever listens at `path`; `None` where nobody does.
    ///
    /// # Errors
    /// [`ChannelError`]
    pub async fn connect(path: &Path) -> Result<Option<Self>, ChannelError> {
        check_folder(path)?;
        match UnixStream::connect(path).await {
            Ok(stream) => Self { stream }.of_this_user().map(Some),
            // No file, or one whose process ended without taking it away.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn of_this_user(self) -> Result<Self, ChannelError> {
        let uid = self.stream.peer_cred()?.uid();
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            Ok(self)
        } else {
            Err(ChannelError::Stranger { uid })
        }
    }

    /// Leaves the runtime, for [`Self::resume`] in another one.
    ///
    /// # Errors
    /// The system's.
    pub fn pause(self) -> io::Result<std::os::unix::net::UnixStream> {
        self.stream.into_std()
    }

    /// Enters this runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        Ok(Self { stream: UnixStream::from_std(stream)? })
    }

    /// Sends a message, with a descriptor of which the other process gets a duplicate.
    ///
    /// # Errors
    /// The system's; the conversation is over.
    pub async fn send(&self, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?.to_be_bytes();
        let bytes = [&length, message].concat();
        let mut rest = bytes.as_slice();
        let mut descriptor = descriptor;
        while !rest.is_empty() {
            let sent = self
                .stream
                .async_io(Interest::WRITABLE, || send_some(&self.stream, rest, descriptor))
                .await?;
            // It went out with the first byte.
            descriptor = None;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(())
    }

    /// Receives a message of at most `limit` bytes, with its descriptor where one came.
    ///
    /// # Errors
    /// `UnexpectedEof` where the other process is gone, `InvalidData` where the message is too large, or the system's.
    pub async fn receive(&self, limit: usize) -> io::Result<(Vec<u8>, Option<OwnedFd>)> {
        let mut descriptor = None;
        let mut length = [0; LENGTH_BYTES];
        self.fill(&mut length, &mut descriptor).await?;
        let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| io::ErrorKind::InvalidData)?;
        if length > limit {
            let reason = format!("a message of {length} bytes; at most {limit} are taken");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let mut message = vec![0; length];
        self.fill(&mut message, &mut descriptor).await?;
        Ok((message, descriptor))
    }

    /// Reads exactly as much as there is room for: what follows may carry another message's descriptor.
    async fn fill(&self, room: &mut [u8], descriptor: &mut Option<OwnedFd>) -> io::Result<()> {
        let mut filled = 0;
        while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let received = self
                .stream
                .async_io(Interest::READABLE, || receive_some(&self.stream, rest, descriptor))
                .await?;
            if received == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += received;
        }
        Ok(())
    }
}

fn send_some(stream: &UnixStream, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.as_slice();
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(stream.as_fd(), &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

fn receive_some(stream: &UnixStream, room: &mut [u8], descriptor: &mut Option<OwnedFd>) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(stream.as_fd(), &mut [IoSliceMut::new(room)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            // One for each message; others are closed as they are dropped.
            *descriptor = came.last().or(descriptor.take());
        }
    }
    Ok(received.bytes)
}

/// A socket where others may put one of theirs could be theirs.
fn check_folder(path: &Path) -> Result<(), ChannelError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = std::fs::metadata(folder)
        .map_err(|error| io::Error::new(error.kind(), format!("the folder {}: {error}", folder.display())))?;
    let is_own = found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw();
    if is_own && found.mode() & WRITABLE_BY_OTHERS == 0 {
        Ok(())
    } else {
        Err(ChannelError::OpenFolder { folder: folder.display().to_string() })
    }
}
