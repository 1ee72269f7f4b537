//! Tables and properties of the decisions.
//! They must hold for every list and every order of calls, not for one example.

use std::time::Duration;

use mesher_model::rule::{Document, Way};
use proptest::prelude::*;

use crate::retry::is_idempotent;
use crate::{Policy, RetryPolicy, RoundRobin, Safety, Suspects};

#[test]
fn nothing_is_picked_from_nothing() {
    assert_eq!(RoundRobin::default().pick(0, |_| true), None);
    assert_eq!(RoundRobin::default().pick(3, |_| false), None);
}

#[test]
fn places_are_taken_in_turn() {
    let mut rotation = RoundRobin::starting_at(1);
    let picks: Vec<_> = (0..5).filter_map(|_| rotation.pick(3, |_| true)).collect();
    assert_eq!(picks, [1, 2, 0, 1, 2]);
}

#[test]
fn a_further_try_needs_safety_and_a_place_in_the_budget() {
    let policy = RetryPolicy::default();
    let table = [
        (1, Safety::NothingSent, false, true),
        (2, Safety::NothingSent, false, true),
        (3, Safety::NothingSent, true, false),
        (1, Safety::MayHaveActed, true, true),
        (1, Safety::MayHaveActed, false, false),
        (1, Safety::Spent, true, false),
    ];
    for (tries, safety, idempotent, expected) in table {
        assert_eq!(
            policy.may_try_again(tries, safety, idempotent),
            expected,
            "{tries} {safety:?} {idempotent}"
        );
    }
    assert!(!is_idempotent(b"POST") && !is_idempotent(b"PATCH") && !is_idempotent(b"get"));
    assert!(is_idempotent(b"GET") && is_idempotent(b"DELETE"));
}

proptest! {
    #[test]
    fn eligible_places_share_alike(mask in proptest::collection::vec(any::<bool>(), 1..20), start in any::<u16>(), rounds in 1_usize..50) {
        let mut rotation = RoundRobin::starting_at(usize::from(start));
        let mut taken = vec![0_usize; mask.len()];
        for _ in 0..rounds {
            if let Some(place) = rotation.pick(mask.len(), |place| mask[place]) {
                prop_assert!(mask[place]);
                taken[place] += 1;
            }
        }
        let eligible: Vec<_> = taken.iter().zip(&mask).filter(|(_, mask)| **mask).map(|(count, _)| *count).collect();
        if let (Some(most), Some(least)) = (eligible.iter().max(), eligible.iter().min()) {
            prop_assert!(most - least <= 1);
            prop_assert_eq!(eligible.iter().sum::<usize>(), rounds);
        }
    }
}

mod policies {
    use mesher_model::rule::Document;
    use proptest::prelude::*;
    use serde_json::json;

    use std::collections::BTreeMap;
    use std::time::Duration;

    use crate::portion::{Member, Portion, is_member};
    use crate::{About, CallView, Caller, HeadView, KeyRules, Message, Own, Policy, RoutePolicy};

    /// A call that no rule asks anything of.
    struct Nothing;

    impl HeadView for Nothing {
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

    /// The share of a route's call with this count, as a place among its subsets.
    fn share(route: &RoutePolicy, count: u32) -> usize {
        let properties = &BTreeMap::new();
        let caller = Caller { service: "", application: "", version: "", properties };
        let choice = route.choose(&CallView { head: &Nothing, caller }, |_| count).unwrap();
        choice.subset.into()
    }

    fn document(kind: &str, name: &str, spec: serde_json::Value) -> Document {
        let metadata = json!({"name": name});
        let value = json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": metadata, "spec": spec});
        serde_json::from_value(value).unwrap()
    }

    fn route(weights: &[u32]) -> Document {
        let backends: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(place, weight)| json!({"subset": {"version": format!("{place}.0")}, "weight": weight}))
            .collect();
        document("Route", "canary", json!({"service": "a", "rules": [{"backends": backends}]}))
    }

