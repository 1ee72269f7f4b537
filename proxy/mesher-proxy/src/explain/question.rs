//! A call that nobody makes: read as a request would be, led down the chain by words alone.
//! It must reach no callee, and must be refused where the request itself would be.

use std::net::{IpAddr, Ipv4Addr};

use mesher_codec::{Progress, Refusal, RequestHead, TargetForm};
use mesher_model::explain::{Explanation, Question};
use mesher_traffic::{HeadView, Message, OwnAnswer};

use super::story;
use crate::bootstrap::PortProtocol;
use crate::handlers::fallback;
use crate::request::exchange::{any_field, message_of, operation_of};
use crate::request::failure::{Failure, FailureKind};
use crate::request::invocation::{Direction, Invocation, Protocol};
use crate::request::{respond, serve, target};
use crate::worker::Worker;

/// The request of a question.
struct Imagined {
    request: RequestHead,
    address: IpAddr,
}

impl HeadView for Imagined {
    fn message(&self) -> Option<Message<'_>> {
        Some(message_of(&self.request))
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        any_field(&self.request, name, holds)
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.request.names().for_each(see);
    }

    fn address(&self) -> Option<IpAddr> {
        Some(self.address)
    }
}

/// What would become of a call of the local application.
pub(super) async fn explain(worker: &Worker, question: &Question) -> Explanation {
    let address = question.address.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let request = match imagine(worker, question) {
        Ok(request) => request,
        Err(failure) => {
            let mut told =
                Explanation { direction: Direction::Outbound.as_str().to_owned(), ..Explanation::default() };
            told.request.host.clone_from(&question.to);
            told.conclusion = refusal(&failure);
            return told;
        }
    };
    let head = Imagined { request, address };
    let request = &head.request;
    let resolved = serve::outbound_target(worker, request).await;
    let (snapshot, target, failure) = target::or_nowhere(worker, resolved, PortProtocol::Rest);
    let row = worker.counters.borrow_mut().row_of_unknown(Direction::Outbound, Protocol::Http1);
    let mut call = Invocation::new(worker, snapshot, (Direction::Outbound, Protocol::Http1), target, row);
    call.refusal = failure;
    let mut told = story::begin(&call, operation_of(request));
    let chain = worker.chains.of(&call);
    let led = story::lead(chain, worker, (&mut call, &head), &mut told);
    told.conclusion = match (led, call.current_endpoint()) {
        (Err(failure), _) => fallback::foretell(&call, &failure).unwrap_or_else(|| refusal(&failure)),
        (Ok(()), _) if call.own_answer().is_some() => {
            let status = call.own_answer().map_or(0, OwnAnswer::status);
            format!("the proxy itself would answer {status}, as its rule says")
        }
        (Ok(()), Some(endpoint)) => match endpoint.version.as_ref() {
            "" => format!("it would go to {}", endpoint.address),
            version => format!("it would go to {}, version {version}", endpoint.address),
        },
        (Ok(()), None) => "it would go nowhere: no handler chose an endpoint".to_owned(),
    };
    told
}

/// The request, as the application would send it.
fn imagine(worker: &Worker, question: &Question) -> Result<RequestHead, Failure> {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let Question { to, headers, .. } = question;
    let (method, path) = (or(&question.method, "GET"), or(&question.path, "/"));
    let fields: String = headers.iter().map(|field| format!("{}: {}\r\n", field.name, field.value)).collect();
    let has_host = headers.iter().any(|field| field.name.eq_ignore_ascii_case("host"));
    let host = if has_host { String::new() } else { format!("Host: {to}\r\n") };
    let text = format!("{method} http://{to}{path} HTTP/1.1\r\n{host}{fields}\r\n");
    let mut parts =
        [to, &method, &path].into_iter().chain(headers.iter().flat_map(|one| [&one.name, &one.value]));
    let has_line_end = parts.any(|part| part.contains(['\r', '\n']));
    let mut request = RequestHead::limited_to(worker.limits().head);
    let malformed =
        |refusal: Refusal| Failure::downstream(FailureKind::BadRequest(refusal), refusal.to_string());
    match request.parse(text.as_bytes()) {
        Ok(Progress::Complete(_)) if has_line_end => {
            let detail = "no part of a request may hold the end of a line";
            Err(Failure::downstream(FailureKind::BadRequest(Refusal::StartLine), detail))
        }
        Ok(Progress::Complete(_)) if request.form() == TargetForm::Authority || request.is("TRACE") => {
            Err(Failure::downstream(FailureKind::MethodNotAllowed, format!("{method} is not taken here")))
        }
        Ok(Progress::Complete(_)) => Ok(request),
        Ok(Progress::Partial) => Err(malformed(Refusal::StartLine)),
        Err(refusal) => Err(malformed(refusal)),
    }
}

/// What a caller would be told.
fn refusal(failure: &Failure) -> String {
    let respond::Verdict { status, error, .. } = respond::verdict(failure.kind);
    let kind = failure.kind.as_str();
    format!("the caller would get {status} ({error}), for {kind}: {}", failure.detail)
}
