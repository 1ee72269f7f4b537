//! `isolation`, `circuitBreaker`, `fallback` and `fallbackpolicy` of `Consumer` or `Provider`: what the first releases of
//! ServiceComb took from Hystrix. It must keep the last good value of a key that cannot be used.
//!
//! Source: Java Chassis 2.8, `handlers/handler-bizkeeper`; Go Chassis, `core/config/circuit.go`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use mesher_model::rule::{BreakerMode, Percent};

use super::items::{Check, Held, is_true};
use super::sorted::Entry;
use crate::breaker::{BreakerPolicy, BreakerRule, Span};
use crate::bulkhead::{BulkheadPolicy, BulkheadRule};
use crate::stand_in::StandIn;
use crate::statuses::Statuses;

/// What is counted: the calls of this time.
const WINDOW: Duration = Duration::from_secs(10);
/// Answers that are failures, beside calls without one.
const STATUSES: [u16; 3] = [502, 503, 504];
/// The longest time that a key may say, in milliseconds.
const MILLISECONDS_MAX: u64 = 24 * 3600 * 1000;
/// The most calls that a key may say.
const CALLS_MAX: u64 = 100_000;
/// What stands in front of a name.
pub(super) const AREAS: [&str; 4] = ["isolation", "circuitBreaker", "fallback", "fallbackpolicy"];
/// What takes the place of a refusal.
const FALLBACKS: [&str; 2] = ["returnnull", "throwexception"];
/// What keys end with, and what their values have to be.
const ITEMS: [(&str, &str, Check); 12] = [
    ("isolation", "timeout.enabled", Check::Flag),
    ("isolation", "timeoutInMilliseconds", Check::Number(1, MILLISECONDS_MAX)),
    ("isolation", "maxConcurrentRequests", Check::Number(0, CALLS_MAX)),
    ("circuitBreaker", "enabled", Check::Flag),
    ("circuitBreaker", "forceOpen", Check::Flag),
    ("circuitBreaker", "forceClosed", Check::Flag),
    ("circuitBreaker", "sleepWindowInMilliseconds", Check::Number(1, MILLISECONDS_MAX)),
    ("circuitBreaker", "requestVolumeThreshold", Check::Number(1, CALLS_MAX)),
    ("circuitBreaker", "errorThresholdPercentage", Check::Number(0, 100)),
    ("fallback", "enabled", Check::Flag),
    ("fallback", "force", Check::Flag),
    ("fallbackpolicy", "policy", Check::OneOf(&FALLBACKS, "fallback that a proxy has")),
];

/// Which calls a key is about: the side, the area, the service, and the item.
type Place = (bool, &'static str, String, &'static str);

/// The keys that hold, each with its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Commands(Held<Place>);

