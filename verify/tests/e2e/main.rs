//! The whole system on this machine: the real binary, real sockets, real processes.
//! It must link no product crate: what a user cannot see is not tested here.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the system is a failure of the test")]

mod access;
mod activation;
mod call;
mod churn;
mod command;
mod control_plane;
mod deadlines;
mod demo;
mod desync;
mod dialects;
mod disk;
mod doubts;
mod echo;
mod egress;
mod explain;
mod faults;
mod fields;
mod filters;
mod gateway_api;
mod guide;
mod guide_resilience;
mod injected;
mod instances;
mod ipv6;
mod kept;
mod keys;
mod limits;
mod loops;
mod metrics;
mod mirrors;
mod names;
mod outages;
mod own_handler;
mod programs;
mod registries;
mod replace;
mod requests;
mod retries;
mod rolling;
mod routing;
mod rule_faults;
mod rules;
mod settings;
mod sources;
mod start;
mod stop;
mod streaming;
mod tcp;
mod tls;
mod transfer;
mod upgrade;
mod watching;
