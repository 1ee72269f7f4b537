//! Why a call goes where it goes: what is asked, and what a proxy answers, from the code that decides.
//! It must hold no value of a header field, cookie or query of a real call: those are often secrets.

mod text;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::DEFAULT;

/// A call that nobody has to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// The host that the application would call: a service, `SERVICE.APPLICATION.app`, an outside host; with a port where
    /// one is wanted.
    pub to: String,
    /// The method; `GET` where it is empty.
    pub method: String,
    /// The path, with a query where there is one; `/` where it is empty.
    pub path: String,
    /// Header fields.
    pub headers: Vec<HeaderField>,
    /// The address that the application would call from; loopback where it is absent.
    pub address: Option<IpAddr>,
}

/// Who would make a call, and which. Body of `POST /mesher/v1/explain`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The service that calls.
    pub from: Caller,
    /// The call.
    pub question: Question,
}

/// A service that calls, through a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Caller {
    /// Its name.
    pub service: String,
    /// Its application.
    pub app: String,
    /// Its environment.
    pub env: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self { service: String::new(), app: DEFAULT.to_owned(), env: String::new() }
    }
}

/// A header field of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeaderField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What a proxy says of a call: one that it handled, or one that nobody has to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Explanation {
    /// The proxy that says it.
    pub proxy: Teller,
    /// The call itself; absent where none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallFacts>,
    /// `outbound` or `inbound`, seen from the application.
    pub direction: String,
    /// What was asked for.
    pub request: RequestFacts,
    /// The number of the snapshot, local to the proxy.
    pub snapshot: u64,
    /// The revision of the rules that the proxy serves with; 0 for none.
    pub rules_revision: u64,
    /// Where the host leads.
    pub destination: Destination,
    /// Documents and keys that speak about the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Said>,
    /// The rules of the route that holds, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleTold>,
    /// What the rule that decided made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChoiceTold>,
    /// What stands between the call and its endpoint: limits, breakers, faults, in the order in which it meets them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardTold>,
    /// How long the call may take to the head of its answer, in milliseconds, where a rule bounds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The endpoints of the service, those that may take the call first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointTold>,
    /// Endpoints beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub endpoints_left_out: u64,
    /// Every try of the call, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<Try>,
    /// What comes of it, in a sentence.
    pub conclusion: String,
    /// Further notes, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Teller {
    /// Its id.
    pub id: String,
    /// The application of the service beside it.
    pub app: String,
    /// The environment of that service.
    pub env: String,
    /// That service.
    pub service: String,
    /// Its version.
    pub version: String,
}

/// A call that was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallFacts {
    /// Its id, as in the access log.
    pub id: String,
    /// When it began, RFC 3339 with milliseconds.
    pub at: String,
    /// How long it took, in milliseconds.
    pub elapsed_ms: f64,
    /// The status that the caller got; absent for a flow, and where no answer was sent.
    pub status: Option<u16>,
    /// What failed; absent where it was answered.
    pub failure: Option<FailureFacts>,
    /// Who called, as far as it is known.
    pub from: String,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body.
    pub response_bytes: u64,
}

/// What failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureFacts {
    /// `downstream`, `upstream` or `local`.
    pub side: String,
    /// As in the metric `mesher_failures_total`.
    pub kind: String,
    /// A sentence about it.
    pub detail: String,
}

/// What was asked for, without what is behind a `?`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestFacts {
    /// `http1` or `tcp`.
    pub protocol: String,
    /// The method; empty for a flow.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path; empty for a flow.
    pub path: String,
}

/// Where a host leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Destination {
    /// `service`, `outside`, `local` (the application beside the proxy), or `nowhere`.
    pub kind: String,
    /// The service, or the outside host.
    pub name: String,
}

