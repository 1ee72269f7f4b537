//! Keys of balancing as users of both SDKs write them, and what a call's rule is then.
//! It must name what the references name, and nothing else.

use std::time::Duration;

use super::{Call, call, good, read};
use crate::balance::{BalancePolicy, Persistence, Strategy, ZoneRule};
use crate::{About, CallView, Caller, KeyRules, Own};

/// The rule that is about a call of the web shop to a service, with its key.
fn rule(rules: &KeyRules, service: &str, call: &Call) -> Option<(String, BalancePolicy)> {
    let policy = rules.policy(&About::called("default", service), "kie")?;
    let balance = policy.balance.as_ref()?;
    let picked = balance.pick(&CallView { head: call, caller: Caller::named("web-shop") });
    picked.map(|(_, entry)| (entry.name.to_string(), entry.item.clone()))
}

fn strategy(rules: &KeyRules, service: &str) -> Option<Strategy> {
    rule(rules, service, &call("/")).map(|(_, policy)| policy.strategy)
}

const STAYS: Persistence =
    Persistence::Caller { idle_limit: Some(Duration::from_secs(30)), failures_max: Some(5) };

#[test]
fn a_service_has_its_own_strategy_or_that_of_all() {
    let rules = good(&[
        ("servicecomb.loadbalance.strategy.name", "Random"),
        ("servicecomb.loadbalance.pay.strategy.name", "WeightedResponse"),
        ("cse.loadbalance.pay.strategy.name", "RoundRobin"),
        ("cse.loadbalance.pay.v2.strategy.name", "PeakEwma"),
        ("servicecomb.loadbalance.other:order.strategy.name", "LeastRequest"),
        // Those of others.
        ("servicecomb.loadbalance.retryHandler", "default"),
        ("servicecomb.loadbalance.pay.transactionControl.policy", "own.Filter"),
    ]);
    assert_eq!(strategy(&rules, "shop"), Some(Strategy::Random));
    assert_eq!(strategy(&rules, "pay"), Some(Strategy::WeightedResponse), "the newer prefix");
    assert_eq!(strategy(&rules, "pay.v2").map(Strategy::as_str), Some("PeakEwma"));
    let policy = rules.policy(&About::called("other", "order"), "kie").unwrap();
    assert_eq!(policy.balance.unwrap().entries()[0].item.strategy, Strategy::LeastRequest);
    let [said] = &*policy.said else { panic!("{:?}", policy.said) };
    assert_eq!(
        (said.name.as_str(), said.service.as_str()),
        ("servicecomb.loadbalance.other:order.strategy.name", "order")
    );
    assert_eq!(rules.policy(&About::Provider, "kie"), None, "callers balance");
}

#[test]
fn sessions_are_those_of_java() {
    let sticky = ("servicecomb.loadbalance.strategy.name", "SessionStickiness");
    let persistence = |keys: &[(&str, &str)]| {
        let (_, policy) = rule(&good(keys), "pay", &call("/")).unwrap();
        policy.persistence
    };
    assert_eq!(persistence(&[sticky]), Some(STAYS));
    let timeout = "servicecomb.loadbalance.pay.SessionStickinessRule.sessionTimeoutInSeconds";
    let failures = "cse.loadbalance.SessionStickinessRule.successiveFailedTimes";
    let minute = Some(Duration::from_secs(60));
    let given = persistence(&[sticky, (timeout, "60"), (failures, "2")]);
    assert_eq!(given, Some(Persistence::Caller { idle_limit: minute, failures_max: Some(2) }));
    // Less than one turns it off.
    let off = persistence(&[sticky, (timeout, "-1"), (failures, "0")]);
    assert_eq!(off, Some(Persistence::Caller { idle_limit: None, failures_max: None }));
    assert_eq!(persistence(&[("servicecomb.loadbalance.strategy.name", "Random"), (timeout, "60")]), None);
}

