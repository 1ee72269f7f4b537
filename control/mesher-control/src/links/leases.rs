//! Limits that the whole mesh shares: who wants how much of each, and who has which part.
//! It must know no limit's size: proxies tell what they want in parts of it, and get parts.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mesher_model::rule::link::{Demand, LIMIT_NAME_BYTES_MAX, LIMIT_WHOLE, LimitKey, Slice};
use mesher_traffic::limit::slices;

/// How often a limit is divided anew, whatever proxies tell in between.
const DIVIDE_PAUSE: Duration = Duration::from_millis(100);
/// Up to so many proxies a limit is divided anew at once for each that comes; for more, with the next division.
const FEW: usize = 64;
/// How long a division waits for proxies that had parts of the limit before, after the control plane has begun: until then
/// they have these still.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(2);
/// How long a proxy whose link ended keeps its part: it goes on with it, as long as it is there.
const AWAY_TIME_MAX: Duration = Duration::from_secs(10);
/// A proxy that has not asked is told of a part that has changed by more than one in so many.
const TELLING_CHANGE: u32 = 16;
/// How long a limit is remembered of which nobody tells: proxies that want nothing are silent, and ask anew.
const SILENT_TIME_MAX: Duration = Duration::from_secs(600);
/// Limits that are divided at one time.
const LIMITS_MAX: usize = 10_000;

/// All limits of which proxies tell.
#[derive(Debug, Default)]
pub(super) struct Leases {
    limits: HashMap<LimitKey, Division>,
}

/// One limit among its proxies.
#[derive(Debug)]
struct Division {
    began: Duration,
    /// When somebody told of it last.
    heard: Duration,
    divided: Option<Duration>,
    members: BTreeMap<String, Member>,
}

#[derive(Debug, Default)]
struct Member {
    wanted: u64,
    /// Among how many the limit was divided before this control plane began.
    known: u32,
    /// None before the first division that it is part of.
    parts: Option<u32>,
    /// Parts and number of proxies, as they were told last.
    told: Option<(u32, u32)>,
    away_since: Option<Duration>,
}

impl Leases {
    /// Takes note of what a proxy wants; answers the proxies that have to be told of the limit.
    pub(super) fn take(&mut self, id: &str, demand: Demand, now: Duration) -> Vec<String> {
        let is_known = self.limits.contains_key(&demand.key);
        if !is_known {
            self.limits.retain(|_, other| now.saturating_sub(other.heard) < SILENT_TIME_MAX);
        }
        if demand.key.limit.len() > LIMIT_NAME_BYTES_MAX || (!is_known && self.limits.len() >= LIMITS_MAX) {
            return Vec::new();
        }
        let division = self.limits.entry(demand.key).or_insert_with(|| Division::new(now));
        division.heard = now;
        let is_new = !division.members.contains_key(id);
        let member = division.members.entry(id.to_owned()).or_default();
        (member.wanted, member.known, member.away_since) = (demand.wanted, demand.proxies, None);
        // Whoever asks is answered.
        member.told = None;
        let is_of_few = is_new && division.members.len() <= FEW;
        if division.has_settled(now) && (is_of_few || division.is_due(now)) {
            division.divide(now);
            return division.untold();
        }
        vec![id.to_owned()]
    }

    /// The part of a proxy, once; `None` where it has been told, or has none yet.
    pub(super) fn tell(&mut self, id: &str, key: &LimitKey) -> Option<Slice> {
        let division = self.limits.get_mut(key)?;
        let proxies = division.proxies();
        let member = division.members.get_mut(id)?;
        let parts = member.parts?;
        member.told = Some((parts, proxies));
        Some(Slice { key: key.clone(), parts, proxies })
    }

    /// Takes note that a proxy's link ended: it has its parts for a while still.
    pub(super) fn leave(&mut self, id: &str, now: Duration) {
        for member in self.limits.values_mut().filter_map(|division| division.members.get_mut(id)) {
            member.away_since = Some(now);
        }
    }

    /// Forgets a proxy that ended, or has new rules: what it tells from now on counts.
    pub(super) fn forget(&mut self, id: &str) {
        self.limits.retain(|_, division| {
            division.members.remove(id);
            !division.members.is_empty()
        });
    }
}

impl Division {
    const fn new(now: Duration) -> Self {
        Self { began: now, heard: now, divided: None, members: BTreeMap::new() }
    }

    fn proxies(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// Whether as many have told of it as had parts of it before.
    fn has_settled(&self, now: Duration) -> bool {
        let known = self.members.values().map(|member| member.known).max().unwrap_or(0);
        self.divided.is_some() || self.proxies() >= known || now.saturating_sub(self.began) >= SETTLE_TIME_MAX
    }

    fn is_due(&self, now: Duration) -> bool {
        self.divided.is_none_or(|divided| now.saturating_sub(divided) >= DIVIDE_PAUSE)
    }

    fn divide(&mut self, now: Duration) {
        self.divided = Some(now);
        self.members.retain(|_, member| {
            member.away_since.is_none_or(|since| now.saturating_sub(since) < AWAY_TIME_MAX)
        });
        // One that is away cannot be told: it has what it has, and the others have the rest.
        let away = |member: &&Member| member.away_since.is_some();
        let gone: u64 =
            self.members.values().filter(away).map(|member| u64::from(member.parts.unwrap_or(0))).sum();
        let rest = u64::from(LIMIT_WHOLE).saturating_sub(gone);
        let here = || self.members.values().filter(|member| member.away_since.is_none());
        let parts = slices(&here().map(|member| member.wanted).collect::<Vec<_>>());
        let here = self.members.values_mut().filter(|member| member.away_since.is_none());
        for (member, parts) in here.zip(parts) {
            // Not more than the parts before, which are of 32 bits.
            member.parts = Some((u64::from(parts) * rest / u64::from(LIMIT_WHOLE)) as u32);
        }
    }

    /// Those whose part is another one than they were told.
    fn untold(&self) -> Vec<String> {
        let proxies = self.proxies();
        let is_untold = |member: &Member| {
            let is_other = |(parts, among): (u32, u32)| {
                among != proxies
                    || member.parts.is_some_and(|now| now.abs_diff(parts) > parts / TELLING_CHANGE)
            };
            member.away_since.is_none() && member.told.is_none_or(is_other)
        };
        let untold = self.members.iter().filter(|(_, member)| is_untold(member));
        untold.map(|(id, _)| id.clone()).collect()
    }
}
