//! Rule documents of `mesher/v1`: what people write, what the control plane keeps, what travels to proxies.
//! It must not decide anything: what a rule does to a call is `mesher-traffic`'s.
//!
//! | file | holds |
//! |---|---|
//! | `document` | the frame that all kinds share |
//! | `words` | names, places, spans of time: text with a grammar |
//! | `route`, `timeout`, `egress` | one kind each |
//! | `matches` | what a rule of a route asks of a call |
//! | `sticky` | what calls of one user have in common |
//! | `filters` | what it does with that call |
//! | `bounds` | checks of what was just read |
//! | `schema` | what editors are told of them |
//! | `change` | how documents changed: history, answers, diagnostics |
//! | `link` | what control plane and proxy say to each other |

mod bounds;
mod change;
mod document;
mod egress;
mod filters;
pub mod link;
mod matches;
mod route;
#[cfg(feature = "schema")]
mod schema;
mod sticky;
mod timeout;
mod words;

pub use change::{
    Action, Base, Behind, Change, Checked, Convergence, Diagnostic, Documents, PlannedStep, RuleRow, Severity,
};
pub use document::{API_VERSION, Document, Kind, Metadata, Rule, RuleKey, Target};
pub use egress::{Egress, EgressRule, Host, Otherwise, Way};
pub use filters::{
    DirectResponse, Filter, FilterKind, HeaderLine, HeaderModifier, PathModifier, RequestMirror,
    RequestRedirect, Scheme, UrlRewrite,
};
pub use matches::{CallMatch, FieldMatch, PathKind, PathMatch, SourceMatch, ValueKind};
pub use route::{Backend, Fallback, Route, RouteRule, Subset};
pub use sticky::Sticky;
pub use timeout::{RouteTimeouts, Timeout};
pub use words::{Cidr, Name, ServiceName, Span, WordError};

#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod tests;
