//! Limits that the mesh shares, as proxies hear of them.
//! It must open no socket, and wait for no clock.

use std::time::Duration;

use mesher_model::rule::Target;
use mesher_model::rule::link::{Demand, LIMIT_WHOLE, LimitKey, Slice};

use super::leases::Leases;

const TENTH: u64 = LIMIT_WHOLE as u64 / 10;

fn key(limit: &str) -> LimitKey {
    let target = Target {
        environment: String::new(),
        application: "default".to_owned(),
        service: "calculator".to_owned(),
    };
    LimitKey { target, limit: limit.to_owned() }
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Tells what a proxy wants; answers who has to be told, with what they are told.
fn want(leases: &mut Leases, (id, wanted, known): (&str, u64, u32), now: u64) -> Vec<(String, u32, u32)> {
    let demand = Demand { key: key("all"), wanted, proxies: known };
    let due = leases.take(id, demand, at(now));
    let tell = |id: String| {
        let Slice { parts, proxies, .. } = leases.tell(&id, &key("all"))?;
        Some((id, parts, proxies))
    };
    due.into_iter().filter_map(tell).collect()
}

#[test]
fn whoever_is_first_has_all_and_shares_with_the_next() {
    let mut leases = Leases::default();
    let first = want(&mut leases, ("a", TENTH, 0), 0);
    assert_eq!(first, [("a".to_owned(), LIMIT_WHOLE, 1)]);
    let told = want(&mut leases, ("b", TENTH, 0), 10);
    // The first has not asked, but has half of what it had.
    assert_eq!(told, [("a".to_owned(), LIMIT_WHOLE / 2, 2), ("b".to_owned(), LIMIT_WHOLE / 2, 2)]);
    assert_eq!(leases.tell("c", &key("all")), None);
    assert_eq!(leases.tell("a", &key("other")), None);
}

#[test]
fn parts_follow_the_demand_and_small_changes_are_told_to_whoever_asks_only() {
    let mut leases = Leases::default();
    want(&mut leases, ("a", 9 * TENTH, 0), 0);
    want(&mut leases, ("b", TENTH / 10, 0), 10);
    let told = want(&mut leases, ("a", 9 * TENTH, 0), 200);
    assert!(told.iter().all(|(id, _, _)| id == "a"), "{told:?}");
    assert!(told[0].1 > LIMIT_WHOLE / 10 * 9, "{told:?}");
    // Within the pause nothing is divided anew.
    let told = want(&mut leases, ("b", 9 * TENTH, 0), 250);
    assert!(told.len() == 1 && told[0].1 < LIMIT_WHOLE / 10, "{told:?}");
    let told = want(&mut leases, ("b", 9 * TENTH, 0), 500);
    assert_eq!(told.iter().map(|(_, parts, _)| parts / 1_000_000).collect::<Vec<_>>(), [500, 500]);
}

#[test]
fn a_control_plane_that_begins_waits_for_those_who_have_parts() {
    let mut leases = Leases::default();
    assert_eq!(want(&mut leases, ("a", TENTH, 3), 0), []);
    assert_eq!(want(&mut leases, ("b", TENTH, 3), 300), []);
    let told = want(&mut leases, ("c", TENTH, 3), 400);
    assert_eq!(told.len(), 3);
    // But not for long.
    let mut leases = Leases::default();
    assert_eq!(want(&mut leases, ("a", TENTH, 3), 0), []);
    assert_eq!(want(&mut leases, ("a", TENTH, 3), 1_900), []);
    assert_eq!(want(&mut leases, ("a", TENTH, 3), 2_000).len(), 1);
}

#[test]
fn many_who_come_at_once_wait_for_one_division() {
    let mut leases = Leases::default();
    let names: Vec<_> = (0..200).map(|number| format!("p{number}")).collect();
    let told: Vec<_> = names.iter().map(|name| want(&mut leases, (name, TENTH, 0), 5).len()).collect();
    assert!(told[..64].iter().all(|count| *count > 0), "{told:?}");
    assert_eq!(told[64..].iter().sum::<usize>(), 0, "they have no part yet");
    let told = want(&mut leases, (&names[0], TENTH, 0), 200);
    assert_eq!((told.len(), told[0].2), (200, 200));
    assert!(told.iter().map(|(_, parts, _)| u64::from(*parts)).sum::<u64>() <= u64::from(LIMIT_WHOLE));
    // Whoever asks between two divisions is told the same again, and nobody else is told anything.
    assert_eq!(want(&mut leases, (&names[7], 0, 0), 210).len(), 1);
}

#[test]
fn whoever_is_away_keeps_a_part_for_a_while() {
    let mut leases = Leases::default();
    want(&mut leases, ("a", TENTH, 0), 0);
    want(&mut leases, ("b", TENTH, 0), 10);
    leases.leave("b", at(20));
    let told = want(&mut leases, ("a", 20 * TENTH, 0), 1_000);
    assert_eq!(told, [("a".to_owned(), LIMIT_WHOLE / 2, 2)]);
    let told = want(&mut leases, ("a", 20 * TENTH, 0), 10_100);
    assert_eq!(told, [("a".to_owned(), LIMIT_WHOLE, 1)]);
}

#[test]
fn a_limit_of_which_nobody_tells_is_forgotten_once_there_is_another() {
    let mut leases = Leases::default();
    want(&mut leases, ("a", TENTH, 0), 0);
    let other = Demand { key: key("other"), wanted: 1, proxies: 0 };
    leases.take("b", other.clone(), at(599_000));
    assert!(leases.tell("a", &key("all")).is_some());
    leases.take("b", Demand { key: key("third"), ..other }, at(601_000));
    assert_eq!(leases.tell("a", &key("all")), None);
    // It is divided anew when somebody wants some of it, as soon as those are there who had parts.
    assert_eq!(want(&mut leases, ("a", TENTH, 1), 601_000), [("a".to_owned(), LIMIT_WHOLE, 1)]);
}

#[test]
fn whoever_ends_gives_its_part_back_at_once() {
    let mut leases = Leases::default();
    want(&mut leases, ("a", TENTH, 0), 0);
    want(&mut leases, ("b", TENTH, 0), 10);
    leases.forget("b");
    let told = want(&mut leases, ("a", TENTH, 0), 500);
    assert_eq!(told, [("a".to_owned(), LIMIT_WHOLE, 1)]);
}
