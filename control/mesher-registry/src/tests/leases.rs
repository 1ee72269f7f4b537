//! T-INS-11…13: leases are renewed and run out.
//! They must not assume how the queue is kept, only when an instance is there and when it is gone.

use mesher_model::{ErrorCode, HealthCheck, Instance};

use super::{at, code, create, named, on_host, register, registry};
use crate::{ChangeKind, Registry, Tenant};

fn with_lease(interval: i64, times: i64) -> (Registry, String) {
    let mut registry = registry();
    let service = create(&mut registry, named("conf", "lease", "1.0.0"));
    let check = HealthCheck { mode: "push".to_owned(), interval, times, ..HealthCheck::default() };
    let instance = Instance { health_check: Some(check), ..on_host("l1") };
    registry.register_instance(Tenant::DEFAULT, &service, instance, || "l1".to_owned(), at(0)).unwrap();
    registry.take_changes();
    (registry, service)
}

#[test]
fn a_lease_lasts_interval_times_one_more_than_may_be_missed() {
    for (interval, times, ends) in [(5, 3, 20), (1, 1, 20), (30, 3, 120), (15, 3, 60)] {
        let (mut registry, service) = with_lease(interval, times);
        registry.expire(at(ends - 1));
        assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok(), "{interval} {times}");
        registry.expire(at(ends));
        let gone = registry.instance(Tenant::DEFAULT, &service, "l1", "");
        assert_eq!(code(gone), ErrorCode::InstanceNotExists, "{interval} {times}");
        let changes = registry.take_changes();
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].kind, changes[0].instance_id()), (ChangeKind::InstanceExpired, "l1"));
    }
}

#[test]
fn a_heartbeat_buys_a_whole_term() {
    let (mut registry, service) = with_lease(5, 3);
    for second in (15..100).step_by(15) {
        registry.expire(at(second));
        registry.heartbeat(Tenant::DEFAULT, &service, "l1", at(second)).unwrap();
    }
    registry.expire(at(109));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok());
    registry.expire(at(110));
    assert_eq!(
        code(registry.heartbeat(Tenant::DEFAULT, &service, "l1", at(110))),
        ErrorCode::InstanceNotExists
    );
}

#[test]
fn registering_a_living_instance_renews_it() {
    let (mut registry, service) = with_lease(5, 3);
    let again = Instance { instance_id: "l1".to_owned(), ..on_host("l1") };
    registry.register_instance(Tenant::DEFAULT, &service, again, String::new, at(19)).unwrap();
    registry.expire(at(38));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok());
    registry.expire(at(39));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_err());
}

#[test]
fn a_lease_of_the_past_does_not_end_a_new_one() {
    let (mut registry, service) = with_lease(5, 3);
    registry.unregister_instance(Tenant::DEFAULT, &service, "l1", at(0)).unwrap();
    register(&mut registry, &service, "l1", at(10));
    registry.expire(at(20));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok());
    registry.remove_service(Tenant::DEFAULT, &service, true, at(0)).unwrap();
    create(&mut registry, named("conf", "lease", "1.0.0"));
    register(&mut registry, &service, "l1", at(100));
    registry.expire(at(130));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok());
}

/// Registers so many instances of one service, all at second 0 with a lease of 120 s.
fn crowd(count: usize) -> (Registry, String) {
    let mut registry = registry();
    let service = create(&mut registry, named("conf", "lease", "1.0.0"));
    for number in 0..count {
        register(&mut registry, &service, &format!("h{number}"), at(0));
    }
    (registry, service)
}

#[test]
fn a_few_leases_end_together() {
    let (mut registry, _) = crowd(5);
    registry.expire(at(120));
    assert_eq!(registry.instance_count(), 1);
    assert!(!registry.is_expiry_paused(at(120)));
    registry.expire(at(1_000_000));
    assert_eq!(registry.own_instances().count(), 1, "the registry's own never ends");
}

/// RG-07, RG-17: most instances go silent at once, or the registry itself stood still.
#[test]
fn rg_07_where_nearly_all_fall_silent_their_ends_wait_for_one_lease_more() {
    let (mut registry, service) = crowd(500);
    for second in 120..240 {
        registry.expire(at(second));
        assert_eq!(registry.instance_count(), 501, "at {second}");
        assert!(registry.is_expiry_paused(at(second)));
    }
    // Whoever comes back is as it was.
    registry.heartbeat(Tenant::DEFAULT, &service, "h7", at(239)).unwrap();
    registry.expire(at(240));
    assert_eq!(registry.instance_count(), 2, "h7 and the registry's own");
    registry.expire(at(239 + 120));
    assert_eq!(registry.instance_count(), 1);
}

#[test]
fn the_wait_ends_where_the_others_come_back() {
    let (mut registry, service) = crowd(100);
    registry.expire(at(121));
    assert!(registry.is_expiry_paused(at(121)));
    for number in 0..90 {
        registry.heartbeat(Tenant::DEFAULT, &service, &format!("h{number}"), at(122)).unwrap();
    }
    registry.expire(at(127));
    assert_eq!(registry.instance_count(), 91, "those that stay away are gone");
    assert!(!registry.is_expiry_paused(at(127)));
}

#[test]
fn a_part_that_falls_silent_is_let_go() {
    let (mut registry, service) = crowd(100);
    for number in 0..30 {
        registry.heartbeat(Tenant::DEFAULT, &service, &format!("h{number}"), at(110)).unwrap();
    }
    registry.expire(at(120));
    assert_eq!(registry.instance_count(), 31);
}

#[test]
fn no_wait_is_longer_than_ten_minutes() {
    let mut registry = registry();
    let service = create(&mut registry, named("conf", "lease", "1.0.0"));
    let check = HealthCheck { mode: "push".to_owned(), interval: 3_600, times: 3, ..HealthCheck::default() };
    for number in 0..10 {
        let instance = Instance { health_check: Some(check.clone()), ..on_host("slow") };
        registry
            .register_instance(Tenant::DEFAULT, &service, instance, || format!("s{number}"), at(0))
            .unwrap();
    }
    registry.expire(at(14_400 + 599));
    assert_eq!(registry.instance_count(), 11);
    registry.expire(at(14_400 + 600));
    assert_eq!(registry.instance_count(), 1);
}

/// RG-19: the calendar jumps.
#[test]
fn rg_19_a_jump_of_the_calendar_ends_no_lease() {
    let (mut registry, service) = with_lease(5, 3);
    for (second, calendar) in [(1, 3_600), (2, 0), (3, u64::from(u32::MAX)), (4, 1)] {
        let now = crate::Moment {
            monotonic: std::time::Duration::from_secs(second),
            unix: std::time::Duration::from_secs(calendar),
        };
        registry.expire(now);
        registry.heartbeat(Tenant::DEFAULT, &service, "l1", now).unwrap();
    }
    registry.expire(at(23));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_ok());
    registry.expire(at(24));
    assert!(registry.instance(Tenant::DEFAULT, &service, "l1", "").is_err());
}
