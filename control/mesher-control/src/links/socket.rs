//! The web socket of a link, from its first message to its close.
//! It must not outlive a proxy that takes nothing or says nothing, and must answer what it cannot read with a reason.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use mesher_access::{Caller, Scope, Verb};
use mesher_config::Labels;
use mesher_model::rule::Target;
use mesher_model::rule::link::{
    CONTROL_MESSAGE_BYTES_MAX, ControlSays, FORMAT, KeyNews, PING, PROXY_MESSAGE_BYTES_MAX, ProxySays,
    SILENCE_MAX, UNKNOWN_FORMAT,
};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::hub::{Greeting, Links};
use super::keys::Interest;
use super::peer::Name;
use super::session::{Next, Over, Session};
use crate::configuration;
use crate::control::Control;

/// How long the first message may take.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a proxy may take for one message.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);
/// Room for what a proxy sends, in bytes. Held for as long as the socket is open.
const READ_BUFFER: usize = 1024;
/// Bound of what was written and is not sent yet.
const UNSENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The longest reason that a close frame carries, in bytes (RFC 6455, 5.5: 125 with the code).
const REASON_BYTES_MAX: usize = 120;

/// Both have said what there was to say (RFC 6455, 7.4.1).
const NORMAL: u16 = 1000;
/// The server ends (RFC 6455, 7.4.1).
const GOING_AWAY: u16 = 1001;
/// The peer sends what cannot be read (RFC 6455, 7.4.1).
const UNREADABLE: u16 = 1007;
/// The peer breaks a rule (RFC 6455, 7.4.1).
const POLICY: u16 = 1008;

/// Bounds of each socket, set before the handshake.
pub(crate) fn limit(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_BYTES_MAX)
        .max_message_size(PROXY_MESSAGE_BYTES_MAX)
        .max_frame_size(PROXY_MESSAGE_BYTES_MAX)
}

/// Why a socket ends.
enum End {
    /// The peer is gone, or takes nothing: there is nobody to tell.
    Gone,
    /// The peer is told why.
    Told(u16, String),
}

/// Whose link it is.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Of the proxy.
    pub(crate) id: String,
    /// What of the rules the caller's permission reaches; everything when absent.
    pub(crate) reach: Option<Scope>,
    /// Absent where access control is off.
    pub(crate) caller: Option<Caller>,
}

/// Serves one link until either side ends, or the caller's token counts no more.
pub(crate) async fn serve(control: &Control, guest: &Guest, mut socket: WebSocket) {
    let end = match timeout(HELLO_TIME_MAX, greet(control.links(), guest, &mut socket)).await {
        Ok(Ok(session)) => speak(control, guest, &session, &mut socket).await,
        Ok(Err(end)) => end,
        Err(_) => End::Told(POLICY, "no hello came".to_owned()),
    };
    if let End::Told(code, reason) = end {
        let cut = reason.floor_char_boundary(REASON_BYTES_MAX.min(reason.len()));
        let frame = CloseFrame { code, reason: reason.get(..cut).unwrap_or_default().into() };
        // A peer that does not take it loses the connection all the same.
        let _ = send(&mut socket, Message::Close(Some(frame))).await;
    }
}

/// Hears who speaks.
async fn greet(links: &Arc<Links>, guest: &Guest, socket: &mut WebSocket) -> Result<Session, End> {
    loop {
        let Some(text) = heard(socket.recv().await)? else { continue };
        let said = read(&text)?;
        let ProxySays::Hello { format, row, targets, serving, epoch, keys, .. } = said else {
            return Err(End::Told(POLICY, "the first message has to be a hello".to_owned()));
        };
        if format != FORMAT {
            return Err(End::Told(UNKNOWN_FORMAT, format!("this control plane speaks format {FORMAT}")));
        }
        let name = Name { environment: row.env, application: row.app, service: row.service };
        let greeting = Greeting { name, targets: guest.admitted(targets), serving, epoch, keys };
        return links.begin(&guest.id, greeting).map_err(|error| End::Told(POLICY, error.to_string()));
    }
}

