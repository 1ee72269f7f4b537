//! One exchange between a caller's connection and a callee's: a request, interim answers, a final answer or a switch.
//! It must see bytes and heads only, and must call a connection usable again only where its message ended for certain.

mod transfer;

pub use transfer::Transfer;

use crate::response::Downstream;
use crate::{Framing, Refusal, RequestHead, ResponseHead, Version, gate};

/// Interim responses of one exchange that are passed on.
pub const INTERIM_MAX: u8 = 32;

/// What became of a response head.
#[derive(Debug, Clone, Copy)]
pub enum Heard {
    /// An interim one; the final one is still to come. It is passed on where the caller's version knows such a thing.
    Interim {
        /// Whether the caller gets it.
        passes: bool,
    },
    /// The final one, and how it is written for the caller.
    Final(Downstream),
    /// Both sides have agreed on another protocol: from here on every byte passes both ways, until each side ends.
    Switch,
}

/// How far an exchange has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// No final answer yet.
    #[default]
    Asked,
    /// The final answer is on its way.
    Answered,
    /// Another protocol is spoken.
    Switched,
}

/// One exchange. The request's head must have been parsed; the sender of the bytes owns all buffers.
#[derive(Debug, Default)]
pub struct Conversation {
    /// The request's body, towards the callee.
    pub request: Transfer,
    /// The answer's body, towards the caller.
    pub response: Transfer,
    stage: Stage,
    interim_count: u8,
    asks_upgrade: bool,
    is_last_downstream: bool,
    is_last_upstream: bool,
}

impl Conversation {
    /// Begins with a request whose body has at most `body_bytes_max` bytes.
    #[must_use]
    pub fn begin(request: &RequestHead, body_bytes_max: u64) -> Self {
        Self {
            request: Transfer::new(request.framing(), request.framing()).limited_to(body_bytes_max),
            asks_upgrade: request.upgrade().is_some(),
            is_last_downstream: request.is_last(),
            ..Self::default()
        }
    }

    /// Takes a response head. `is_closing` says that the caller's connection shall end with this exchange in any case.
    ///
    /// # Errors
    /// The callee answers what nobody asked, or too much of it: its connection is of no further use.
    pub fn hear(
        &mut self,
        request: &RequestHead,
        response: &ResponseHead,
        is_closing: bool,
    ) -> Result<Heard, Refusal> {
        match response.status() {
            101 => self.switch(request, response),
            100..200 => self.take_interim(request.version()),
            _ => Ok(Heard::Final(self.answer(request, response, is_closing))),
        }
    }

    /// Nothing the caller sent after its request has left before this point (RFC 9110 §7.8).
    fn switch(&mut self, request: &RequestHead, response: &ResponseHead) -> Result<Heard, Refusal> {
        if !self.asks_upgrade {
            return Err(Refusal::UnaskedUpgrade);
        }
        if !response.switches() || !agrees_to_what_was_asked(request, response) {
            return Err(Refusal::BadSwitch);
        }
        self.stage = Stage::Switched;
        self.request = Transfer::new(Framing::UntilClose, Framing::UntilClose);
        self.response = Transfer::new(Framing::UntilClose, Framing::UntilClose);
        Ok(Heard::Switch)
    }

    fn take_interim(&mut self, version: Version) -> Result<Heard, Refusal> {
        self.interim_count += 1;
        if self.interim_count > INTERIM_MAX {
            return Err(Refusal::TooManyInterim);
        }
        Ok(Heard::Interim { passes: version == Version::Http11 })
    }

    /// A caller whose request was not read to its end gets its answer, and then the end of the connection: what it still
    /// sends could not be told from a next request. The same holds where an upgrade was asked for and not granted.
    fn answer(&mut self, request: &RequestHead, response: &ResponseHead, is_closing: bool) -> Downstream {
        let framing = response.framing_for(request.version());
        self.stage = Stage::Answered;
        self.is_last_downstream |=
            is_closing || framing == Framing::UntilClose || self.asks_upgrade || !self.request.is_read();
        self.is_last_upstream = response.is_last() || self.asks_upgrade;
        self.response = Transfer::new(response.framing(), framing);
        Downstream { version: request.version(), is_last: self.is_last_downstream }
    }

    /// Whether an interim answer was passed on or dropped.
    #[must_use]
    pub const fn has_heard_interim(&self) -> bool {
        self.interim_count > 0
    }

    /// Whether request and answer are read and encoded to their ends.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Answered && self.request.is_encoded() && self.response.is_encoded()
    }

    /// Whether the caller's connection can carry a further request.
    #[must_use]
    pub fn keeps_downstream(&self) -> bool {
        self.is_over() && !self.is_last_downstream
    }

    /// Whether the callee's connection can carry a further request. `has_more` says that bytes came after the answer:
    /// nobody asked for them, and nobody may take them for an answer.
    #[must_use]
    pub fn keeps_upstream(&self, has_more: bool) -> bool {
        self.is_over() && !self.is_last_upstream && !has_more
    }
}

/// Whether a response names protocols, and only such as the request named (RFC 9110 §7.8).
fn agrees_to_what_was_asked(request: &RequestHead, response: &ResponseHead) -> bool {
    let asked = request.upgrade().unwrap_or_default();
    let is_asked = |protocol: &[u8]| gate::protocols(asked).any(|other| other.eq_ignore_ascii_case(protocol));
    let lines = response.fields().filter(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    let mut agreed = lines.flat_map(|(_, value)| gate::protocols(value)).peekable();
    agreed.peek().is_some() && agreed.all(is_asked)
}

#[cfg(test)]
mod tests;
