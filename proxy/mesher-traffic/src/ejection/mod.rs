//! Health: which endpoints of a service are passed over, for what became of the calls that they took, or for what checks say
//! of them. It must never leave a service without endpoints: no more than a share of them is, and where too few are left all
//! are used.
//!
//! | file | holds |
//! |---|---|
//! | `member` | one endpoint: what became of its calls, whether it is ejected |
//! | `policy` | what a rule says |
//! | `review` | endpoints compared with each other |
//! | `watch` | all endpoints of a service: who is ejected, and how many may be |

mod member;
mod policy;
mod review;
mod watch;

pub use member::{Cause, Member, MemberTold};
pub use policy::{CheckRule, EjectionPolicy, HealthRule, Question, SlowerThan, SuccessRate};
pub use watch::Watch;

#[cfg(test)]
mod tests;
