//! The native link to the control plane: a web socket, opened with what the client is known by.
//! It must not keep itself alive: whoever holds it decides when silence is too long, and what comes after its end.

use std::time::Duration;

use futures_util::SinkExt as _;
use mesher_model::rule::link::{CONTROL_MESSAGE_BYTES_MAX, ControlSays, ProxySays};
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::transport::escape;
use crate::web_socket::{self, Room, Socket};
use crate::{ClientError, ControlClient};

/// Room for what is read at once, in bytes. Held for as long as the link is open.
const READ_BUFFER: usize = 4 * 1024;
/// How long the control plane may take for one message.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// An open link.
#[derive(Debug)]
pub struct Link {
    socket: Socket,
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkEnd {
    /// The control plane closed it and said why.
    #[error("the control plane closed the link: {reason} ({code})")]
    Closed {
        /// The close code (RFC 6455 §7.4).
        code: u16,
        /// Its words.
        reason: String,
    },
    /// The connection broke.
    #[error("the link broke: {0}")]
    Broken(String),
    /// A message that is none of the link's.
    #[error("the control plane said what cannot be read: {0}")]
    Garbage(String),
}

/// What was heard.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A message.
    Says(ControlSays),
    /// A sign of life.
    Alive,
}

impl ControlClient {
    /// Opens the link of the proxy with this id. The first word is the proxy's.
    ///
    /// # Errors
    /// [`ClientError`]; one that does not know the path is no control plane of ours.
    pub async fn link(&self, id: &str) -> Result<Link, ClientError> {
        let path = format!("/mesher/v1/proxies/{}/link", escape(id));
        let room = Room { read_buffer: READ_BUFFER, message_max: CONTROL_MESSAGE_BYTES_MAX };
        Ok(Link { socket: web_socket::open(&self.transport, path, room).await? })
    }
}

impl Link {
    /// Says something.
    ///
    /// # Errors
    /// [`LinkEnd`]; the link is of no use then.
    pub async fn say(&mut self, says: &ProxySays) -> Result<(), LinkEnd> {
        // Messages are plain data, of which serde can write all.
        let text = serde_json::to_string(says).unwrap_or_default();
        match tokio::time::timeout(WRITE_TIME_MAX, self.socket.send(Message::text(text))).await {
            Ok(sent) => sent.map_err(|error| LinkEnd::Broken(error.to_string())),
            Err(_) => Err(LinkEnd::Broken("it takes nothing any more".to_owned())),
        }
    }

    /// Waits for what the control plane says next. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// [`LinkEnd`]
    pub async fn hear(&mut self) -> Result<Heard, LinkEnd> {
        Ok(match web_socket::next(&mut self.socket).await? {
            Some(text) => {
                let says = serde_json::from_str(&text);
                Heard::Says(says.map_err(|error| LinkEnd::Garbage(error.to_string()))?)
            }
            None => Heard::Alive,
        })
    }
}
