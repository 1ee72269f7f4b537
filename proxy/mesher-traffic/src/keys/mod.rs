//! Keys of a configuration server: ServiceComb's words for what rule documents say.
//! Nothing here may fail for what a key says: what cannot be used is told, and all else holds.
//!
//! | file | holds |
//! |---|---|
//! | `rules` | what all keys say |
//! | `answer` | what a service gets of it |
//! | `sorted` | keys by what they are about |
//! | `timeout` | `request.timeout` |
//! | `items` | keys that say one thing each, of a service or of all |
//! | `balance` | `loadbalance`: strategies, sessions, zones |
//! | `route_rule` | `routeRule`, `globalRouteRule`: lists of rules, of both SDKs |
//! | `matching` | which calls a rule is about: `match`, `matchGroup`, `sourceTemplate` |
//! | `last_good` | what becomes of a key whose value cannot be used |
//! | `named` | last good values of match groups and source templates |
//! | `operators` | how a value is compared: `exact`, `regex`, `compare` and the others |
//! | `ways` | conditions of which one, or all, have to hold |
//! | `rate_limiting` | `rateLimiting`, `identifierRateLimiting`: permits of periods, rates |
//! | `flow_control` | `flowcontrol`: calls in a second |
//! | `fault_injection` | `faultInjection`, and the older `governance.….policy.fault` |
//! | `dark_launch` | `darklaunch.policy`: groups of versions, in JSON |
//! | `governed` | what all of Java's governance has in common: `KIND.NAME` beside `matchGroup.NAME` |
//! | `breaker`, `bulkhead` | `circuitBreaker.NAME`, `instanceIsolation.NAME`, `bulkhead.NAME`, `instanceBulkhead.NAME` |
//! | `commands` | `isolation`, `circuitBreaker`, `fallback` of a side, as Hystrix had them |
//! | `retry`, `time_limiter`, `mapper` | one of its kinds each |
//! | `tries`, `isolation` | `loadbalance`: further tries, instances that are passed over |
//! | `values` | numbers and spans of time |
//! | `plan` | rules as they are read, and what becomes of them |
//! | `yaml` | YAML text, with the place of what is wrong with it |

mod answer;
mod balance;
mod breaker;
mod bulkhead;
mod commands;
mod dark_launch;
mod fault_injection;
mod flow_control;
mod governed;
mod isolation;
mod items;
mod last_good;
mod mapper;
mod matching;
mod named;
mod operators;
mod plan;
mod rate_limiting;
mod retry;
mod route_rule;
mod rules;
mod sorted;
mod time_limiter;
mod timeout;
mod tries;
mod values;
mod ways;
mod yaml;

pub use rules::{About, KeyRules, Own};

#[cfg(test)]
mod tests;