#[test]
fn zones_count_where_that_is_asked_for() {
    let zone = |keys: &[(&str, &str)]| rule(&good(keys), "pay", &call("/")).map(|(_, policy)| policy.zone);
    let java = "servicecomb.loadbalance.filter.zoneaware";
    let (enabled, ratio, ceiling) =
        (format!("{java}.enabled"), format!("{java}.ratio"), format!("{java}.ratioCeiling"));
    let on = (enabled.as_str(), "true");
    assert_eq!(zone(&[on]), Some(Some(ZoneRule::Ratio { least: 30, most: 70 })));
    assert_eq!(zone(&[on, (&ratio, "20")]), Some(Some(ZoneRule::Ratio { least: 20, most: 80 })));
    assert_eq!(
        zone(&[on, (&ratio, "20"), (&ceiling, "90")]),
        Some(Some(ZoneRule::Ratio { least: 20, most: 90 }))
    );
    assert_eq!(zone(&[(&enabled, "false")]), None);
    let go = ("cse.loadbalance.serverListFilters", "zoneaware");
    assert_eq!(zone(&[go]), Some(Some(ZoneRule::Ratio { least: 0, most: 100 })));
}

/// control-plane-api §4.2: a rule for the calls of a match group stands before that of their service.
#[test]
fn a_match_group_has_a_rule_of_its_own() {
    let rules = good(&[
        ("servicecomb.matchGroup.login", "matches:\n  - apiPath: {exact: /login}\n"),
        ("servicecomb.loadbalance.login", "rule: SessionStickiness\norder: 1\n"),
        ("servicecomb.loadbalance.strategy.name", "Random"),
    ]);
    let (name, policy) = rule(&rules, "pay", &call("/login")).unwrap();
    assert_eq!((name.as_str(), policy.persistence), ("servicecomb.loadbalance.login", Some(STAYS)));
    let (name, policy) = rule(&rules, "pay", &call("/")).unwrap();
    assert_eq!((name.as_str(), policy.strategy), ("servicecomb.loadbalance.strategy.name", Strategy::Random));
}

#[test]
fn the_last_good_value_holds_where_one_cannot_be_used() {
    let keys = [
        "strategy.name",
        "SessionStickinessRule.successiveFailedTimes",
        "filter.zoneaware.ratio",
        "filter.zoneaware.enabled",
        "serverListFilters",
    ]
    .map(|word| format!("servicecomb.loadbalance.{word}"));
    let [name, failures, ratio, enabled, filters] = keys.each_ref().map(String::as_str);
    let before = good(&[(name, "SessionStickiness"), (failures, "3"), (ratio, "20"), (enabled, "true")]);
    let expected = rule(&before, "pay", &call("/"));
    for (key, value, told) in [
        (name, "Fastest", "\"Fastest\" is no strategy: RoundRobin"),
        (name, "Maglev", "is no strategy"),
        (failures, "few", "is no whole number"),
        (ratio, "101", "is no whole number from 0 to 100"),
        (enabled, "yes", "is neither true nor false"),
    ] {
        let mut all = vec![(name, "SessionStickiness"), (failures, "3"), (ratio, "20"), (enabled, "true")];
        all.iter_mut().filter(|(known, _)| *known == key).for_each(|entry| entry.1 = value);
        let rules = KeyRules::read(all, &Own::default(), &before);
        assert_eq!(rule(&rules, "pay", &call("/")), expected, "{key}: {value}");
        let [problem] = rules.problems.as_slice() else { panic!("{:?}", rules.problems) };
        assert!(problem.contains(told) && problem.ends_with("its last good value holds"), "{problem}");
        assert_eq!(rules.holding().count(), 4);
    }
    let rules = read(&[(filters, "zoneaware,mine")]);
    assert!(rules.problems[0].ends_with("it is as if the key were not there"), "{:?}", rules.problems);
    let governed = read(&[
        ("servicecomb.matchGroup.a", "matches:\n  - apiPath: {exact: /a}\n"),
        ("servicecomb.loadbalance.a", "rule: Fastest\n"),
    ]);
    assert!(
        governed.problems[0].contains("line 1, column 7: \"Fastest\" is no strategy"),
        "{:?}",
        governed.problems
    );
}
