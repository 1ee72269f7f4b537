//! Which calls are hit: exactly as many as a rule says, and each part apart from the others.
//! They must hold for any run of calls, wherever it begins.

use std::time::Duration;

use mesher_model::rule::Percent;
use proptest::prelude::*;

use super::{Abort, Blow, Counts, Plan, hits};

fn percent(whole: u8) -> Percent {
    Percent::whole(whole).unwrap()
}

proptest! {
    #[test]
    fn any_run_of_calls_has_its_share(hundredths in 0_u32..=10_000, start in any::<u32>(), length in 1_u64..3000) {
        let percent = Percent::try_from(format!("{}.{:02}%", hundredths / 100, hundredths % 100).as_str()).unwrap();
        let start = u64::from(start);
        let count = (start..start + length).filter(|number| hits(percent, *number)).count() as f64;
        let share = length as f64 * f64::from(hundredths) / 1e4;
        prop_assert!((count - share).abs() < 1.0, "{count} of {share}");
    }
}

#[test]
fn a_hundred_calls_in_a_row_have_as_many_hits_as_percent() {
    for whole in 0..=100 {
        for start in [0, 100, 123_400, 999_900, 5_000_000] {
            let count = (start..start + 100).filter(|number| hits(percent(whole), *number)).count();
            assert_eq!(count, usize::from(whole), "from {start}");
        }
    }
    let least = Percent::try_from("0.25%").unwrap();
    assert_eq!((0..100_000).filter(|number| hits(least, *number)).count(), 250);
}

#[test]
fn parts_choose_apart_from_each_other() {
    let plan = Plan {
        delay: Some((percent(50), Duration::from_secs(2))),
        abort: Some((percent(50), Abort::Status(503))),
        slow_body: Some((percent(50), 1000)),
        ..Plan::default()
    };
    let counts = Counts::default();
    let mut seen = [0; 8];
    for _ in 0..800 {
        let looked = plan.look(&counts);
        let Blow { delay, abort, slow_body } = plan.next(&counts);
        assert_eq!(looked, Blow { delay, abort, slow_body }, "a look tells what comes");
        seen[usize::from(delay.is_some())
            + 2 * usize::from(abort.is_some())
            + 4 * usize::from(slow_body.is_some())] += 1;
    }
    let [plain, delayed, aborted, both, slow, slow_delayed, never, never_either] = seen;
    assert_eq!([aborted, both, never, never_either], [200, 200, 0, 0]);
    assert_eq!([plain + delayed, slow + slow_delayed], [200, 200]);
}

#[test]
fn a_fault_of_a_part_of_the_calls_leaves_the_others_alone() {
    let plan = Plan {
        percent: Some(percent(10)),
        abort: Some((percent(50), Abort::Reset)),
        delay: Some((Percent::ALL, Duration::from_millis(5))),
        ..Plan::default()
    };
    let counts = Counts::default();
    let blows: Vec<_> = (0..200).map(|_| plan.next(&counts)).collect();
    assert_eq!(blows.iter().filter(|blow| blow.is_none()).count(), 180);
    assert_eq!(blows.iter().filter(|blow| blow.delay.is_some()).count(), 20);
    assert_eq!(blows.iter().filter(|blow| blow.abort == Some(Abort::Reset)).count(), 10);
    assert_eq!(plan.words(), "of 10% of the calls: delays 100% by 5ms, resets the connection of 50%");
}
