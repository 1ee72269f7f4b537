//! What of a service is kept when a source names far fewer endpoints at once than before.
//! It must believe what is said of a single instance, and must let go of everything in the end.

use std::time::{Duration, Instant};

use hashbrown::HashSet;

use crate::snapshot::{Endpoint, EndpointId};

/// How long endpoints are kept that no source names any more, as long as they accept connections.
const KEEP_TIME_MAX: Duration = Duration::from_secs(600);
/// Where others are left, those that are kept are let go one after the other from then on.
const RELEASE_AFTER: Duration = Duration::from_secs(300);
/// How long those are kept that have not come back when most have: three heartbeats.
const RECOVERY_TIME: Duration = Duration::from_secs(30);
/// A service with more endpoints than this is doubted when few are left; a smaller one when none is.
const SMALL_MAX: usize = 5;
/// Fewer than one in so many are few.
const FEW: usize = 5;

/// A set that is not believed.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    since: Instant,
    /// How many there were.
    before: usize,
    /// Since when so many are named again that those which are not are probably gone.
    recovered_at: Option<Instant>,
    /// Whether the endpoints that are kept are just being asked.
    pub(super) is_probing: bool,
}

/// Answers what is kept of `old` where the source names `new` now, and whether that is a new doubt. `is_gone` says
/// of which the source says itself that they take no calls.
pub(super) fn keep(
    doubt: &mut Option<Doubt>,
    old: Vec<Endpoint>,
    new: &[Endpoint],
    is_gone: impl Fn(&Endpoint) -> bool,
    now: Instant,
) -> (Vec<Endpoint>, bool) {
    let before = doubt.as_ref().map_or(old.len(), |doubt| doubt.before);
    let is_new = doubt.is_none();
    if is_new && !is_doubtful(before, new.len()) {
        return (Vec::new(), false);
    }
    let current = doubt.get_or_insert(Doubt { since: now, before, recovered_at: None, is_probing: false });
    current.recovered_at =
        if is_doubtful(before, new.len()) { None } else { current.recovered_at.or(Some(now)) };
    let allowance = current.allowance(new.len(), now);
    let names: HashSet<EndpointId> = new.iter().map(|endpoint| endpoint.id).collect();
    let is_named = |endpoint: &Endpoint| names.contains(&endpoint.id);
    let mut kept: Vec<_> =
        old.into_iter().filter(|endpoint| !is_named(endpoint) && !is_gone(endpoint)).collect();
    kept.truncate(allowance);
    kept.iter_mut().for_each(|endpoint| endpoint.is_kept = true);
    if kept.is_empty() {
        *doubt = None;
    }
    let is_new = is_new && !kept.is_empty();
    (kept, is_new)
}

/// Whether it is unlikely that a service with so many endpoints has only so many left.
fn is_doubtful(before: usize, left: usize) -> bool {
    (left == 0 && before > 0) || (before > SMALL_MAX && left * FEW <= before)
}

impl Doubt {
    /// How many may be kept now.
    fn allowance(&self, left: usize, now: Instant) -> usize {
        let age = now.saturating_duration_since(self.since);
        let is_over = self.recovered_at.is_some_and(|at| now.saturating_duration_since(at) >= RECOVERY_TIME);
        if is_over || age >= KEEP_TIME_MAX {
            return 0;
        }
        // With nobody else left, fewer and fewer would only have to carry more and more.
        if left == 0 || age < RELEASE_AFTER {
            return usize::MAX;
        }
        let remaining = (KEEP_TIME_MAX - age).as_secs_f64() / (KEEP_TIME_MAX - RELEASE_AFTER).as_secs_f64();
        // Not a number of any precision: it only has to fall from all to none.
        (self.before as f64 * remaining) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Doubt, keep};
    use crate::discovery::endpoints::{EndpointIds, usable};
    use crate::snapshot::{Endpoint, Origin};

    fn endpoints(count: usize) -> Vec<Endpoint> {
        let instance = |number| mesher_model::Instance {
            instance_id: format!("i{number:03}"),
            status: "UP".to_owned(),
            endpoints: vec![format!("rest://10.0.0.{}:80", number + 1)],
            ..mesher_model::Instance::default()
        };
        let instances: Vec<_> = (0..count).map(instance).collect();
        usable(&mut EndpointIds::default(), (Origin::Registry, false), "x", &[], &instances)
    }

    /// How many are kept when `left` of `all` are named, `seconds` after the doubt began.
    fn kept(doubt: &mut Option<Doubt>, all: &[Endpoint], left: usize, begun: Instant, seconds: u64) -> usize {
        let now = begun + Duration::from_secs(seconds);
        keep(doubt, all.to_vec(), &all[..left], |_| false, now).0.len()
    }

    #[test]
    fn rg_07_only_sets_that_lose_nearly_all_are_doubted() {
        let begun = Instant::now();
        for (before, left, expected) in [
            (100, 100, 0),
            (100, 99, 0),
            (100, 21, 0),
            (100, 20, 80),
            (100, 1, 99),
            (100, 0, 100),
            (6, 1, 5),
            (6, 2, 0),
            (5, 1, 0),
            (5, 0, 5),
            (1, 0, 1),
            (0, 0, 0),
        ] {
            let all = endpoints(before);
            assert_eq!(kept(&mut None, &all, left, begun, 0), expected, "{left} of {before} are left");
        }
    }

    #[test]
    fn rg_07_what_is_kept_is_let_go_one_after_the_other_within_ten_minutes() {
        let (begun, all) = (Instant::now(), endpoints(100));
        let mut doubt = None;
        let course = [0, 60, 299, 360, 450, 540, 600];
        let counts = course.map(|seconds| kept(&mut doubt, &all, 20, begun, seconds));
        assert_eq!(counts, [80, 80, 80, 80, 50, 20, 0]);
        assert!(doubt.is_none());
    }

    #[test]
    fn rg_06_an_emptied_set_is_kept_whole_to_the_end() {
        let (begun, all) = (Instant::now(), endpoints(3));
        let mut doubt = None;
        assert_eq!([0, 300, 599, 600].map(|seconds| kept(&mut doubt, &all, 0, begun, seconds)), [3, 3, 3, 0]);
    }

    #[test]
    fn those_that_have_not_come_back_are_let_go_soon_after_the_others_have() {
        let (begun, all) = (Instant::now(), endpoints(4));
        let mut doubt = None;
        assert_eq!(kept(&mut doubt, &all, 0, begun, 0), 4);
        assert_eq!(kept(&mut doubt, &all, 3, begun, 10), 1);
        assert_eq!(kept(&mut doubt, &all, 3, begun, 39), 1);
        assert_eq!(kept(&mut doubt, &all, 3, begun, 40), 0);
        assert!(doubt.is_none(), "a set that has recovered is believed again");
        assert_eq!(kept(&mut doubt, &all, 4, begun, 41), 0);
    }

    #[test]
    fn what_a_source_says_of_one_instance_is_believed() {
        let all = endpoints(2);
        let gone = |endpoint: &Endpoint| endpoint.instance.as_ref() == "i000";
        let (kept, is_new) = keep(&mut None, all.clone(), &[], gone, Instant::now());
        assert_eq!((kept.len(), is_new), (1, true));
        assert_eq!(kept[0].instance, all[1].instance);
        assert!(kept[0].is_kept);
        let (kept, is_new) = keep(&mut None, all, &[], |_| true, Instant::now());
        assert_eq!((kept.len(), is_new), (0, false));
    }
}
