//! Writes down what hyper says of a message.
//! It must leave nothing out that another reader could have seen differently.

use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::message::{Ending, Fields, Message, Start, add_field};

/// A message whose body is still to be read.
pub(super) fn message(start: Start, headers: &HeaderMap, body: &Incoming) -> Message {
    Message {
        start,
        fields: fields(headers),
        length: body.size_hint().exact(),
        body: Vec::new(),
        trailers: Fields::new(),
        ending: Ending::Cut,
    }
}

/// The fields of a head or of trailers.
pub(super) fn fields(headers: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    headers.iter().for_each(|(name, value)| add_field(&mut fields, name.as_str(), value.as_bytes()));
    fields
}

/// Reads the whole body; `note` gets each piece as it comes, so that nothing is lost where the body never ends.
pub(super) async fn read_body(mut body: Incoming, mut note: impl FnMut(Part)) {
    loop {
        match body.frame().await {
            None => return note(Part::End(Ending::Whole)),
            Some(Err(error)) => return note(Part::End(Ending::Refused(reason(&error)))),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => note(Part::Data(data)),
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        note(Part::Trailers(fields(&trailers)));
                    }
                }
            },
        }
    }
}

/// A part of a body.
pub(super) enum Part {
    Data(bytes::Bytes),
    Trailers(Fields),
    End(Ending),
}

impl Part {
    /// Writes it down.
    pub(super) fn note(self, message: &mut Message) {
        match self {
            Self::Data(data) => message.body.extend_from_slice(&data),
            Self::Trailers(trailers) => message.trailers = trailers,
            Self::End(ending) => message.ending = ending,
        }
    }
}

/// An error with what caused it.
pub(super) fn reason(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
