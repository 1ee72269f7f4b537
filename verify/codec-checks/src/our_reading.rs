//! The messages that `mesher-codec` finds in a byte string, one after the other, as a connection would read them.
//! It must not judge them.

use mesher_codec::{BodyDecoder, Framing, Piece, Progress, Refusal, RequestHead, ResponseHead, TargetForm};

use crate::message::{Ending, Fields, Message, Reading, Start, add_field};

/// Reads requests until one is refused, says that it is the last, is cut, or asks for a tunnel.
#[must_use]
pub fn read_requests(input: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let mut rest = input;
    while !reading.is_over && !rest.is_empty() {
        let Some((head, after)) = read_request(&mut reading, rest) else { return reading };
        rest = after;
        let asks_for_tunnel = head.form() == TargetForm::Authority;
        reading.is_over |= head.is_last() || asks_for_tunnel;
        if asks_for_tunnel {
            reading.refusal = Some("a tunnel is asked for".to_owned());
        }
    }
    reading
}

/// Reads the first request only.
#[must_use]
pub fn read_first_request(input: &[u8]) -> Reading {
    let mut reading = Reading::default();
    reading.is_over = read_request(&mut reading, input).is_some();
    reading
}

/// Reads one request; `None` where its head is not whole or is refused. Returns it with what follows.
fn read_request<'b>(reading: &mut Reading, input: &'b [u8]) -> Option<(RequestHead, &'b [u8])> {
    let mut head = RequestHead::default();
    match head.parse(input) {
        Ok(Progress::Partial) => None,
        Err(refusal) => {
            reading.refusal = Some(refusal.to_string());
            None
        }
        Ok(Progress::Complete(consumed)) => {
            let rest = input.get(consumed..).unwrap_or_default();
            let rest = read_body(reading, request_message(&head), head.framing(), rest);
            Some((head, rest))
        }
    }
}

/// Reads the interim responses to one request and the final one.
#[must_use]
pub fn read_responses(input: &[u8], answers_head: bool) -> Reading {
    let mut reading = Reading::default();
    let mut rest = input;
    while !reading.is_over {
        let mut head = ResponseHead::default();
        match head.parse(rest, answers_head) {
            Ok(Progress::Partial) => return reading,
            Err(refusal) => {
                reading.refusal = Some(refusal.to_string());
                return reading;
            }
            Ok(Progress::Complete(consumed)) => {
                rest = rest.get(consumed..).unwrap_or_default();
                let message = response_message(&head);
                reading.is_over = !head.is_interim() || head.status() == 101;
                rest = read_body(&mut reading, message, head.framing(), rest);
            }
        }
    }
    reading
}

/// Reads the body of `message` from the front of `input` and returns what follows it.
fn read_body<'b>(reading: &mut Reading, mut message: Message, framing: Framing, input: &'b [u8]) -> &'b [u8] {
    let mut decoder = BodyDecoder::new(framing);
    let mut body = Vec::new();
    let (used, end) = decode(&mut decoder, input, &mut body);
    message.ending = match end {
        Ok(true) => Ending::Whole,
        Ok(false) if decoder.end_of_input() => Ending::Whole,
        Ok(false) => Ending::Cut,
        Err(refusal) => Ending::Refused(refusal.to_string()),
    };
    message.body = body;
    message.trailers = trailer_fields(decoder.trailers());
    reading.is_over |= message.ending != Ending::Whole;
    let rest = input.get(used..).unwrap_or_default();
    reading.untouched = rest.len();
    reading.messages.push(message);
    rest
}

/// Decodes until the body ends or the input does. Returns how many bytes were used, and whether the body ended.
pub fn decode(decoder: &mut BodyDecoder, input: &[u8], body: &mut Vec<u8>) -> (usize, Result<bool, Refusal>) {
    let mut used = 0;
    loop {
        let rest = input.get(used..).unwrap_or_default();
        match decoder.next(rest) {
            Err(refusal) => return (used, Err(refusal)),
            Ok((more, piece)) => {
                assert!(more <= rest.len(), "more was used than there is");
                used += more;
                match piece {
                    Piece::End => return (used, Ok(true)),
                    Piece::Pending => {
                        assert_eq!(used, input.len(), "a body that goes on uses all of its input");
                        return (used, Ok(false));
                    }
                    Piece::Data(data) => {
                        assert!(!data.is_empty(), "a piece without bytes");
                        body.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

fn request_message(head: &RequestHead) -> Message {
    let path = match (head.form(), head.path_and_query()) {
        (TargetForm::Authority, _) => None,
        // Only `OPTIONS` has it: the target names no path, and asks about the whole server.
        (TargetForm::Absolute, "*") => Some("/".to_owned()),
        (_, query) if query.starts_with('?') => Some(format!("/{query}")),
        (_, path) => Some(path.to_owned()),
    };
    let named = head.authority().filter(|_| head.form() == TargetForm::Absolute);
    let authority = named.map(|authority| (authority.host.to_owned(), authority.port));
    let start = Start::Request { version: head.version(), method: head.method().to_owned(), path, authority };
    message(start, head.fields(), head.framing())
}

fn response_message(head: &ResponseHead) -> Message {
    message(Start::Response(head.status()), head.fields(), head.framing())
}

fn message<'h>(start: Start, lines: impl Iterator<Item = (&'h str, &'h [u8])>, framing: Framing) -> Message {
    let mut fields = Fields::new();
    lines.for_each(|(name, value)| add_field(&mut fields, name, value));
    let length = match framing {
        Framing::Empty => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    };
    Message { start, fields, length, body: Vec::new(), trailers: Fields::new(), ending: Ending::Cut }
}

/// The trailer lines of a decoder as fields.
#[must_use]
pub fn trailer_fields(lines: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b": ").unwrap_or(value);
        add_field(&mut fields, &String::from_utf8_lossy(name), value);
    }
    fields
}
