//! Reads one answer as a client does and checks its status and its length.
//! It must take nothing for an answer that is not exactly what the backend gave.

use thiserror::Error;

/// Fields of an answer's head.
const FIELDS_MAX: usize = 32;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const NOT_MODIFIED: u16 = 304;

/// What was wrong with an answer.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Fault {
    #[error("the answer has no proper head")]
    Head,
    #[error("status {code} instead of {wanted} {said}")]
    Status {
        code: u16,
        wanted: u16,
        /// The field `Proxy-Status`, where there is one.
        said: String,
    },
    #[error("a body of {found:?} bytes instead of {wanted}")]
    Length { found: Option<usize>, wanted: usize },
    #[error("bytes follow the answer")]
    Excess,
    #[error("the connection was closed")]
    Closed,
    #[error("the socket failed: {0}")]
    Socket(std::io::ErrorKind),
}

/// What an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) status: u16,
    /// Bytes of the body.
    pub(crate) length: usize,
}

impl Wanted {
    /// 200 with a body of `length`.
    pub(crate) const fn ok(length: usize) -> Self {
        Self { status: 200, length }
    }
}

/// An answer on its way.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// A head that is not whole yet.
    head: Vec<u8>,
    /// What is missing of the body, once the head is there.
    body: Option<usize>,
}

impl Answer {
    /// Takes what came. Returns whether the answer is whole; then it is ready for the next one.
    pub(crate) fn take(&mut self, bytes: &[u8], wanted: Wanted) -> Result<bool, Fault> {
        let (mut left, came) = match self.body {
            Some(left) => (left, bytes.len()),
            None => match self.begin(bytes, wanted)? {
                Some(came) => (wanted.length, came),
                None => return Ok(false),
            },
        };
        left = left.checked_sub(came).ok_or(Fault::Excess)?;
        self.body = (left > 0).then_some(left);
        Ok(left == 0)
    }

    /// Reads the head. Returns how much of the body came with its end.
    fn begin(&mut self, bytes: &[u8], wanted: Wanted) -> Result<Option<usize>, Fault> {
        if self.head.is_empty() {
            let size = read_head(bytes, wanted)?;
            if size.is_none() {
                self.head.extend_from_slice(bytes);
            }
            return Ok(size.map(|size| bytes.len() - size));
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() > HEAD_BYTES_MAX + wanted.length {
            return Err(Fault::Head);
        }
        let size = read_head(&self.head, wanted)?;
        let came = size.map(|size| self.head.len() - size);
        if came.is_some() {
            self.head.clear();
        }
        Ok(came)
    }
}

/// The size of a whole head that promises what is wanted.
fn read_head(bytes: &[u8], Wanted { status, length }: Wanted) -> Result<Option<usize>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let size = match head.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Fault::Head),
    };
    let code = head.code.unwrap_or_default();
    if code != status {
        let said = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("proxy-status"));
        let said = said.map(|field| String::from_utf8_lossy(field.value).into_owned()).unwrap_or_default();
        return Err(Fault::Status { code, wanted: status, said });
    }
    let promised = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let promised = promised.and_then(|field| std::str::from_utf8(field.value).ok()?.trim().parse().ok());
    // An answer without change needs no length: it never has a body (RFC 9110, 15.4.5).
    let promised = if code == NOT_MODIFIED { promised.or(Some(0)) } else { promised };
    if promised != Some(length) {
        return Err(Fault::Length { found: promised, wanted: length });
    }
    Ok(Some(size))
}