    #[test]
    fn the_most_particular_document_holds() {
        let every = document("Timeout", "every", json!({"service": "*", "request": "9s"}));
        let own = document("Timeout", "own", json!({"service": "a", "request": "2s"}));
        for documents in [[&every, &own], [&own, &every]] {
            let policy = Policy::compile(documents).unwrap();
            assert_eq!(policy.request_timeout.unwrap().as_secs(), 2);
        }
        assert_eq!(Policy::compile([&every]).unwrap().request_timeout.unwrap().as_secs(), 9);
        let off = document("Timeout", "off", json!({"service": "a", "request": "0s"}));
        let lifted = Policy::compile([&every, &off]).unwrap().request_timeout;
        assert_eq!(lifted, Some(Duration::ZERO), "0s lifts what holds for all");
        let refused = Policy::compile([&own, &off]).unwrap_err().to_string();
        assert!(refused.contains("\"off\" and Timeout \"own\""), "{refused}");
    }

    #[test]
    fn keys_say_what_documents_say_and_the_more_particular_holds() {
        let keys = [
            ("servicecomb.request.timeout", "3000"),
            ("cse.request.timeout", "9000"),
            ("cse.request.a.timeout", " 2000 "),
            ("servicecomb.request.a.timeout", "1000"),
            ("servicecomb.request.other:b.timeout", "4000"),
            ("servicecomb.request.c.timeout", "soon"),
            ("servicecomb.request.timeouts", "1"),
            ("application.request.timeout", "1"),
        ];
        for keys in [keys.to_vec(), keys.into_iter().rev().collect()] {
            let rules = KeyRules::read(keys, &Own::default(), &KeyRules::default());
            let limit = |application: &str, service: &str| {
                let policy = rules.policy(&About::called(application, service), "kie").unwrap();
                policy.request_timeout.unwrap().as_secs()
            };
            assert_eq!((limit("default", "a"), limit("other", "b"), limit("default", "c")), (1, 4, 3));
            assert_eq!(rules.policy(&About::Provider, "kie"), None, "they are about calls that go out");
            assert_eq!(rules.problems.len(), 1, "{:?}", rules.problems);
            assert!(rules.problems[0].starts_with("servicecomb.request.c.timeout: \"soon\" is no timeout"));
        }
        for value in ["", "0", "-1", "1.5", "NaN", "86400001", "99999999999999999999"] {
            let rules = KeyRules::read(
                [("servicecomb.request.timeout", value)],
                &Own::default(),
                &KeyRules::default(),
            );
            assert!(rules.is_empty() && rules.problems.len() == 1, "{value:?}");
        }
    }

    #[test]
    fn a_subset_is_a_version_or_all() {
        let policy = Policy::compile([&route(&[0, 3])]).unwrap();
        let portions: Vec<_> = policy.route.as_ref().unwrap().portions().collect();
        assert_eq!(portions.len(), 1, "what has no weight takes no call");
        let Portion::Of(subset) = portions[0] else { panic!("{portions:?}") };
        let of = |version| Member { version, zone: "", properties: None };
        assert!(is_member(subset, of("1.0")) && !is_member(subset, of("0.0")) && !is_member(subset, of("")));
        assert!(is_member(&mesher_model::rule::Subset::default(), of("anything")));
        assert!(!policy.route.as_ref().unwrap().is_particular());
    }

    #[test]
    fn a_subset_is_all_of_what_it_says() {
        let subset = json!({"version": "1.0", "zone": "az-1", "properties": {"canary": "true"}});
        let rules = json!([{"backends": [{"subset": subset}]}]);
        let policy =
            Policy::compile([&document("Route", "canary", json!({"service": "a", "rules": rules}))]).unwrap();
        let route = policy.route.as_ref().unwrap();
        let portion = route.portions().next().unwrap();
        let Portion::Of(subset) = portion else { panic!("{portion:?}") };
        assert!(route.is_particular());
        assert_eq!(portion.to_string(), "version 1.0, zone az-1, property canary=true");
        let property = |value: &str| BTreeMap::from([("canary".to_owned(), value.to_owned())]);
        let (right, wrong) = (property("true"), property("false"));
        let member = Member { version: "1.0", zone: "az-1", properties: Some(&right) };
        assert!(is_member(subset, member));
        for other in [
            Member { version: "1.1", ..member },
            Member { zone: "", ..member },
            Member { properties: Some(&wrong), ..member },
            Member { properties: None, ..member },
        ] {
            assert!(!is_member(subset, other), "{other:?}");
        }
    }

