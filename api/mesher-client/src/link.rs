//! The native link to the control plane: a web socket, opened with what the client is known by.
//! It must not keep itself alive: whoever holds it decides when silence is too long, and what comes after its end.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use mesher_model::rule::link::{CONTROL_MESSAGE_BYTES_MAX, ControlSays, ProxySays};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::transport::{call, escape};
use crate::{ClientError, ControlClient};

/// Room for what is read at once, in bytes. Held for as long as the link is open.
const READ_BUFFER: usize = 4 * 1024;
/// How long the control plane may take for one message.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// An open link.
#[derive(Debug)]
pub struct Link {
    socket: WebSocketStream<TokioIo<Upgraded>>,
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
        let key = generate_key();
        let mut call = call(Method::GET, format!("/mesher/v1/proxies/{}/link", escape(id)));
        call.fields = vec![
            (header::CONNECTION, "upgrade".to_owned()),
            (header::UPGRADE, "websocket".to_owned()),
            (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
            (header::SEC_WEBSOCKET_KEY, key.clone()),
        ];
        let upgraded = self.transport.upgrade(&call, |answer| {
            let accepted = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT);
            answer.status() == StatusCode::SWITCHING_PROTOCOLS
                && accepted.is_some_and(|accepted| *accepted == derive_accept_key(key.as_bytes()))
        });
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(CONTROL_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(CONTROL_MESSAGE_BYTES_MAX));
        let upgraded = TokioIo::new(upgraded.await?);
        Ok(Link { socket: WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await })
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
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(text.as_str())
                .map(Heard::Says)
                .map_err(|error| LinkEnd::Garbage(error.to_string())),
            // A ping is answered by the socket itself, with the next message or flush.
            Some(Ok(Message::Ping(_))) => {
                let flushed = self.socket.flush().await;
                flushed.map(|()| Heard::Alive).map_err(|error| LinkEnd::Broken(error.to_string()))
            }
            Some(Ok(Message::Pong(_))) => Ok(Heard::Alive),
            Some(Ok(Message::Close(Some(frame)))) => {
                Err(LinkEnd::Closed { code: frame.code.into(), reason: frame.reason.as_str().to_owned() })
            }
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                Err(LinkEnd::Garbage("messages are text".to_owned()))
            }
            Some(Ok(Message::Close(None))) | None => Err(LinkEnd::Broken("it was closed".to_owned())),
            Some(Err(error)) => Err(LinkEnd::Broken(error.to_string())),
        }
    }
}
