//! Reads one answer as a client does and checks its status and its length.
//! It must take nothing for an answer that is not exactly what the backend gave.

use thiserror::Error;

/// Fields of an answer's head.
const FIELDS_MAX: usize = 32;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What was wrong with an answer.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Fault {
    #[error("the answer has no proper head")]
    Head,
    #[error("status {code} instead of 200 {said}")]
    Status {
        code: u16,
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
    pub(crate) fn take(&mut self, bytes: &[u8], length: usize) -> Result<bool, Fault> {
        let (mut left, came) = match self.body {
            Some(left) => (left, bytes.len()),
            None => match self.begin(bytes, length)? {
                Some(came) => (length, came),
                None => return Ok(false),
            },
        };
        left = left.checked_sub(came).ok_or(Fault::Excess)?;
        self.body = (left > 0).then_some(left);
        Ok(left == 0)
    }

    /// Reads the head. Returns how much of the body came with its end.
    fn begin(&mut self, bytes: &[u8], length: usize) -> Result<Option<usize>, Fault> {
        if self.head.is_empty() {
            let size = read_head(bytes, length)?;
            if size.is_none() {
                self.head.extend_from_slice(bytes);
            }
            return Ok(size.map(|size| bytes.len() - size));
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() > HEAD_BYTES_MAX + length {
            return Err(Fault::Head);
        }
        let size = read_head(&self.head, length)?;
        let came = size.map(|size| self.head.len() - size);
        if came.is_some() {
            self.head.clear();
        }
        Ok(came)
    }
}

/// The size of a whole head that promises a body of `length`.
fn read_head(bytes: &[u8], length: usize) -> Result<Option<usize>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let size = match head.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Fault::Head),
    };
    let code = head.code.unwrap_or_default();
    if code != 200 {
        let said = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("proxy-status"));
        let said = said.map(|field| String::from_utf8_lossy(field.value).into_owned()).unwrap_or_default();
        return Err(Fault::Status { code, said });
    }
    let promised = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let promised = promised.and_then(|field| std::str::from_utf8(field.value).ok()?.trim().parse().ok());
    if promised != Some(length) {
        return Err(Fault::Length { found: promised, wanted: length });
    }
    Ok(Some(size))
}
