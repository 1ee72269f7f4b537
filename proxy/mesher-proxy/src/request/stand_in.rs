//! Answers that keys of ServiceComb ask for in place of a refusal of the proxy's own.
//! It must say nothing else than the SDKs do: clients compare these sentences.

use mesher_traffic::StandIn;

/// An answer in the words of the SDKs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandInAnswer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// The answer to a call of a service; `why` is the end of the SDKs' sentence.
pub(crate) fn of(stand_in: Option<StandIn>, service: &str, why: &str) -> Option<StandInAnswer> {
    Some(match stand_in? {
        StandIn::Nothing => StandInAnswer { status: 200, body: String::new() },
        StandIn::Exception => StandInAnswer { status: 503, body: format!("API {service}:: {why}") },
    })
}
