//! How an invocation can go wrong: whose side, which kind, whether a further try is safe.
//! It must not know how a protocol words it: that is one table, in `respond`.

use std::borrow::Cow;
use std::time::Duration;

use mesher_codec::Refusal;
use mesher_traffic::Safety;

use crate::request::stand_in::StandInAnswer;

/// What a caller is told beside a failure, so that it knows when to come again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Advice {
    /// When a further call may pass: `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// Further header fields, each with its value.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// What it gets in place of the proxy's own answer.
    pub(crate) stand_in: Option<StandInAnswer>,
}

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The caller's.
    Downstream,
    /// The callee's, or that of the way there.
    Upstream,
    /// Ours: a rule, a limit, or something unknown here.
    Local,
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "downstream",
            Self::Upstream => "upstream",
            Self::Local => "local",
        }
    }
}

/// What went wrong. A closed list: these words are metric labels and the keys of the answer table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FailureKind {
    /// The request is malformed or ambiguous.
    BadRequest(Refusal),
    /// The method is not taken here.
    MethodNotAllowed,
    /// The head did not come in time.
    HeadTimeout,
    /// The body did not come, or the answer was not read, in time.
    Stalled,
    /// The name is no service's.
    UnknownService,
    /// The service does not declare the port that the caller named.
    UnknownPort,
    /// A rule refuses calls to the outside host.
    EgressRefused,
    /// The name of an outside host cannot be resolved.
    DnsError,
    /// The name of an outside host was not resolved in time.
    DnsTimeout,
    /// The call would come back to this proxy.
    Loop,
    /// No instance takes calls.
    NoEndpoint,
    /// The service was never asked for, and the registry cannot be asked now.
    RegistryAway,
    /// Too many names are known already, or too many look-ups wait.
    LookupLimit,
    /// No connection to the endpoint became free, or too many calls wait for one.
    PoolFull,
    /// The endpoint refused the connection.
    ConnectRefused,
    /// The endpoint did not accept a connection in time.
    ConnectTimeout,
    /// The peer closed or reset the connection.
    Terminated,
    /// The answer did not come in time.
    ResponseTimeout,
    /// What came is no answer.
    BadResponse(Refusal),
    /// The callee answered with a status that a rule takes for a failure.
    BadStatus(u16),
    /// A rule allows no more calls for now.
    RateLimited,
    /// A rule refuses calls because too many before them failed.
    BreakerOpen,
    /// As many calls are under way as a rule allows.
    BulkheadFull,
    /// The time that the caller gave the call was over before it began.
    DeadlineSpent,
    /// This proxy, or that of the callee, has too much to do itself.
    Overloaded,
    /// A handler of one's own refused the call with this status.
    Refused(u16),
    /// A rule wants this call to fail with this status.
    Injected(u16),
    /// A rule wants the connection of this call to break.
    InjectedReset,
    /// Another try of the same call was answered first. It never is what a call ends with.
    Cancelled,
    /// Something in this proxy broke.
    Internal,
}

impl FailureKind {
    /// Which message was refused and for which reason, where that is what happened.
    pub(crate) const fn refused(self) -> Option<(Message, &'static str)> {
        match self {
            Self::BadRequest(refusal) => Some((Message::Request, refusal.reason())),
            Self::MethodNotAllowed | Self::HeadTimeout => Some((Message::Request, self.as_str())),
            Self::BadResponse(refusal) => Some((Message::Response, refusal.reason())),
            _ => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::HeadTimeout => "head_timeout",
            Self::Stalled => "stalled",
            Self::UnknownService => "unknown_service",
            Self::UnknownPort => "unknown_port",
            Self::EgressRefused => "egress_refused",
            Self::DnsError => "dns_error",
            Self::DnsTimeout => "dns_timeout",
            Self::Loop => "loop",
            Self::NoEndpoint => "no_endpoint",
            Self::RegistryAway => "registry_away",
            Self::LookupLimit => "lookup_limit",
            Self::PoolFull => "pool_full",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Terminated => "terminated",
            Self::ResponseTimeout => "response_timeout",
            Self::BadResponse(_) => "bad_response",
            Self::BadStatus(_) => "bad_status",
            Self::RateLimited => "rate_limited",
            Self::BreakerOpen => "breaker_open",
            Self::BulkheadFull => "bulkhead_full",
            Self::DeadlineSpent => "deadline_spent",
            Self::Overloaded => "overloaded",
            Self::Refused(_) => "refused",
            Self::Injected(_) => "injected",
            Self::InjectedReset => "injected_reset",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// Whose message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Message {
    /// The caller's.
    Request,
    /// The callee's.
    Response,
}

impl Message {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// One failure, with a sentence for whoever called.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) side: Side,
    pub(crate) kind: FailureKind,
    pub(crate) safety: Safety,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) advice: Option<Box<Advice>>,
}

impl Failure {
    /// The same with something for the caller to go by.
    pub(crate) fn advising(self, advice: Advice) -> Self {
        Self { advice: Some(Box::new(advice)), ..self }
    }

    /// A failure of ours, before anything was sent. A further try would end alike.
    pub(crate) fn local(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { side: Side::Local, kind, safety: Safety::Spent, detail: detail.into(), advice: None }
    }

    /// Whether the endpoint, or the application behind it, took no connection.
    pub(crate) fn is_refused_connection(&self) -> bool {
        matches!(self.kind, FailureKind::ConnectRefused | FailureKind::ConnectTimeout)
    }

    /// A failure of the caller's.
    pub(crate) fn downstream(kind: FailureKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { side: Side::Downstream, kind, safety: Safety::Spent, detail: detail.into(), advice: None }
    }

    /// A failure of the callee's, or of the way there.
    pub(crate) fn upstream(kind: FailureKind, safety: Safety, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { side: Side::Upstream, kind, safety, detail: detail.into(), advice: None }
    }
}
