//! What a caller gets in place of a refusal, where keys of ServiceComb ask for their own answers.
//! It must not know why a call is refused: whoever refuses says so.

/// An answer in place of the proxy's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    /// `returnnull`: status 200 with nothing in it.
    Nothing,
    /// `throwexception`: status 503 with the sentence of the SDKs.
    Exception,
}