    #[test]
    fn policies_of_the_same_documents_are_the_same() {
        let rule = |value| json!([{"matches": [{"path": {"type": "RegularExpression", "value": value}}], "backends": [{}]}]);
        let policy = |value| {
            Policy::compile([&document("Route", "x", json!({"service": "a", "rules": rule(value)}))]).unwrap()
        };
        assert_eq!(policy("/a.*"), policy("/a.*"));
        assert_ne!(policy("/a.*"), policy("/b.*"));
    }

    proptest! {
        #[test]
        fn every_share_gets_its_part_of_any_run(
            weights in prop::collection::vec(0_u32..1_000_000, 1..=16),
            first in any::<u32>(),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let policy = Policy::compile([&route(&weights)]).unwrap().route.unwrap();
            let calls = 2_000_u32;
            let mut counts = vec![0_i64; policy.portions().len()];
            for call in 0..calls {
                counts[share(&policy, first.wrapping_add(call))] += 1;
            }
            let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            let with_weight = weights.iter().filter(|weight| **weight > 0);
            for (count, weight) in counts.iter().zip(with_weight) {
                let expected = f64::from(*weight) / total * f64::from(calls);
                // The discrepancy of the golden ratio over so many points is a few calls.
                prop_assert!((*count as f64 - expected).abs() < 8.0, "{counts:?} of {weights:?}");
            }
        }
    }
}

/// Who takes a first and a further try at this second.
fn taken(suspects: &Suspects<u32>, second: u64) -> [bool; 2] {
    [true, false].map(|is_first_try| suspects.may_take(1, Duration::from_secs(second), is_first_try))
}

#[test]
fn who_refuses_is_passed_over_for_longer_and_longer_and_found_out_by_one_call() {
    let mut suspects = Suspects::default();
    assert_eq!(taken(&suspects, 0), [true, true]);
    let mut now = 100;
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        // Many calls were on their way there: what each of them meets is one refusal.
        let refused = [0; 9].map(|_| suspects.refused(1, Duration::from_secs(now)));
        assert_eq!(refused.map(usize::from).iter().sum::<usize>(), usize::from(pause == 1));
        assert_eq!(taken(&suspects, now + pause - 1), [false, false], "{pause}");
        assert_eq!(taken(&suspects, now + pause), [true, false], "{pause}: a first try finds out");
        now += pause;
        suspects.chosen(1, Duration::from_secs(now));
        assert_eq!(taken(&suspects, now), [false, false], "{pause}: one is enough");
    }
    suspects.left(1, Duration::from_secs(now));
    assert_eq!(taken(&suspects, now), [true, false], "the caller left: the next one finds out");
    suspects.left(1, Duration::from_secs(now + 10));
    assert_eq!(taken(&suspects, now), [true, false], "only one that was to find out says so");
    assert!(suspects.may_take(2, Duration::from_secs(now), false), "another one has nothing to do with it");
    assert!(suspects.answered(1) && !suspects.answered(1));
    assert_eq!((taken(&suspects, now), suspects.is_empty()), ([true, true], true));
    suspects.refused(1, Duration::ZERO);
    suspects.refused(2, Duration::ZERO);
    suspects.retain(|key| key == 2);
    assert_eq!([1, 2].map(|key| suspects.may_take(key, Duration::ZERO, true)), [true, false]);
}

