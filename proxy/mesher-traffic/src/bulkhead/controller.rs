//! The arithmetic of a limit that follows the latency: a gradient, as in Netflix' concurrency-limits and Envoy's filter.
//! It must be plain: one window of calls comes in, one limit comes out.
//!
//! `limit = limit × gradient + √limit`, the gradient being `tolerance × baseline / latency`, at most 1, at least ½. The
//! root is room for a queue that keeps the callee busy. The baseline is the latency of a callee that nobody presses: it is
//! measured at the start and again from time to time, with half the limit, or less where that shows a queue.

use std::time::Duration;

/// The least the limit is multiplied by for one window.
const GRADIENT_MIN: f64 = 0.5;
/// Calls that say enough for a baseline.
const BASELINE_SAMPLES: u32 = 50;
/// Windows after which a measurement makes do with fewer calls.
const BASELINE_WINDOWS: u32 = 10;
/// Half as many calls at once take so much less time each, or less still, where most of that was spent in a queue.
const QUEUE_GONE: f64 = 0.75;
/// The most a limit may be.
const LIMIT_MAX: u32 = 100_000;

/// What a rule says of a limit that follows the latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptivePolicy {
    least: u32,
    initial: u32,
    most: u32,
    /// In per cent of the baseline.
    tolerance: u32,
    interval: Duration,
    samples: u32,
    measure_every: Duration,
}

impl Default for AdaptivePolicy {
    /// From 20 calls, between 4 and 1000; one and a half times the baseline is tolerated; looked at each 100 ms, with ten
    /// calls or more; the baseline is measured each minute.
    fn default() -> Self {
        Self {
            least: 4,
            initial: 20,
            most: 1000,
            tolerance: 150,
            interval: Duration::from_millis(100),
            samples: 10,
            measure_every: Duration::from_secs(60),
        }
    }
}

impl AdaptivePolicy {
    /// The same between other limits, beginning with `initial`; each at least 1 and at most 100,000, and brought in order.
    #[must_use]
    pub fn with_limits(self, least: u32, initial: u32, most: u32) -> Self {
        let least = least.clamp(1, LIMIT_MAX);
        let most = most.clamp(least, LIMIT_MAX);
        Self { least, initial: initial.clamp(least, most), most, ..self }
    }

    /// The same where so many per cent of the baseline are tolerated, at least 100.
    #[must_use]
    pub fn with_tolerance(self, percent: u32) -> Self {
        Self { tolerance: percent.max(100), ..self }
    }

    /// The same with its baseline measured so often.
    #[must_use]
    pub fn with_measurements(self, every: Duration) -> Self {
        Self { measure_every: every.max(self.interval * BASELINE_WINDOWS), ..self }
    }

    pub(super) const fn initial(&self) -> u32 {
        self.initial
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) const fn samples_min(&self) -> u32 {
        self.samples
    }
}

/// The calls of one window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) now: Duration,
    pub(super) count: u32,
    pub(super) sum: Duration,
    /// The most that were under way at once.
    pub(super) peak: u32,
}

impl Window {
    fn mean(self) -> f64 {
        self.sum.as_secs_f64() / f64::from(self.count.max(1))
    }
}

/// Calls that are gathered for a mean.
#[derive(Debug, Clone, Copy, Default)]
struct Gathered {
    sum: f64,
    count: u32,
    windows: u32,
}

impl Gathered {
    fn add(&mut self, window: Window) {
        self.sum += window.sum.as_secs_f64();
        self.count += window.count;
        self.windows += 1;
    }

    fn mean(self) -> Option<f64> {
        (self.count >= BASELINE_SAMPLES || self.windows >= BASELINE_WINDOWS)
            .then(|| self.sum / f64::from(self.count.max(1)))
    }
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Following,
    /// The limit was lowered; calls of before it was are under way until then.
    Draining(Duration, Measurement),
    /// The baseline is being measured.
    Measuring(Gathered, Measurement),
}

