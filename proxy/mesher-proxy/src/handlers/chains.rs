//! The handler chains, top to bottom. These lists are the only order there is; handlers of one's own stand between.
//! It must hold names and places, and nothing that decides about a call.

use mesher_traffic::Policy;

use crate::bootstrap::Placement;
use crate::handler::Registration;
use crate::handlers::Handler;
use crate::handlers::balance::Balance;
use crate::handlers::breaker::Breaker;
use crate::handlers::bulkhead::Bulkhead;
use crate::handlers::fallback::Fallback;
use crate::handlers::fault::Fault;
use crate::handlers::metrics::Metrics;
use crate::handlers::own::Own;
use crate::handlers::rate_limit::RateLimit;
use crate::handlers::retry::Retry;
use crate::handlers::route::Route;
use crate::request::invocation::{Direction, Invocation};

/// Handlers in their order.
type Chain = Vec<&'static dyn Handler>;

/// Handlers whom only rules ask for, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked(u8);

impl Asked {
    const RATE_LIMIT: u8 = 1;
    const FALLBACK: u8 = 1 << 1;
    const BREAKER: u8 = 1 << 2;
    const BULKHEAD: u8 = 1 << 3;
    const FAULT: u8 = 1 << 4;
    const ALL: Self = Self((1 << 5) - 1);
    /// How many sets of them there are.
    const SETS: u8 = 1 << 5;

    /// Those whom a policy asks for.
    pub(crate) fn by(policy: &Policy) -> Self {
        let asked = [
            (policy.limits.is_some(), Self::RATE_LIMIT),
            (policy.fallbacks.is_some(), Self::FALLBACK),
            (policy.breaker.is_some(), Self::BREAKER),
            (policy.bulkhead.is_some(), Self::BULKHEAD),
            (policy.faults.is_some(), Self::FAULT),
        ];
        Self(asked.into_iter().filter(|(is_asked, _)| *is_asked).fold(0, |bits, (_, bit)| bits | bit))
    }

    /// Those of a list who are asked for, or who see every call: those without a bit.
    fn of(self, list: &[(u8, &'static dyn Handler)]) -> Chain {
        list.iter().filter(|(bit, _)| self.0 & bit == *bit).map(|(_, handler)| *handler).collect()
    }
}

/// Calls of the local application.
fn consumer(asked: Asked) -> Chain {
    asked.of(&[
        (0, &Metrics),
        (0, &Route),
        (Asked::RATE_LIMIT, &RateLimit),
        (Asked::FALLBACK, &Fallback),
        (Asked::BREAKER, &Breaker),
        (Asked::BULKHEAD, &Bulkhead),
        (Asked::FAULT, &Fault),
        (0, &Retry),
        (0, &Balance),
    ])
}

/// Calls to the local application.
fn provider(asked: Asked) -> Chain {
    asked.of(&[
        (0, &Metrics),
        (Asked::RATE_LIMIT, &RateLimit),
        (Asked::BREAKER, &Breaker),
        (Asked::BULKHEAD, &Bulkhead),
        (0, &Balance),
    ])
}

/// The chain of a direction with everybody in it that comes with the proxy.
fn whole(direction: Direction) -> Chain {
    match direction {
        Direction::Outbound => consumer(Asked::ALL),
        Direction::Inbound => provider(Asked::ALL),
    }
}

/// The names of that chain, in their order.
pub(crate) fn names(direction: Direction) -> Vec<&'static str> {
    whole(direction).iter().map(|handler| handler.name()).collect()
}

/// The same with handlers of one's own.
pub(crate) fn all_names(direction: Direction, placements: &[Placement]) -> Vec<String> {
    let built_in = names(direction);
    let mut all: Vec<_> = built_in.iter().map(|name| (*name).to_owned()).collect();
    for placement in placements.iter().filter(|placement| placement.direction == direction) {
        let known: Vec<_> = all.iter().map(String::as_str).collect();
        all.insert(place(&known, placement, &built_in), placement.name.clone());
    }
    all
}

/// The chains of one worker.
pub(crate) struct Chains {
    /// By the set of those whom rules ask for.
    consumer: Box<[Chain]>,
    provider: Box<[Chain]>,
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chains").finish_non_exhaustive()
    }
}

