//! Why the strict gate refused a message.
//! It must not know of HTTP statuses' bodies or of connections: one table elsewhere turns a refusal into an answer.

/// A message that was refused. The side that sent it is to blame, and its connection cannot be used further:
/// where the next message begins is no longer known.
///
/// The names are also the reason codes of the metric that counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The start line does not have its three parts, or a byte that cannot be there.
    #[error("the request line or status line is malformed")]
    StartLine,
    /// The method is longer than [`crate::METHOD_BYTES_MAX`].
    #[error("the method is too long")]
    MethodTooLong,
    /// The version is none of HTTP/1.0 and HTTP/1.1.
    #[error("the HTTP version is not supported; HTTP/1.0 and HTTP/1.1 are")]
    Version,
    /// The status is not 100 to 999.
    #[error("the status code is not a number from 100 to 999")]
    Status,
    /// The target is longer than [`crate::TARGET_BYTES_MAX`].
    #[error("the request target is longer than 16 KiB")]
    TargetTooLong,
    /// The target holds a fragment, user information, a raw non-ASCII byte or `%00`, or has no form that is allowed.
    #[error("the request target is malformed")]
    Target,
    /// A field's name is no token, is empty, or has white space before its colon.
    #[error("a header field name is malformed")]
    FieldName,
    /// A field's value holds a control character.
    #[error("a header field value holds a control character")]
    FieldValue,
    /// A line ends with LF alone, or CR stands alone.
    #[error("a line does not end with CRLF")]
    LineEnd,
    /// There are more fields than [`crate::HeadLimits`] allow.
    #[error("there are too many header fields")]
    TooManyFields,
    /// The head is larger than [`crate::HeadLimits`] allow.
    #[error("the head is too large")]
    HeadTooLarge,
    /// `Host` is missing, repeated, empty or malformed.
    #[error("exactly one well-formed Host field is needed")]
    Host,
    /// `Content-Length` is repeated or is no plain number.
    #[error("Content-Length must be given once, as a plain decimal number")]
    ContentLength,
    /// Both `Content-Length` and `Transfer-Encoding` are there.
    #[error("Content-Length and Transfer-Encoding exclude each other")]
    LengthAndCoding,
    /// `Transfer-Encoding` is repeated, malformed, or given on HTTP/1.0.
    #[error("Transfer-Encoding must be given once, as \"chunked\", on HTTP/1.1")]
    TransferEncoding,
    /// A transfer coding other than `chunked`.
    #[error("only the transfer coding \"chunked\" is supported")]
    UnknownCoding,
    /// An expectation other than `100-continue`.
    #[error("only the expectation \"100-continue\" is supported")]
    Expectation,
    /// A chunk's size, its line or its end is malformed.
    #[error("the chunked body is malformed")]
    Chunk,
    /// A trailer field is malformed, forbidden, or the section is too large.
    #[error("the trailer section is malformed or larger than 16 KiB")]
    Trailer,
    /// The bytes are those of another protocol.
    #[error("this is no HTTP/1 message")]
    NotHttp,
    /// More than the allowed number of interim responses.
    #[error("too many interim responses")]
    TooManyInterim,
    /// A response switches protocols although nobody asked.
    #[error("the response switches protocols although nobody asked for it")]
    UnaskedUpgrade,
    /// A response switches protocols without saying which, to one that was not asked for, or with a body.
    #[error("the response switches protocols in a malformed way")]
    BadSwitch,
    /// A request that asks for another protocol has a body, asks twice, or is a WebSocket handshake and no GET.
    #[error("an upgrade is asked for once, without a body, and that to WebSocket with GET")]
    Upgrade,
    /// The body is larger than allowed.
    #[error("the body is larger than allowed")]
    BodyTooLarge,
    /// The sender ended before its body did.
    #[error("the message ended before its body did")]
    BodyTruncated,
    /// `X-Forwarded-For` has more entries than [`crate::FORWARDED_COUNT_MAX`].
    #[error("X-Forwarded-For has more than 50 entries")]
    TooManyForwarded,
}

impl Refusal {
    /// The reason code, for metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::StartLine => "start_line",
            Self::MethodTooLong => "method_too_long",
            Self::Version => "version",
            Self::Status => "status",
            Self::TargetTooLong => "target_too_long",
            Self::Target => "target",
            Self::FieldName => "field_name",
            Self::FieldValue => "field_value",
            Self::LineEnd => "line_end",
            Self::TooManyFields => "too_many_fields",
            Self::HeadTooLarge => "head_too_large",
            Self::Host => "host",
            Self::ContentLength => "content_length",
            Self::LengthAndCoding => "length_and_coding",
            Self::TransferEncoding => "transfer_encoding",
            Self::UnknownCoding => "unknown_coding",
            Self::Expectation => "expectation",
            Self::Chunk => "chunk",
            Self::Trailer => "trailer",
            Self::NotHttp => "not_http",
            Self::TooManyInterim => "too_many_interim",
            Self::UnaskedUpgrade => "unasked_upgrade",
            Self::BadSwitch => "bad_switch",
            Self::Upgrade => "upgrade",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTruncated => "body_truncated",
            Self::TooManyForwarded => "too_many_forwarded",
        }
    }
}