fn egress(rules: serde_json::Value, otherwise: &str) -> Policy {
    let document = serde_json::json!({"apiVersion": "mesher/v1", "kind": "Egress", "metadata": {"name": "out"},
        "spec": {"service": "a", "rules": rules, "otherwise": otherwise}});
    Policy::compile([&serde_json::from_value::<Document>(document).unwrap()]).unwrap()
}

#[test]
fn the_first_rule_that_is_about_a_host_and_port_decides() {
    let policy = egress(
        serde_json::json!([
            {"name": "never", "hosts": ["bad.example.org"], "action": "Refuse"},
            {"hosts": ["*.Example.org", "10.0.0.1", "::1"], "ports": [80, 8080], "action": "Allow"},
            {"hosts": ["*.internal.example.org"], "action": "Route", "to": "gateway"},
            {"hosts": ["*"], "ports": [9], "action": "Allow"},
        ]),
        "Refuse",
    );
    let egress = policy.egress.unwrap();
    let told = |host: &str, port| egress.describe(egress.decide(host, port));
    for (host, port, expected) in [
        ("bad.example.org", 80, "rule never of Egress out refuses it"),
        ("very.bad.example.org", 80, "rule 2 of Egress out allows it"),
        ("a.example.org", 8080, "rule 2 of Egress out allows it"),
        ("a.example.org.", 8080, "rule 2 of Egress out allows it"),
        ("a.b.example.org", 80, "rule 2 of Egress out allows it"),
        ("a.example.org", 443, "Egress out, of which no rule is about it, refuses it"),
        ("example.org", 80, "Egress out, of which no rule is about it, refuses it"),
        ("xexample.org", 80, "Egress out, of which no rule is about it, refuses it"),
        ("a.internal.example.org", 80, "rule 2 of Egress out allows it"),
        ("a.internal.example.org", 443, "rule 3 of Egress out sends it to gateway"),
        ("10.0.0.1", 80, "rule 2 of Egress out allows it"),
        ("::1", 80, "rule 2 of Egress out allows it"),
        ("10.0.0.2", 80, "Egress out, of which no rule is about it, refuses it"),
        ("10.0.0.2", 9, "rule 4 of Egress out allows it"),
    ] {
        assert_eq!(told(host, port), expected, "{host}:{port}");
    }
    let open = self::egress(serde_json::json!([]), "Allow").egress.unwrap();
    assert_eq!(open.decide("anything.example", 1).way, Way::Allow);
}

mod portions {
    use std::collections::BTreeMap;

    use mesher_model::rule::Subset;

    use crate::portion::{Member, Portion};

    fn version(version: &str) -> Subset {
        Subset { version: Some(version.to_owned()), ..Subset::default() }
    }

    #[test]
    fn a_portion_is_found_among_all_instances() {
        let blue = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        let of = |version, properties| Member { version, zone: "", properties };
        let all = [
            of("1.2", None),
            of("1.10.0", Some(&blue)),
            of("1.10", None),
            of("next", Some(&blue)),
            of("0.0.0", None),
        ];
        let blues = Subset { properties: blue.clone(), ..Subset::default() };
        let any_of = Portion::AnyOf([version("1.2"), version("next")].into());
        for (portion, expected, words) in [
            (Portion::Of(version("1.2")), [true, false, false, false, false], "version 1.2"),
            (any_of.clone(), [true, false, false, true, false], "version 1.2 or version next"),
            (Portion::Newest(Subset::default()), [false, true, true, false, false], "the newest version"),
            (
                Portion::Newest(blues.clone()),
                [false, true, false, false, false],
                "the newest version of property team=blue",
            ),
            (Portion::Newest(version("0.0.0")), [false; 5], "the newest version"),
            (
                Portion::NoneOf([any_of, Portion::Of(blues)].into()),
                [false, false, true, false, true],
                "the rest (all but version 1.2 or version next and property team=blue)",
            ),
            (Portion::NoneOf([].into()), [true; 5], "any version"),
        ] {
            assert_eq!(*portion.members(&all), expected, "{portion}");
            assert_eq!(portion.to_string(), words);
            assert!(portion.members(&[]).is_empty());
        }
    }
}
