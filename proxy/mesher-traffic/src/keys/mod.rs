//! Keys of a configuration server: ServiceComb's words for what rule documents say.
//! Nothing here may fail for what a key says: what cannot be used is told, and all else holds.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | what all keys say together, and what a service gets of it |
//! | `sorted` | keys by what they are about |
//! | `timeout` | `request.timeout` |
//! | `route_rule` | `routeRule`, `globalRouteRule`: lists of rules, of both SDKs |
//! | `matching` | which calls a rule is about: `match`, `matchGroup`, `sourceTemplate` |
//! | `operators` | how a value is compared: `exact`, `regex`, `compare` and the others |
//! | `ways` | conditions of which one, or all, have to hold |
//! | `dark_launch` | `darklaunch.policy`: groups of versions, in JSON |
//! | `plan` | rules as they are read, and what becomes of them |
//! | `yaml` | YAML text, with the place of what is wrong with it |

mod dark_launch;
mod matching;
mod operators;
mod plan;
mod route_rule;
mod rules;
mod sorted;
mod timeout;
mod ways;
mod yaml;

pub use rules::KeyRules;

#[cfg(test)]
mod tests;