/// What the keys of one service say.
#[derive(Debug, Default)]
pub(super) struct Said<'k> {
    pub(super) breaker: Option<(&'k str, BreakerRule)>,
    pub(super) bulkhead: Option<(&'k str, BulkheadRule)>,
    pub(super) timeout: Option<(&'k str, Duration)>,
}

impl Commands {
    /// Reads keys, each named by what stands behind its prefix.
    pub(super) fn read(
        entries: &BTreeMap<&str, Entry<'_>>,
        before: &Self,
        problems: &mut Vec<String>,
    ) -> Self {
        Self(Held::read(place, entries, &before.0, problems))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys with the values that hold.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.holding()
    }

    /// What holds for the calls to a service, or, where none is named, for those that the application takes.
    pub(super) fn of(&self, service: Option<&str>) -> Said<'_> {
        let look = Look { all: self, is_provider: service.is_none(), service: service.unwrap_or_default() };
        let stand_in = look.stand_in();
        Said { breaker: look.breaker(stand_in), bulkhead: look.bulkhead(stand_in), timeout: look.timeout() }
    }
}

/// Splits what stands behind the prefix: the area, the side, perhaps a service, the item.
fn place(rest: &str) -> Option<(Place, Check)> {
    let (area, rest) = rest.split_once('.')?;
    let (side, rest) = rest.split_once('.')?;
    let is_provider = match side {
        "Consumer" => false,
        "Provider" => true,
        _ => return None,
    };
    ITEMS.iter().filter(|(of, ..)| *of == area).find_map(|(area, item, check)| {
        let service = match rest.strip_suffix(item)? {
            "" => "",
            service => service.strip_suffix('.')?,
        };
        Some(((is_provider, *area, service.to_owned(), *item), *check))
    })
}

/// Looks for what is about one service: each item by itself, its own before that of all.
#[derive(Clone, Copy)]
struct Look<'k, 's> {
    all: &'k Commands,
    is_provider: bool,
    service: &'s str,
}

impl<'k> Look<'k, '_> {
    fn find(self, area: &'static str, item: &'static str) -> Option<(&'k str, &'k str)> {
        let of = |service: &str| self.all.0.get(&(self.is_provider, area, service.to_owned(), item));
        of(self.service).or_else(|| of(""))
    }

    fn is_set(self, area: &'static str, item: &'static str) -> Option<bool> {
        self.find(area, item).map(|(_, value)| is_true(value))
    }

    fn number<N: FromStr>(self, area: &'static str, item: &'static str, default: N) -> N {
        self.find(area, item).and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
    }

    /// The answer in place of a refusal. Only callers have one.
    fn stand_in(self) -> Option<StandIn> {
        let policy = self.find("fallbackpolicy", "policy").map(|(_, value)| value);
        let is_enabled = self.is_set("fallback", "enabled").unwrap_or(policy.is_some());
        match policy {
            _ if self.is_provider || !is_enabled => None,
            Some("returnnull") => Some(StandIn::Nothing),
            _ => Some(StandIn::Exception),
        }
    }

    fn breaker(self, stand_in: Option<StandIn>) -> Option<(&'k str, BreakerRule)> {
        const AREA: &str = "circuitBreaker";
        let of_area = ITEMS.iter().filter(|(area, ..)| *area == AREA);
        let first = of_area.filter_map(|(area, item, _)| self.find(area, item)).next();
        let forced =
            self.find("fallback", "force").filter(|_| self.is_set("fallback", "force") == Some(true));
        let (key, _) = first.or(forced)?;
        let is_open = forced.is_some() || self.is_set(AREA, "forceOpen") == Some(true);
        if self.is_set(AREA, "enabled") == Some(false) && forced.is_none() {
            return None;
        }
        let mode = match (is_open, self.is_set(AREA, "forceClosed")) {
            (true, _) => BreakerMode::ForcedOpen,
            (false, Some(true)) => BreakerMode::ForcedClosed,
            _ => BreakerMode::Automatic,
        };
        let rate = Percent::whole(self.number(AREA, "errorThresholdPercentage", 50)).unwrap_or(Percent::ALL);
        let sleep = Duration::from_millis(self.number(AREA, "sleepWindowInMilliseconds", 15_000));
        let policy = BreakerPolicy::new(Span::Time(WINDOW), rate, sleep)
            .with_minimum_calls(self.number(AREA, "requestVolumeThreshold", 20))
            .with_mode(mode);
        let rule = BreakerRule { policy, failures: Statuses::of(&STATUSES), stand_in };
        Some((key, rule))
    }

    fn bulkhead(self, stand_in: Option<StandIn>) -> Option<(&'k str, BulkheadRule)> {
        let (key, value) = self.find("isolation", "maxConcurrentRequests")?;
        let policy = BulkheadPolicy::Fixed(value.parse().ok()?);
        Some((key, BulkheadRule { policy, stand_in }))
    }

    /// Java's meaning: the time holds only where it is switched on.
    fn timeout(self) -> Option<(&'k str, Duration)> {
        let (key, _) = self.find("isolation", "timeout.enabled")?;
        let is_on = self.is_set("isolation", "timeout.enabled") == Some(true);
        let time = Duration::from_millis(self.number("isolation", "timeoutInMilliseconds", 30_000));
        is_on.then_some((key, time))
    }
}
