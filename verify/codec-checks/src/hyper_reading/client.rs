//! hyper as a client: the responses that its HTTP/1 connection takes from the input, to one request.
//! It must send the same request always, but for the method that decides how the answer is framed.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};

use super::drive::drive;
use super::observe;
use super::wire::Wire;
use crate::message::{Ending, Fields, Message, Reading, Start};

/// What was written down so far. Its lock is never contended: hyper wants to be able to send it elsewhere.
type Notes = Arc<Mutex<Reading>>;

/// Reads the interim responses and the final one to a `GET` or a `HEAD`.
#[must_use]
pub fn read_responses(input: &[u8], answers_head: bool) -> Reading {
    let mut hands = pin!(handshake::<_, Empty<Bytes>>(Wire::for_client(input)));
    let (sender, connection) = match drive(|context| hands.as_mut().poll(context)) {
        Some(Ok(hands)) => hands,
        other => unreachable!("hyper's handshake does nothing on the wire: {}", other.is_some()),
    };
    let notes = Notes::default();
    let unread = exchange(sender, connection, answers_head, &notes);
    let mut reading = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    reading.untouched = unread;
    reading.is_over = true;
    reading
}

/// Drives both ends until neither goes on. Returns how many bytes were left.
fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    mut connection: Connection<Wire<'_>, Empty<Bytes>>,
    answers_head: bool,
    notes: &Notes,
) -> usize {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = if answers_head { Method::HEAD } else { Method::GET };
    hyper::ext::on_informational(&mut request, {
        let notes = Arc::clone(notes);
        move |response| note_interim(&notes, response.status(), response.headers())
    });
    let mut call = pin!(note_final(sender.send_request(request), Arc::clone(notes)));
    let mut is_answered = false;
    let mut is_closed = false;
    drive(|context| {
        is_answered = is_answered || call.as_mut().poll(context).is_ready();
        is_closed = is_closed || connection.poll_without_shutdown(context).is_ready();
        if is_closed && is_answered { Poll::Ready(()) } else { Poll::Pending }
    });
    let parts = connection.into_parts();
    parts.read_buf.len() + parts.io.unread()
}

async fn note_final(answer: impl Future<Output = hyper::Result<Response<Incoming>>>, notes: Notes) {
    let notes = || notes.lock().unwrap_or_else(PoisonError::into_inner);
    match answer.await {
        Err(error) => notes().refusal = Some(observe::reason(&error)),
        Ok(response) => {
            let (head, body) = response.into_parts();
            let start = Start::Response(head.status.as_u16());
            notes().messages.push(observe::message(start, &head.headers, &body));
            observe::read_body(body, |part| {
                if let Some(message) = notes().messages.last_mut() {
                    part.note(message);
                }
            })
            .await;
        }
    }
}

fn note_interim(notes: &Notes, status: StatusCode, headers: &HeaderMap) {
    let message = Message {
        start: Start::Response(status.as_u16()),
        fields: observe::fields(headers),
        length: Some(0),
        body: Vec::new(),
        trailers: Fields::new(),
        ending: Ending::Whole,
    };
    notes.lock().unwrap_or_else(PoisonError::into_inner).messages.push(message);
}
