//! Passive health: tables, properties, threads, and a service of which one endpoint fails fast.
//! What is random must come from a seed that is printed where something does not hold.

mod simulation;
mod table;

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Percent;

use super::{EjectionPolicy, Member, Watch};

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn percent_of(percent: u32) -> Percent {
    Percent::whole(percent as u8).unwrap()
}

fn watch(policy: EjectionPolicy, endpoints: usize) -> Watch {
    Watch::new(policy, (0..endpoints).map(|_| Arc::new(Member::default())), None)
}