/// One measurement of the baseline.
#[derive(Debug, Clone, Copy)]
struct Measurement {
    /// The limit to go back to.
    limit: f64,
    /// The latency before the limit was last lowered.
    latency: f64,
}

#[derive(Debug)]
pub(super) struct Controller {
    policy: AdaptivePolicy,
    phase: Phase,
    limit: f64,
    baseline: Option<f64>,
    measure_at: Duration,
    /// Windows in a row that were faster than the baseline.
    faster: Gathered,
}

impl Controller {
    pub(super) fn new(policy: AdaptivePolicy) -> Self {
        let limit = f64::from(policy.initial);
        Self {
            phase: Phase::Measuring(Gathered::default(), Measurement { limit, latency: 0.0 }),
            limit,
            baseline: None,
            measure_at: Duration::ZERO,
            faster: Gathered::default(),
            policy,
        }
    }

    pub(super) fn baseline(&self) -> Option<Duration> {
        self.baseline.map(Duration::from_secs_f64)
    }

    /// Ends a window, and answers the limit for the next one.
    pub(super) fn end(&mut self, window: Window) -> u32 {
        match self.phase {
            Phase::Following => self.follow(window),
            Phase::Draining(until, measurement) => {
                if window.now >= until {
                    self.phase = Phase::Measuring(Gathered::default(), measurement);
                }
            }
            Phase::Measuring(mut gathered, measurement) => {
                gathered.add(window);
                match gathered.mean() {
                    Some(mean) => self.take(mean, measurement, window.now),
                    None => self.phase = Phase::Measuring(gathered, measurement),
                }
            }
        }
        self.limit = self.limit.clamp(self.policy.least.into(), self.policy.most.into());
        // The clamp above keeps it far below what would not fit.
        self.limit as u32
    }

    /// So many calls were measured. Where they were faster than with twice the limit, there was a queue, and there may still be
    /// one: the limit is lowered again, until that makes no difference.
    fn take(&mut self, mean: f64, measurement: Measurement, now: Duration) {
        if mean < measurement.latency * QUEUE_GONE && self.limit > self.policy.least.into() {
            self.lower(mean, measurement.limit, now);
            return;
        }
        // The very first one is made with the limit that there is, as nothing was to compare with.
        let is_first = self.baseline.replace(mean).is_none();
        self.limit = measurement.limit;
        self.phase = Phase::Following;
        self.measure_at =
            now + if is_first { self.policy.interval * BASELINE_WINDOWS } else { self.policy.measure_every };
    }

    /// Halves the limit, and lets those calls end that were sent before.
    fn lower(&mut self, latency: f64, limit: f64, now: Duration) {
        let drained = Duration::from_secs_f64(latency * 2.0).min(self.policy.interval * BASELINE_WINDOWS);
        self.phase = Phase::Draining(now + drained, Measurement { limit, latency });
        self.limit /= 2.0;
    }

    fn follow(&mut self, window: Window) {
        let (mean, baseline) = (window.mean(), self.baseline.unwrap_or_default());
        self.notice_faster(window, mean, baseline);
        if window.now >= self.measure_at {
            self.lower(mean, self.limit, window.now);
            return;
        }
        // Where the limit holds nobody back, it says nothing about the callee.
        let is_felt = f64::from(window.peak) * 2.0 >= self.limit;
        if is_felt && mean > 0.0 {
            let tolerated = baseline * f64::from(self.policy.tolerance) / 100.0;
            let gradient = (tolerated / mean).clamp(GRADIENT_MIN, 1.0);
            self.limit = self.limit * gradient + self.limit.sqrt();
        }
    }

    /// A callee that has become faster is not waited for until the next measurement.
    fn notice_faster(&mut self, window: Window, mean: f64, baseline: f64) {
        if mean >= baseline {
            self.faster = Gathered::default();
            return;
        }
        self.faster.add(window);
        if let (true, Some(mean)) = (self.faster.windows > 3, self.faster.mean()) {
            self.baseline = Some(mean);
            self.faster = Gathered::default();
        }
    }
}
