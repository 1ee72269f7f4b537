//! Rule documents of `mesher/v1`: what people write, what the control plane keeps, what travels to proxies.
//! It must not decide anything: what a rule does to a call is `mesher-traffic`'s.
//!
//! | file | holds |
//! |---|---|
//! | `document` | the frame that all kinds share |
//! | `kinds` | the list of all kinds |
//! | `words`, `percent` | names, places, spans of time, parts of a hundred: text with a grammar |
//! | `route`, `timeout`, `egress`, `retry`, `breaker`, `balance`, `bulkhead`, `health`, `rate_limit`, `fault`, `fallback` | one kind each |
//! | `active_health` | what `health` says of checks |
//! | `hedge` | when a Retry begins a second try beside the first |
//! | `status` | statuses, one by one or with `x` for any digit |
//! | `side` | whose proxy carries a rule out |
//! | `matches` | what a rule of a route asks of a call |
//! | `sticky` | what calls of one user have in common |
//! | `filters` | what it does with that call |
//! | `bounds` | checks of what was just read |
//! | `schema` | what editors are told of them |
//! | `change` | how documents changed: history, answers, diagnostics |
//! | `link` | what control plane and proxy say to each other |

mod active_health;
mod balance;
mod bounds;
mod breaker;
mod bulkhead;
mod change;
mod document;
mod egress;
mod fallback;
mod fault;
mod filters;
mod health;
mod hedge;
mod kinds;
pub mod link;
mod matches;
mod percent;
mod rate_limit;
mod retry;
mod route;
#[cfg(feature = "schema")]
mod schema;
mod side;
mod status;
mod sticky;
mod timeout;
mod words;

pub use active_health::ActiveHealth;
pub use balance::{
    Balance, BalanceStrategy, HashOn, Preferred, RetryAfter, SESSION_NAME, SessionKind, SessionPersistence,
    WEIGHT_PROPERTY, ZonePreference,
};
pub use breaker::{Breaker, BreakerMode};
pub use bulkhead::{AdaptiveConcurrency, Bulkhead};
pub use change::{
    Action, Base, Behind, Change, Checked, Convergence, Diagnostic, Documents, PlannedStep, RuleRow, Severity,
};
pub use document::{API_VERSION, Document, Metadata, RuleKey, Target};
pub use egress::{Egress, EgressRule, Host, Otherwise, Way};
pub use fallback::Fallback;
pub use fault::{Fault, FaultAbort, FaultDelay, FaultRule, SlowBody};
pub use filters::{
    DirectResponse, FieldFault, Filter, FilterKind, HeaderLine, HeaderModifier, PathModifier, RequestMirror,
    RequestRedirect, Scheme, UrlRewrite, check_field_name, check_field_value,
};
pub use health::{Health, PassiveHealth};
pub use hedge::Hedge;
pub use kinds::{Kind, Rule};
pub use matches::{CallMatch, FieldMatch, PathKind, PathMatch, SourceMatch, ValueKind};
pub use percent::Percent;
pub use rate_limit::{Limit, Per, RateLimit, Scope};
pub use retry::{Retry, RetryBudget};
pub use route::{Backend, Route, RouteFallback, RouteRule, Subset};
pub use side::Side;
pub use status::StatusPattern;
pub use sticky::Sticky;
pub use timeout::{RouteTimeouts, Timeout};
pub use words::{Cidr, Name, ServiceName, Span, WordError};

#[cfg(test)]
mod balance_tests;
#[cfg(test)]
mod fallback_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod health_tests;
#[cfg(test)]
mod rate_limit_tests;
#[cfg(test)]
mod tests;
