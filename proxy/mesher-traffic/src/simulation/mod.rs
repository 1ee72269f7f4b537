//! Everything that stands between a call and a failure, together, under a clock of its own: rules, instances and their troubles
//! are drawn from a seed. What holds must hold for each seed; one for which it does not is told, and runs again alike.

mod consumer;
mod instance;
mod run;
mod setting;

use std::time::Duration;

use proptest::prelude::*;

use self::instance::{Fate, Instance};
use self::run::{Run, Score};
use self::setting::Setting;
use crate::RetryPolicy;
use crate::balance::{BalancePolicy, Strategy};
use crate::chance::Chance;
use crate::ejection::EjectionPolicy;
use crate::statuses::Statuses;

/// Seeds that once told something, of the product or of what is demanded here: they run each time.
const FOUND: [u64; 3] = [12_048_671_912_667_909_709, 16_400_425_249_636_285_462, 17_976_052_535_519_527_646];

/// Runs with seeds that nobody has seen before.
const FRESH: u32 = 2_000;

/// One run of a seed, with what must hold for it.
fn hold(seed: u64) {
    let score = Run::of_seed(seed).finish();
    let settled = &score.settled;
    let (failed, open) = (Score::of(settled, "failed"), Score::of(settled, "breaker open"));
    assert_eq!((failed, open), (0, 0), "all work, and have for long: {score:?}");
    let full = Score::of(settled, "bulkhead full");
    assert!(full <= 2, "nobody is pressed: {score:?}");
}

#[test]
fn what_once_failed_holds() {
    FOUND.into_iter().for_each(hold);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: FRESH, max_shrink_iters: 0, ..ProptestConfig::default() })]

    /// Put a seed that this names into [`FOUND`] to run it again.
    #[test]
    fn whatever_the_rules_and_troubles(seed in any::<u64>()) {
        hold(seed);
    }
}

#[test]
fn a_seed_makes_the_same_run_again() {
    let digests: Vec<_> = (0..20).map(|seed| Run::of_seed(seed).finish().digest).collect();
    let again: Vec<_> = (0..20).map(|seed| Run::of_seed(seed).finish().digest).collect();
    assert_eq!(digests, again);
    assert!(digests.iter().any(|digest| *digest != digests[0]), "seeds make a difference");
}

/// The share of calls that failed, or were refused, of many runs.
fn lost(make: impl Fn(Setting) -> Setting) -> f64 {
    let scores = (0..200).map(|seed| {
        let mut chance = Chance::new(seed);
        let mut setting = Setting { limit: None, idempotent: 1.0, ..Setting::drawn(&mut chance) };
        // Beside each one in trouble there is one without: there is somewhere to go.
        let troubled = setting.instances.iter().filter(|instance| instance.has_trouble()).count();
        setting.instances.extend((0..troubled).map(|_| Instance::well()));
        Run::new(make(setting), chance).finish()
    });
    let (good, all) = scores.fold((0, 0), |(good, all), score| {
        let [good_here, left] = ["good", "left"].map(|outcome| Score::of(&score.outcomes, outcome));
        (good + good_here, all + score.calls - left)
    });
    1.0 - good as f64 / all as f64
}

/// What the guide advises: tries elsewhere, instances that fail passed over, calls where fewer are under way.
fn advised(setting: Setting) -> Setting {
    Setting {
        retry: RetryPolicy { statuses: Statuses::of(&[503]), ..RetryPolicy::default() },
        ejection: Some(EjectionPolicy { consecutive_failures: 3, ..EjectionPolicy::default() }),
        balance: BalancePolicy { strategy: Strategy::LeastRequest, ..BalancePolicy::default() },
        ..setting.without_help()
    }
}

#[test]
fn little_is_lost_with_the_rules_that_are_advised() {
    let (with, without) = (lost(advised), lost(Setting::without_help));
    println!("lost: {:.4} % with rules, {:.3} % without any", with * 1e2, without * 1e2);
    assert!(without > 0.05, "there is trouble: {without}");
    assert!(with < 0.001, "{with} with rules, {without} without");
}

#[test]
fn instances_that_die_cost_no_call() {
    for seed in 0..200 {
        let mut chance = Chance::new(seed);
        let drawn = Setting::drawn(&mut chance);
        let at = Duration::from_millis(chance.below(20_000) as u64);
        let dying = |place| Instance {
            usual: 0.01,
            fates: if place < 2 { vec![(at, Fate::Dead)] } else { vec![(Duration::ZERO, Fate::Well)] },
        };
        // What holds without any rule: three tries, each elsewhere.
        let setting = Setting {
            retry: RetryPolicy::default(),
            balance: BalancePolicy::default(),
            instances: (0..5).map(dying).collect(),
            ..drawn.without_help()
        };
        let score = Run::new(setting, chance).finish();
        let [good, left] = ["good", "left"].map(|outcome| Score::of(&score.outcomes, outcome));
        assert_eq!(good + left, score.calls, "seed {seed}: {score:?}");
    }
}
