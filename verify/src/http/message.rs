//! One message: its head, the framing of its body, what follows it.
//! It must hold what came, and judge nothing of it.

/// How the length of a body was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// A head, as it came.
#[derive(Debug, Clone)]
pub struct Head {
    /// The first line.
    pub line: String,
    /// Names, in lower case, with their values, in the order in which they came.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The status of an answer; 0 where the line has none.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The first value of a field; empty where it is absent.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn framing(&self, is_answer: bool, method: &str) -> Framing {
        let status = self.status();
        let is_bodiless = method == "HEAD" || matches!(status, 100..=199 | 204 | 304);
        if is_answer && is_bodiless {
            Framing::Empty
        } else if self.field("transfer-encoding").eq_ignore_ascii_case("chunked") {
            Framing::Chunked
        } else if !self.field("content-length").is_empty() {
            Framing::Length
        } else if is_answer {
            Framing::UntilClose
        } else {
            Framing::Empty
        }
    }
}

/// A whole message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its head.
    pub head: Head,
    /// How its body was framed.
    pub framing: Framing,
    /// Its body.
    pub body: Vec<u8>,
    /// Fields after the body.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The first value of a field; empty where it is absent.
    pub fn field(&self, name: &str) -> &str {
        self.head.field(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