impl Chains {
    /// The chains with handlers of one's own at the places that settings give them.
    pub(crate) fn new(registrations: &[Registration], placements: &[Placement]) -> Self {
        let sets = || (0..Asked::SETS).map(Asked);
        let mut chains =
            Self { consumer: sets().map(consumer).collect(), provider: sets().map(provider).collect() };
        for placement in placements {
            let found = registrations.iter().find(|registration| registration.name == placement.name);
            // Names were checked with the settings.
            let Some(registration) = found else { continue };
            // It lives as long as its worker, which ends with the process.
            let own: &'static Own = Box::leak(Box::new(Own::of(registration)));
            let (of_direction, all) = match placement.direction {
                Direction::Outbound => (&mut chains.consumer, names(Direction::Outbound)),
                Direction::Inbound => (&mut chains.provider, names(Direction::Inbound)),
            };
            for chain in of_direction {
                let known: Vec<_> = chain.iter().map(|handler| handler.name()).collect();
                chain.insert(place(&known, placement, &all), own);
            }
        }
        chains
    }

    /// The chain of a call: of those whom only rules ask for, it passes the ones whom some do.
    pub(crate) fn of(&self, call: &Invocation) -> &[&'static dyn Handler] {
        let asked = call.governance().map_or(0, |governance| governance.asked.0);
        let of_direction = match call.direction {
            Direction::Outbound => &self.consumer,
            Direction::Inbound => &self.provider,
        };
        of_direction.get(usize::from(asked)).map_or(&[], Vec::as_slice)
    }
}

/// Where a handler of one's own stands in a chain: behind the one that its placement names, or behind the next one above that
/// where the chain goes without it, and behind others of one's own that stand there.
fn place(chain: &[&str], placement: &Placement, built_in: &[&str]) -> usize {
    let behind = built_in.iter().position(|name| *name == placement.behind).unwrap_or_default();
    let above = built_in.get(..=behind).unwrap_or_default();
    let last = chain.iter().rposition(|name| above.contains(name)).unwrap_or_default();
    let rest = chain.get(last + 1..).unwrap_or_default();
    last + 1 + rest.iter().take_while(|name| !built_in.contains(name)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(name: &str, behind: &'static str) -> Placement {
        Placement { name: name.to_owned(), direction: Direction::Outbound, behind }
    }

    #[test]
    fn handlers_of_ones_own_stand_where_settings_put_them() {
        let built_in = names(Direction::Outbound);
        let own = [placed("first", "metrics"), placed("second", "metrics"), placed("last", "balance")];
        let all = all_names(Direction::Outbound, &own);
        let at = |name: &str| all.iter().position(|known| known == name).unwrap();
        assert_eq!((at("first"), at("second"), at("last")), (1, 2, all.len() - 1), "{all:?}");
        assert_eq!(all_names(Direction::Inbound, &own), names(Direction::Inbound));
        let left: Vec<_> = all.iter().filter(|name| built_in.contains(&name.as_str())).collect();
        assert_eq!(left, built_in.iter().collect::<Vec<_>>(), "the others stay as they stood");
    }

    #[test]
    fn a_chain_has_those_whom_rules_ask_for_and_no_others() {
        let names = |chain: Chain| chain.iter().map(|handler| handler.name()).collect::<Vec<_>>();
        let asked = Asked(Asked::BREAKER | Asked::FAULT);
        assert_eq!(names(consumer(asked)), ["metrics", "route", "breaker", "fault", "retry", "balance"]);
        assert_eq!(names(provider(asked)), ["metrics", "breaker", "balance"]);
        assert_eq!(names(consumer(Asked(0))), ["metrics", "route", "retry", "balance"]);
        assert_eq!(names(consumer(Asked::ALL)).len(), 9);
        assert_eq!(Chains::new(&[], &[]).consumer.len(), usize::from(Asked::SETS));
    }

    #[test]
    fn one_whose_place_a_chain_goes_without_stands_behind_the_next_above() {
        let all = ["metrics", "route", "breaker", "retry", "balance"];
        let plain = ["metrics", "route", "retry", "balance"];
        assert_eq!(place(&plain, &placed("own", "breaker"), &all), 2);
        assert_eq!(place(&all, &placed("own", "breaker"), &all), 3);
    }
}