/// Sends updates and hears answers.
async fn speak(control: &Control, guest: &Guest, session: &Session, socket: &mut WebSocket) -> End {
    let mut closing = control.watchers.closing();
    let mut last_heard = Instant::now();
    let mut ping = interval_at(last_heard + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let step = tokio::select! {
            next = session.next() => match next {
                Ok(Next::Update(update)) => tell(socket, &ControlSays::Update(update)).await,
                Ok(Next::Slices(slices)) => tell(socket, &ControlSays::Slices { slices }).await,
                Ok(Next::Moved) => tell(socket, &ControlSays::Moved).await,
                Ok(Next::Ask(number, ask)) => tell(socket, &ControlSays::Ask { number, ask }).await,
                Ok(Next::Keys(keys)) => match look(control, guest, &keys) {
                    Some(news) => tell_keys(socket, guest, news).await,
                    None => Ok(()),
                },
                Err(over @ Over::Replaced) => Err(End::Told(POLICY, over.to_string())),
                Err(over @ Over::Forgotten) => Err(End::Told(NORMAL, over.to_string())),
            },
            message = socket.recv() => {
                last_heard = Instant::now();
                heard(message).and_then(|text| text.map_or(Ok(()), |text| take(session, &text, guest)))
            }
            _ = ping.tick() => ask(socket, last_heard, control.is_admitted(guest.caller.as_ref())).await,
            () = told_to_close(&mut closing) => Err(End::Told(GOING_AWAY, "the server ends".to_owned())),
        };
        if let Err(end) = step {
            return end;
        }
    }
}

/// The keys that a proxy has to be told of; none where its account may read none, so that it keeps what it has.
fn look(control: &Control, guest: &Guest, keys: &Interest) -> Option<KeyNews> {
    let scope = match configuration::reach(control, guest.caller.as_ref(), Verb::Get) {
        Ok(scope) => scope,
        Err(error) => {
            tracing::warn!(proxy = guest.id, %error, "its account may read no keys");
            return None;
        }
    };
    let is_seen = |labels: &Labels| configuration::is_seen(scope.as_ref(), labels);
    Some(control.look_at_config(|all| keys.look(all, |record| is_seen(&record.labels))))
}

/// Done once the server ends, or is gone.
async fn told_to_close(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|is_closing| *is_closing).await;
}

async fn ask(socket: &mut WebSocket, last_heard: Instant, is_admitted: bool) -> Result<(), End> {
    if !is_admitted {
        return Err(End::Told(POLICY, "the token counts no more: log in again".to_owned()));
    }
    if last_heard.elapsed() >= SILENCE_MAX {
        return Err(End::Gone);
    }
    send(socket, Message::Ping(bytes::Bytes::new())).await
}

fn take(session: &Session, text: &str, guest: &Guest) -> Result<(), End> {
    match read(text)? {
        ProxySays::Accepted { nonce, .. } => session.accepted(nonce),
        ProxySays::Refused { nonce, reason, .. } => session.refused(nonce, reason),
        ProxySays::Subscribe { targets } => {
            let subscribed = session.subscribe(guest.admitted(targets));
            subscribed.map_err(|error| End::Told(POLICY, error.to_string()))?;
        }
        ProxySays::Demand { limits } => session.wants(limits),
        ProxySays::Told { number, answer } => session.told(number, *answer),
        ProxySays::Goodbye => {
            session.end();
            return Err(End::Gone);
        }
        ProxySays::Hello { .. } => return Err(End::Told(POLICY, "there was a hello already".to_owned())),
        // Of a later release.
        ProxySays::Unknown => {}
    }
    Ok(())
}

impl Guest {
    /// The targets that the caller's permission reaches. Others are as if there were no rules about them.
    fn admitted(&self, targets: Vec<Target>) -> Vec<Target> {
        let Some(scope) = &self.reach else { return targets };
        let (admitted, refused): (Vec<_>, Vec<_>) = targets
            .into_iter()
            .partition(|target| scope.admits(&target.environment, &target.application, target.name()));
        for target in refused {
            let Target { environment, application, service } = target;
            tracing::warn!(
                proxy = self.id,
                ?environment,
                ?application,
                ?service,
                "its account may not read these rules"
            );
        }
        admitted
    }
}

fn read(text: &str) -> Result<ProxySays, End> {
    serde_json::from_str(text).map_err(|error| End::Told(UNREADABLE, error.to_string()))
}

/// The text of a message, where it has one.
fn heard(message: Option<Result<Message, axum::Error>>) -> Result<Option<String>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(End::Told(UNREADABLE, "messages are text".to_owned())),
        Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
    }
}

async fn tell(socket: &mut WebSocket, says: &ControlSays) -> Result<(), End> {
    send(socket, Message::text(text(says))).await
}

/// Tells of keys, unless they are more than a proxy takes at once: it keeps what it has then.
async fn tell_keys(socket: &mut WebSocket, guest: &Guest, news: KeyNews) -> Result<(), End> {
    let text = text(&ControlSays::Keys(news));
    if text.len() <= CONTROL_MESSAGE_BYTES_MAX {
        return send(socket, Message::text(text)).await;
    }
    tracing::error!(
        proxy = guest.id,
        bytes = text.len(),
        limit = CONTROL_MESSAGE_BYTES_MAX,
        "the keys of a proxy are too many; it goes on with those it has"
    );
    Ok(())
}

/// Messages are plain data, of which serde can write all.
fn text(says: &ControlSays) -> String {
    serde_json::to_string(says).unwrap_or_default()
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(WRITE_TIME_MAX, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