/// A rule that may refuse a call, hold it up, or make it fail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardTold {
    /// The handler that carries it out.
    pub handler: String,
    /// The document, as its kind and name, or the key.
    pub rule: String,
    /// How it stands now: `closed`, `3 of 10 calls`, …
    pub state: String,
    /// Whether it refuses the call, or makes it fail.
    pub refuses: bool,
}

/// A document or a key that speaks about the service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Said {
    /// The document's kind; of a key, the kind of document that says the same.
    pub kind: String,
    /// The document's name, or the key.
    pub name: String,
    /// `document`, `kie` or `config-center`.
    pub source: String,
    /// The revision that the document was last changed at; 0 for a key.
    pub revision: u64,
    /// What it is about: the service, or `*`.
    pub service: String,
    /// What is taken in its place; absent where it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadowed_by: Option<String>,
}

impl Said {
    /// The [`source`](Self::source) of documents.
    pub const DOCUMENT: &str = "document";
}

/// What one rule says of the call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleTold {
    /// Its name, or its number.
    pub name: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why its matches do not hold, each with its first part that the call does not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<Missed>,
    /// Matches beyond those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub misses_left_out: u64,
}

/// What becomes of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the first that is about the call.
    Decides,
    /// It is about the call, and one before it decides.
    Shadowed,
    /// It is not about the call.
    #[default]
    Differs,
}

/// The first part of a match that the call does not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Missed {
    /// The part, in the words of documents.
    pub part: String,
    /// What the call has in its place.
    pub found: String,
}

/// What a rule made of the call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChoiceTold {
    /// The route.
    pub route: String,
    /// Its rule.
    pub rule: String,
    /// The part of the service that takes the call, in words.
    pub subset: String,
    /// The weight of that part.
    pub weight: u32,
    /// The sum of all weights.
    pub total: u32,
    /// Who takes the call where that part has no instance: `Any` or `None`.
    pub fallback: String,
}

/// One endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndpointTold {
    /// Its address.
    pub address: String,
    /// The instance; empty where it has no id.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// What becomes of it.
    pub standing: Standing,
    /// That in words.
    pub why: String,
}

/// What becomes of an endpoint, the best first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It takes the call.
    Chosen,
    /// It may take the call.
    Eligible,
    /// It may take the call where there is no better one.
    Suspect,
    /// It may not take the call.
    #[default]
    Excluded,
}

/// One try of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Try {
    /// The endpoint.
    pub address: String,
    /// Its instance; empty where it has no id.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// When it began, in milliseconds since the call began.
    pub began_ms: f64,
    /// How long it took to the head of an answer or to its failure, in milliseconds; of a try that was answered, to the end
    /// of the call.
    pub elapsed_ms: f64,
    /// What failed; absent where it was answered.
    pub failure: Option<FailureFacts>,
}

/// A call that a proxy remembers. Item of `GET /mesher/v1/calls`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallRow {
    /// The proxy that handled it.
    pub proxy: Teller,
    /// `outbound` or `inbound`.
    pub direction: String,
    /// What was asked for.
    pub request: RequestFacts,
    /// The call.
    pub call: CallFacts,
}

/// Which remembered calls are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFilter {
    /// Only those that failed, or were answered by 500 or more.
    pub only_failed: bool,
    /// At most so many, the newest.
    pub limit: u64,
}

/// The part of a call's id that names the proxy which gave it: 24 bits in front.
///
/// Whoever looks for a call asks only proxies whose ids lead to the same number.
#[must_use]
pub fn proxy_tag(proxy: &str) -> u32 {
    // FNV-1a, folded to 24 bits. Source: http://www.isthe.com/chongo/tech/comp/fnv/ ("xor-folding").
    let hash =
        proxy.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 24) ^ (hash & 0x00ff_ffff)
}

/// The proxy's part of a call's id, as people write it: 16 hexadecimal digits; `None` where it is no id.
#[must_use]
pub fn tag_of_call(id: &str) -> Option<u32> {
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { u32::from_str_radix(id.get(..6)?, 16).ok() } else { None }
}

#[cfg(test)]
mod tests;
