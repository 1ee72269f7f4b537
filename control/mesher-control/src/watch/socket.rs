//! One web socket, from its handshake to its close.
//! It must not outlive a peer that takes nothing or says nothing.

use std::future::Future;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::queue::TooSlow;

/// How often the server asks whether the peer is there. The original's value.
pub(crate) const PING: Duration = Duration::from_secs(30);
/// How long a peer may be silent: four pings. The original's value.
const MAX_SILENCE: Duration = Duration::from_secs(120);
/// How long a peer may take for one frame. The original's value.
const MAX_WRITE: Duration = Duration::from_secs(5);
/// The largest message of a client, in bytes: it has nothing to say. The original's value.
const MAX_MESSAGE: usize = 64;
/// The largest frame of a client: a ping or a pong carries up to 125 bytes (RFC 6455, 5.5).
const MAX_FRAME: usize = 125;
/// Room for what a client sends, in bytes. Held for as long as the socket is open.
const READ_BUFFER: usize = 512;
/// Bound of what was written and is not sent yet. One event is far below it.
const MAX_UNSENT: usize = 256 * 1024;

/// The server ends (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;
/// The peer should connect again, and look everything up (RFC 6455 registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// The peer breaks a rule; here, its token counts no more (RFC 6455, 7.4.1).
const POLICY: u16 = 1008;
/// The instance does not exist. Source: Service Center v4, heartbeat by web socket.
const NO_INSTANCE: u16 = 4001;

/// Where the messages of a socket come from.
pub(crate) trait Source: Send {
    /// The next one, once there is one. Cancelled, it has taken none.
    fn next(&mut self) -> impl Future<Output = Result<Utf8Bytes, TooSlow>> + Send;
}

/// Bounds of each socket, set before the handshake.
pub(crate) fn limit(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_UNSENT)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_FRAME)
}

/// Why a socket ends.
enum End {
    /// The peer is gone, or broke a rule: there is nobody to tell.
    Gone,
    /// The peer takes nothing of what is sent: it cannot be told.
    Stuck,
    /// The peer is told why.
    Told(u16, &'static str),
}

/// Sends what a source brings until either side ends, or `is_admitted`, asked with each ping, says no. Answers
/// whether the watcher was too slow.
pub(crate) async fn stream(
    mut socket: WebSocket,
    mut source: impl Source,
    is_admitted: impl Fn() -> bool,
    mut closing: watch::Receiver<bool>,
) -> bool {
    let mut peer = Peer::new(PING);
    let end = loop {
        let sent = tokio::select! {
            event = source.next() => match event {
                Ok(text) => send(&mut socket, Message::Text(text)).await,
                Err(_) => Err(End::Told(TRY_AGAIN_LATER, "too slow: connect again and look everything up")),
            },
            message = socket.recv() => peer.hear(message),
            _ = peer.ping.tick() => peer.ask(&mut socket, is_admitted()).await,
            () = told_to_close(&mut closing) => Err(End::Told(GOING_AWAY, "the server ends")),
        };
        if let Err(end) = sent {
            break end;
        }
    };
    drop(source);
    let is_slow = matches!(end, End::Stuck | End::Told(TRY_AGAIN_LATER, _));
    finish(socket, end).await;
    is_slow
}

/// Asks an instance each `pause` whether it is there, and calls `renew` for each answer until it says no, or
/// `is_admitted`, asked with each ping, does.
pub(crate) async fn beat(
    mut socket: WebSocket,
    pause: Duration,
    renew: impl Fn() -> bool,
    is_admitted: impl Fn() -> bool,
    mut closing: watch::Receiver<bool>,
) {
    let mut peer = Peer::new(pause);
    let end = loop {
        let sent = tokio::select! {
            message = socket.recv() => {
                let is_pong = matches!(message, Some(Ok(Message::Pong(_))));
                match peer.hear(message) {
                    Ok(()) if is_pong && !renew() => Err(End::Told(NO_INSTANCE, "instance does not exist")),
                    heard => heard,
                }
            }
            _ = peer.ping.tick() => peer.ask(&mut socket, is_admitted()).await,
            () = told_to_close(&mut closing) => Err(End::Told(GOING_AWAY, "the server ends")),
        };
        if let Err(end) = sent {
            break end;
        }
    };
    finish(socket, end).await;
}

/// Tells a watcher that its service is not there. Its text is what clients look for; no close frame follows (recorded).
pub(crate) async fn tell_unknown_service(mut socket: WebSocket) {
    // Whether it was read or not, the socket ends here.
    let _ = send(&mut socket, Message::text("service does not exist")).await;
}

/// Tells an instance that it is not there.
pub(crate) async fn end_unknown_instance(socket: WebSocket) {
    finish(socket, End::Told(NO_INSTANCE, "instance does not exist")).await;
}

/// When the peer was heard of, and when it is asked.
struct Peer {
    heard: Instant,
    ping: tokio::time::Interval,
}

impl Peer {
    fn new(pause: Duration) -> Self {
        let now = Instant::now();
        let mut ping = interval_at(now + pause, pause);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { heard: now, ping }
    }

    /// Takes note of a message; what it says does not matter.
    fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
            Some(Ok(_)) => {
                self.heard = Instant::now();
                Ok(())
            }
        }
    }

    async fn ask(&self, socket: &mut WebSocket, is_admitted: bool) -> Result<(), End> {
        if !is_admitted {
            return Err(End::Told(POLICY, "the token counts no more: log in again"));
        }
        if self.heard.elapsed() >= MAX_SILENCE {
            return Err(End::Gone);
        }
        send(socket, Message::Ping(bytes::Bytes::new())).await
    }
}

/// Done once the server ends, or is gone.
async fn told_to_close(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|is_closing| *is_closing).await;
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(MAX_WRITE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Stuck),
    }
}

async fn finish(mut socket: WebSocket, end: End) {
    if let End::Told(code, reason) = end {
        let frame = CloseFrame { code, reason: reason.into() };
        // A peer that does not take it loses the connection all the same.
        let _ = send(&mut socket, Message::Close(Some(frame))).await;
    }
}
