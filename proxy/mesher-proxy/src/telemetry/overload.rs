//! Metrics of what the proxy leaves out since it has too much to do itself.
//! It must only supply numbers that others have.

use std::fmt;

use mesher_traffic::overload::Step;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::overload::{Pressure, Reason};
use crate::request::invocation::Direction;
use crate::telemetry::exposition::Family;

/// What is told of it.
#[derive(Debug)]
pub(super) struct Overload {
    step: Step,
    late_workers: usize,
    memory: Option<(u64, u64)>,
    shed: Vec<(Direction, Reason, u64)>,
}

impl Overload {
    pub(super) fn of(pressure: &Pressure) -> Self {
        Self {
            step: pressure.step(),
            late_workers: pressure.late_workers(),
            memory: pressure.memory(),
            shed: pressure.shed().collect(),
        }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>, service: &str) -> fmt::Result {
        let name =
            ("mesher_overload_shed", "Calls and flows that were refused since the proxy had too much to do");
        let mut counts = Family::begin(encoder, name, None, MetricType::Counter)?;
        for (direction, reason, count) in self.shed.iter().filter(|(.., count)| *count > 0) {
            let pairs =
                vec![("direction", direction.as_str()), ("service", service), ("reason", reason.as_str())];
            counts.counter(&pairs, *count)?;
        }
        let name = (
            "mesher_overload_level",
            "0: nothing is left out; 1: connections are not kept; 2: new calls are refused; 3: few connections are accepted at once",
        );
        let mut levels = Family::begin(encoder, name, None, MetricType::Gauge)?;
        let of_lag = if self.late_workers > 0 { Step::Shed } else { Step::Calm };
        for (reason, step) in [(Reason::Memory, self.step), (Reason::Lag, of_lag)] {
            levels.gauge(&vec![("service", service), ("reason", reason.as_str())], i64::from(step as u8))?;
        }
        let name = ("mesher_memory_limit", "Memory of its own that the proxy may have");
        let mut limit = Family::begin(encoder, name, Some(&Unit::Bytes), MetricType::Gauge)?;
        if let Some((_, most)) = self.memory {
            limit.gauge(&Vec::new(), i64::try_from(most).unwrap_or(i64::MAX))?;
        }
        Ok(())
    }
}
