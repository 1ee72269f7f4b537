//! One proxy as the control plane sees it: a web socket that says hello and accepts whatever comes.
//! It must answer at once: what is measured is the way there and the control plane, not a proxy's work.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};
use mesher_verify::http::Wire;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::frames::Frames;

/// Status of a handshake that was accepted.
const SWITCHING_PROTOCOLS: u16 = 101;
/// Begins a message that tells of keys.
const KEYS: &str = "keys";
/// First byte of a whole text message (RFC 6455, 5.2).
const TEXT: u8 = 0x81;
/// Of the second byte: what follows is masked. All that a client sends has to be.
const MASKED: u8 = 0x80;
/// The longest message whose length stands in the second byte.
const SHORT_MAX: usize = 125;
/// Says that the length stands in the two bytes that follow.
const LONG: u8 = 126;
/// A mask that changes nothing.
const NO_MASK: [u8; 4] = [0; 4];

/// A linked proxy.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    frames: Frames,
}

/// What a message says of itself.
#[derive(Deserialize)]
struct Head {
    say: String,
    /// Keys have none: nobody waits for an answer to them.
    #[serde(default)]
    nonce: u64,
    revision: u64,
}

/// An update that came.
pub(super) struct Came {
    pub(super) revision: u64,
    pub(super) bytes: usize,
}

impl Peer {
    /// Opens a link that wants the rules of one service.
    pub(super) fn link(address: SocketAddr, number: usize, service: &str) -> Result<Self> {
        let mut wire = Wire::open(address)?;
        let path = format!("/mesher/v1/proxies/proxy-{number:05}/link");
        wire.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))?;
        let (head, _) = wire.answer_head("GET")?;
        ensure!(head.status() == SWITCHING_PROTOCOLS, "no link: {head:?}");
        let (stream, input) = wire.into_parts();
        let mut frames = Frames::default();
        ensure!(frames.count(&input)? == 0, "it heard something before it said hello");
        let mut peer = Self { stream, frames };
        let caller = format!("caller-{number:05}");
        let hello = json!({"say": "hello", "format": 1, "row": {"service": caller, "app": "default"},
            "kinds": ["Route", "Timeout"], "targets": [{"env": "", "app": "default", "service": service}],
            "serving": 0, "epoch": "", "keys": {"project": "default", "labels": label_sets(&caller)}});
        peer.say(&hello)?;
        peer.stream.set_nonblocking(true)?;
        Ok(peer)
    }

    /// Takes what came, and accepts it.
    pub(super) fn take(&mut self, scratch: &mut [u8]) -> Result<Vec<Came>> {
        let count = self.stream.read(scratch)?;
        ensure!(count > 0, "the link was closed");
        let mut heads = Vec::new();
        self.frames.each(scratch.get(..count).unwrap_or_default(), |message| {
            heads.push((serde_json::from_slice::<Head>(message), message.len()));
        })?;
        let mut came = Vec::new();
        for (head, bytes) in heads {
            let Head { say, nonce, revision } = head.context("a message that is none of a control plane")?;
            if say == KEYS {
                continue;
            }
            self.say(&json!({"say": "accepted", "nonce": nonce, "serving": revision}))?;
            came.push(Came { revision, bytes });
        }
        Ok(came)
    }

    fn say(&mut self, message: &Value) -> Result<()> {
        Ok(self.stream.write_all(&frame(message.to_string().as_bytes()))?)
    }
}

/// The labels that a proxy asks for the keys of: in the words of Go and of Java, with and without environment and version.
fn label_sets(service: &str) -> Vec<Value> {
    let mut sets = Vec::new();
    for (app, name) in [("appId", "serviceName"), ("app", "service")] {
        sets.push(json!({app: "default", "environment": ""}));
        sets.push(json!({app: "default", name: service}));
        sets.push(json!({app: "default", name: service, "environment": ""}));
        sets.push(json!({app: "default", name: service, "version": "0.0.1"}));
        sets.push(json!({app: "default", name: service, "environment": "", "version": "0.0.1"}));
    }
    sets
}

/// A whole message of a client.
pub(super) fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![TEXT];
    match u8::try_from(payload.len()) {
        Ok(length) if payload.len() <= SHORT_MAX => frame.push(MASKED | length),
        _ => {
            frame.push(MASKED | LONG);
            let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&NO_MASK);
    frame.extend_from_slice(payload);
    frame
}
