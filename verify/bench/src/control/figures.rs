//! What a run found, and what has to be reached.
//! It must relate windows of one repetition only.

use serde::{Deserialize, Serialize};

use super::cost::Window;
use super::watchers::Told;
use crate::measure::{Summary, paired, summary};
use crate::report::{Bound, MEGABYTE, Target, short};
use crate::system::Facts;

pub(super) const STATIC: &str = "nginx, static 200";
pub(super) const BEAT: &str = "heartbeat";
pub(super) const UNCHANGED: &str = "find, unchanged: 304";
pub(super) const FOUND: &str = "find, 100 instances";
/// All kinds, in the order of the table.
pub(super) const KINDS: [&str; 4] = [STATIC, BEAT, UNCHANGED, FOUND];

/// A run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) facts: Facts,
    pub(super) versions: Vec<String>,
    pub(super) services: usize,
    pub(super) instances: usize,
    pub(super) repetitions: usize,
    pub(super) seconds: f64,
    /// Registrations of services a second.
    pub(super) service_rate: f64,
    /// Registrations of instances a second.
    pub(super) instance_rate: f64,
    /// Milliseconds of a registration of an instance: p50, p99.
    pub(super) registration: [f64; 2],
    /// Bytes right after the start.
    pub(super) memory_empty: u64,
    /// Bytes once all is registered, and after the other loads.
    pub(super) memory: u64,
    pub(super) memory_after_load: u64,
    /// Bytes after the restart, once it serves.
    pub(super) memory_restarted: u64,
    pub(super) windows: Vec<Window>,
    pub(super) told: Told,
    /// Seconds from the start with all records to the first answer.
    pub(super) restart: f64,
}

impl Figures {
    fn values(&self, kind: &str, of: impl Fn(&Window) -> f64) -> Vec<(usize, f64)> {
        let own = self.windows.iter().filter(|window| window.kind == kind && window.requests > 0);
        own.map(|window| (window.repetition, of(window))).collect()
    }

    /// A figure of one kind.
    pub(super) fn figure(&self, kind: &str, of: impl Fn(&Window) -> f64) -> Option<Summary> {
        summary(self.values(kind, of).into_iter().map(|(_, value)| value))
    }

    /// Processor time a request over that of nginx.
    pub(super) fn ratio(&self, kind: &str) -> Option<Summary> {
        paired(&self.values(kind, Window::cost), &self.values(STATIC, Window::cost))
    }

    /// The targets with what was found.
    pub(super) fn targets(&self) -> Vec<Target> {
        let ratio = |kind, bounds| {
            let title = format!("processor time: {kind}, over {STATIC}");
            target(title, Bound::AtMost, bounds, "×", self.ratio(kind).map(|ratio| ratio.median))
        };
        let (services, instances) = (short(self.services as f64), short(self.instances as f64));
        let memory = self.memory.max(self.memory_after_load).max(self.memory_restarted) as f64 / MEGABYTE;
        let held =
            format!("memory with {instances} instances of {services} services, the most of all states");
        let rate = "registrations a second, durable, 64 clients".to_owned();
        let told = "registration to visible at 1,000 watchers, p99".to_owned();
        let restart = format!("restart with {instances} instances to the first answer");
        vec![
            target(held, Bound::AtMost, (300.0, 150.0), "MB", Some(memory)),
            ratio(BEAT, (3.0, 1.5)),
            ratio(UNCHANGED, (3.0, 1.5)),
            ratio(FOUND, (6.0, 3.0)),
            target(rate, Bound::AtLeast, (2_000.0, 10_000.0), "", Some(self.instance_rate)),
            target(told, Bound::AtMost, (300.0, 50.0), "ms", Some(self.told.p99)),
            target(restart, Bound::AtMost, (5.0, 1.0), "s", Some(self.restart)),
        ]
    }
}

fn target(
    title: String,
    bound: Bound,
    (must, goal): (f64, f64),
    unit: &'static str,
    found: Option<f64>,
) -> Target {
    Target { title, bound, must, goal, unit, found, worst: None }
}
