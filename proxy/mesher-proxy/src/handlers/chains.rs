//! The handler chains, top to bottom. These lists are the only order there is; handlers of one's own stand between.
//! It must hold names and places, and nothing that decides about a call.

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

/// Calls of the local application; with `is_guarded` also those who may refuse calls, or make them fail, because a rule says so.
fn consumer(is_guarded: bool) -> Chain {
    match is_guarded {
        false => vec![&Metrics, &Route, &Retry, &Balance],
        true => {
            vec![&Metrics, &Route, &RateLimit, &Fallback, &Breaker, &Bulkhead, &Fault, &Retry, &Balance]
        }
    }
}

/// Calls to the local application.
fn provider(is_guarded: bool) -> Chain {
    match is_guarded {
        false => vec![&Metrics, &Balance],
        true => vec![&Metrics, &RateLimit, &Breaker, &Bulkhead, &Balance],
    }
}

/// The chain of a direction with everybody in it that comes with the proxy.
fn whole(direction: Direction) -> Chain {
    match direction {
        Direction::Outbound => consumer(true),
        Direction::Inbound => provider(true),
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
    /// Without and with those whom only rules ask for.
    consumer: [Chain; 2],
    provider: [Chain; 2],
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chains").finish_non_exhaustive()
    }
}

impl Chains {
    /// The chains with handlers of one's own at the places that settings give them.
    pub(crate) fn new(registrations: &[Registration], placements: &[Placement]) -> Self {
        let mut chains =
            Self { consumer: [false, true].map(consumer), provider: [false, true].map(provider) };
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

    /// The chain of a call. One that no rule guards does not pass by those who would.
    pub(crate) fn of(&self, call: &Invocation) -> &[&'static dyn Handler] {
        let is_guarded = call.governance().is_some_and(|governance| governance.is_guarded);
        let of_direction = match call.direction {
            Direction::Outbound => &self.consumer,
            Direction::Inbound => &self.provider,
        };
        let [plain, guarded] = of_direction;
        if is_guarded { guarded } else { plain }
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
    fn one_whose_place_a_chain_goes_without_stands_behind_the_next_above() {
        let all = ["metrics", "route", "breaker", "retry", "balance"];
        let plain = ["metrics", "route", "retry", "balance"];
        assert_eq!(place(&plain, &placed("own", "breaker"), &all), 2);
        assert_eq!(place(&all, &placed("own", "breaker"), &all), 3);
    }
}
