//! The control plane over a real socket, as clients and browsers meet it.
//! It must not wait for time: the clock is the test's, and ports are the system's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the lints' exception for tests does not reach the helpers of an integration suite"
)]

mod access;
mod any_request;
mod audit;
mod bad_input;
mod browsers;
mod cluster;
mod config_center;
mod connections;
mod descriptions;
mod doubts;
mod exposure;
mod find;
mod java_chassis_3;
mod kept;
mod kie;
mod kie_bounds;
mod kie_waits;
mod mesh;
mod page;
mod registry;
mod registry_rows;
mod rows;
mod rule_blanks;
mod rule_faults;
mod rules;
mod socket;
mod support;
mod tls;
mod watch;
