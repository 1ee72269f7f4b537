//! hyper as a server: the requests that its HTTP/1 connection takes from the input.
//! It must answer every request the same way, so that the answer decides nothing.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;

use mesher_codec::Version;

use super::drive::drive;
use super::observe;
use super::wire::Wire;
use crate::message::{Message, Reading, Start};

type Answer = Pin<Box<dyn Future<Output = Result<Response<Empty<Bytes>>, Infallible>>>>;

/// Reads requests, `only_first` or until hyper refuses one, closes, or the input ends.
#[must_use]
pub fn read_requests(input: &[u8], only_first: bool) -> Reading {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn({
        let seen = Rc::clone(&seen);
        move |request| -> Answer { Box::pin(note(Rc::clone(&seen), request)) }
    });
    let mut builder = Builder::new();
    builder.half_close(true).keep_alive(!only_first).auto_date_header(false).header_read_timeout(None);
    let mut connection = builder.serve_connection(Wire::for_server(input), service);
    let end = drive(|context| connection.poll_without_shutdown(context));
    let parts = connection.into_parts();
    Reading {
        messages: seen.take(),
        refusal: end.and_then(Result::err).map(|error| observe::reason(&error)),
        untouched: parts.read_buf.len() + parts.io.unread(),
        is_over: true,
    }
}

async fn note(
    seen: Rc<RefCell<Vec<Message>>>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let start = start(&head.method, &head.uri, head.version);
    let index = seen.borrow().len();
    seen.borrow_mut().push(observe::message(start, &head.headers, &body));
    observe::read_body(body, |part| {
        if let Some(message) = seen.borrow_mut().get_mut(index) {
            part.note(message);
        }
    })
    .await;
    // A success would open the tunnel that a `CONNECT` asks for.
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(response)
}

fn start(method: &Method, uri: &Uri, version: http::Version) -> Start {
    let is_old = version == http::Version::HTTP_10;
    let is_tunnel = *method == Method::CONNECT;
    // Taken apart: only then hyper writes the path that a query alone leaves out.
    let path = uri.query().map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()));
    let named = uri.authority().filter(|_| !is_tunnel);
    let host = |authority: &http::uri::Authority| {
        authority.host().trim_start_matches('[').trim_end_matches(']').to_owned()
    };
    Start::Request {
        version: if is_old { Version::Http10 } else { Version::Http11 },
        method: method.to_string(),
        path: (!is_tunnel).then_some(path),
        authority: named.map(|authority| (host(authority), authority.port_u16())),
    }
}
