//! What a worker remembers: bounded in room and in a tick, failures apart from the rest.
//! It must hold for floods of either sort.

use mesher_model::explain::{CallFacts, CallFilter, Explanation};

use super::Memory;
use crate::request::invocation::InvocationId;

fn told(id: u64, words: usize) -> Explanation {
    let call = CallFacts { id: format!("{id:016x}"), ..CallFacts::default() };
    Explanation { call: Some(call), conclusion: "a".repeat(words), ..Explanation::default() }
}

fn ids(found: &[Explanation]) -> Vec<&str> {
    found.iter().filter_map(|told| Some(told.call.as_ref()?.id.as_str())).collect()
}

#[test]
fn the_oldest_goes_first_and_other_calls_push_out_no_failure() {
    let mut memory = Memory::new(2);
    memory.keep(InvocationId(1), true, &told(1, 10));
    for id in 100..10_000 {
        memory.keep(InvocationId(id), false, &told(id, 1000));
    }
    assert_eq!(memory.find(InvocationId(1)), Some(told(1, 10)));
    assert_eq!(memory.find(InvocationId(9_999)), Some(told(9_999, 1000)));
    assert_eq!(memory.find(InvocationId(100)), None);
    for id in 10_000..20_000 {
        memory.keep(InvocationId(id), true, &told(id, 1000));
    }
    assert_eq!(memory.find(InvocationId(1)), None, "a flood of failures is bounded too");
    let all = memory.list(&CallFilter { only_failed: false, limit: u64::MAX });
    // Half of 512 KiB, for one worker of two; no call here has less than a thousand bytes.
    assert!((100..=256).contains(&all.len()), "{}", all.len());
}

#[test]
fn a_list_has_the_newest_of_each_sort() {
    let mut memory = Memory::new(1);
    for id in 1..=4 {
        memory.keep(InvocationId(id), id % 2 == 0, &told(id, 1));
    }
    let list = |only_failed, limit| memory.list(&CallFilter { only_failed, limit });
    assert_eq!(ids(&list(false, 1)), ["0000000000000004", "0000000000000003"]);
    assert_eq!(ids(&list(true, 9)), ["0000000000000004", "0000000000000002"]);
}

#[test]
fn so_many_of_each_sort_are_wanted_in_a_tick() {
    let memory = Memory::new(1);
    let wanted = |has_failed| (0..1_000).filter(|_| memory.wants(has_failed)).count();
    assert_eq!((wanted(false), wanted(true)), (5, 50));
    assert_eq!((wanted(false), wanted(true)), (0, 0));
    memory.tick();
    assert_eq!((wanted(true), wanted(false)), (50, 1), "it is busy");
    memory.tick();
    memory.tick();
    assert_eq!((wanted(true), wanted(false)), (50, 5), "it was not");
}

#[test]
fn one_call_that_is_too_large_for_all_the_room_is_not_kept() {
    let mut memory = Memory::new(1);
    memory.keep(InvocationId(1), true, &told(1, 1024 * 1024));
    assert_eq!(memory.find(InvocationId(1)), None);
    memory.keep(InvocationId(2), true, &told(2, 1));
    assert_eq!(memory.find(InvocationId(2)), Some(told(2, 1)));
}
