//! Web sockets to the control plane, opened with what the client is known by.
//! It must not know what is said on them.

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::ClientError;
use crate::link::LinkEnd;
use crate::transport::{Transport, call};

/// An open socket.
pub(crate) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// How much room a socket takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// For what is read at once, in bytes. Held for as long as the socket is open.
    pub(crate) read_buffer: usize,
    /// The longest message, in bytes.
    pub(crate) message_max: usize,
}

/// Opens the socket at a path.
pub(crate) async fn open(transport: &Transport, path: String, room: Room) -> Result<Socket, ClientError> {
    let key = generate_key();
    let mut call = call(Method::GET, path);
    call.fields = vec![
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
        (header::SEC_WEBSOCKET_KEY, key.clone()),
    ];
    let upgraded = transport.upgrade(&call, |answer| {
        let accepted = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        answer.status() == StatusCode::SWITCHING_PROTOCOLS
            && accepted.is_some_and(|accepted| *accepted == derive_accept_key(key.as_bytes()))
    });
    let config = WebSocketConfig::default()
        .read_buffer_size(room.read_buffer)
        .write_buffer_size(0)
        .max_message_size(Some(room.message_max))
        .max_frame_size(Some(room.message_max));
    let upgraded = TokioIo::new(upgraded.await?);
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}

/// Waits for the next text; `None` is a sign of life. May be dropped and called again: nothing is lost.
pub(crate) async fn next(socket: &mut Socket) -> Result<Option<String>, LinkEnd> {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        // A ping is answered by the socket itself, with the next message or flush.
        Some(Ok(Message::Ping(_))) => {
            let flushed = socket.flush().await;
            flushed.map(|()| None).map_err(|error| LinkEnd::Broken(error.to_string()))
        }
        Some(Ok(Message::Pong(_))) => Ok(None),
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
