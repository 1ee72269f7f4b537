//! Parts of limits that the mesh shares: what is told of them, and what is set.
//! It must open no link, and wait for no clock.

use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::Document;
use mesher_model::rule::link::{Demand, LIMIT_WHOLE, LimitKey, Slice};
use mesher_traffic::limit::{Counter, LimitRule};
use mesher_traffic::{CallView, Caller, HeadView, Message, Policy};

use super::leases::Leases;
use crate::snapshot::{Cluster, ClusterId, ClusterKind, Snapshot};

/// The time between two looks.
const TICK: Duration = Duration::from_millis(250);

struct Bare;

impl HeadView for Bare {
    fn message(&self) -> Option<Message<'_>> {
        None
    }

    fn any_field(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }

    fn each_name(&self, _: &mut dyn FnMut(&[u8])) {}

    fn address(&self) -> Option<std::net::IpAddr> {
        None
    }
}

/// A shop under a limit of so many calls a second.
fn shop(requests: u32, before: Option<&Arc<Cluster>>) -> Arc<Cluster> {
    let document = format!(
        r#"{{"apiVersion": "mesher/v1", "kind": "RateLimit", "metadata": {{"name": "calm"}},
            "spec": {{"service": "shop", "side": "Consumer", "limits": [{{"name": "all", "requests": {requests}, "scope": "Mesh"}}]}}}}"#
    );
    let document: Document = serde_json::from_str(&document).unwrap();
    let policy = Arc::new(Policy::compile([&document]).unwrap());
    let fresh = || Arc::new(Cluster::new(ClusterId(1), "shop", ClusterKind::Service, Vec::new()));
    before
        .map_or_else(fresh, Arc::clone)
        .governed(Some(policy), mesher_traffic::balance::Locality { region: "", zone: "" })
}

fn snapshot(number: u64, shop: &Arc<Cluster>) -> Snapshot {
    let mut snapshot = Snapshot::numbered(number);
    snapshot.add_service("shop", Arc::clone(shop));
    snapshot
}

fn limit(shop: &Cluster) -> (&LimitRule, &Counter) {
    let limits = shop.governance.as_ref().unwrap().guards.limits.as_ref().unwrap();
    let (entry, counter) = limits.all().next().unwrap();
    (&entry.item, counter)
}

/// Makes so many calls; answers how many of them pass.
fn call(shop: &Cluster, count: usize, now: Duration) -> usize {
    let limits = shop.governance.as_ref().unwrap().guards.limits.as_ref().unwrap();
    let view = CallView { head: &Bare, caller: Caller::named("webapp") };
    (0..count).filter(|_| mesher_traffic::limit::check(limits, &view, &|_| 0, now).is_ok()).count()
}

fn parts(shop: &Cluster) -> u32 {
    match limit(shop).1 {
        Counter::Shared(share) => share.parts(),
        _ => panic!("no share"),
    }
}

/// What is told now; nothing where nothing is.
async fn told(leases: &Leases) -> Vec<Demand> {
    tokio::time::timeout(Duration::ZERO, leases.demands()).await.unwrap_or_default()
}

fn slice(key: &LimitKey, parts: u32, proxies: u32) -> Vec<Slice> {
    vec![Slice { key: key.clone(), parts, proxies }]
}

#[tokio::test]
async fn what_was_asked_is_told_and_what_is_given_is_set() {
    let (leases, shop) = (Leases::default(), shop(100, None));
    let first = snapshot(1, &shop);
    let mut now = Duration::from_secs(10);
    assert!(leases.look_at(&first, now));
    assert_eq!(told(&leases).await, [], "there is no link");
    assert_eq!(parts(&shop), LIMIT_WHOLE / 8);
    leases.link_is(true);
    now += TICK;
    leases.look_at(&first, now);
    let [demand] = told(&leases).await.try_into().unwrap();
    assert_eq!((demand.wanted, demand.proxies), (0, 0));
    assert_eq!((demand.key.target.service.as_str(), demand.key.limit.as_str()), ("shop", "calm/all"));
    leases.take(slice(&demand.key, LIMIT_WHOLE / 2, 2), now);
    assert_eq!(
        (parts(&shop), call(&shop, 80, now)),
        (LIMIT_WHOLE / 2, 50),
        "half of the burst is there at once"
    );
    // Eighty calls in a quarter of a second are more than three times the limit; half of that at first.
    now += TICK;
    leases.look_at(&first, now);
    let [demand] = told(&leases).await.try_into().unwrap();
    assert_eq!((demand.wanted, demand.proxies), (u64::from(LIMIT_WHOLE) * 8 / 5, 2));
    // What nobody wants is told once, and no more.
    for _ in 0..20 {
        now += TICK;
        leases.look_at(&first, now);
    }
    assert!(matches!(told(&leases).await.as_slice(), [Demand { wanted: 0, .. }]));
    leases.look_at(&first, now + TICK);
    assert_eq!(told(&leases).await, []);
}

#[tokio::test]
async fn parts_slide_while_the_link_is_gone_and_pass_to_a_changed_limit() {
    let (leases, older) = (Leases::default(), shop(100, None));
    let mut now = Duration::from_secs(10);
    leases.link_is(true);
    leases.look_at(&snapshot(1, &older), now);
    let [demand] = told(&leases).await.try_into().unwrap();
    leases.take(slice(&demand.key, LIMIT_WHOLE / 4, 8), now);
    let changed = shop(200, Some(&older));
    now += TICK;
    let second = snapshot(2, &changed);
    leases.look_at(&second, now);
    assert_eq!(
        (parts(&changed), call(&changed, 99, now)),
        (LIMIT_WHOLE / 4, 50),
        "a fourth of the new burst"
    );
    leases.link_is(false);
    now += TICK;
    leases.look_at(&second, now);
    assert_eq!((told(&leases).await, parts(&changed)), (Vec::new(), LIMIT_WHOLE / 4));
    leases.look_at(&second, now + Duration::from_secs(60));
    assert_eq!(parts(&changed), LIMIT_WHOLE / 4 / 8 * 7 + LIMIT_WHOLE / 8 / 8);
    // Without a limit there is nothing to look at.
    assert!(!leases.look_at(&Snapshot::numbered(3), now));
}
