//! Instances that keys of balancing isolate, in the words of Java Chassis 1 and 2: when, for how long, and that all are used.
//! It must count what instances were asked, for callers see only that their calls succeed.

use mesher_verify::patience::until;
use serde_json::json;

use crate::guards::Stage;
use crate::rules::write_key;

/// The beginning of a key about the calls to the shop.
const SHOP: &str = "servicecomb.loadbalance.shop.isolation";

impl Stage {
    fn say(&self, key: &str, value: &str) {
        write_key(&self.control, key, value, &json!({"app": "default", "service": "webapp"}));
    }

    fn wait_explained(&self, words: &str) {
        until(words, || {
            let told = self.caller.addresses.admin("/explain?to=shop&path=/").text();
            told.contains(words).then_some(())
        });
    }
}

/// control-plane-api §4.8.1: after `continuousFailureThreshold` failures nobody calls it, but one after each `singleTestTime`.
#[test]
fn an_isolated_instance_is_tried_by_one_call_after_its_time_and_comes_back() {
    let stage = Stage::start(2);
    stage.say(&format!("{SHOP}.singleTestTime"), "400");
    stage.say(&format!("{SHOP}.minIsolationTime"), "0");
    stage.say("cse.loadbalance.isolation.continuousFailureThreshold", "3");
    stage.wait_explained("cse.loadbalance.isolation.continuousFailureThreshold");
    stage.shops[0].says(503);
    let failures = || (0..40).filter(|_| stage.get().status() == 503).count();
    let failed = failures();
    assert!((3..=4).contains(&failed), "{failed} of 40 calls: three, and one that may have found out");
    stage.wait_explained("calls to it failed one after the other");
    // Each time one call finds out that it still fails.
    let before = stage.shops[0].calls();
    until("it was tried twice", || {
        let _ = stage.get();
        (stage.shops[0].calls() >= before + 2).then_some(())
    });
    stage.shops[0].says(200);
    until("it takes calls again", || (stage.get().text() == "1.0").then_some(()));
    let before = stage.shops[0].calls();
    (0..20).for_each(|_| assert_eq!(stage.get().status(), 200));
    // Each worker takes instances in turn.
    let taken = stage.shops[0].calls() - before;
    assert!((8..=12).contains(&taken), "{taken} of 20");
}

/// Where every instance fails, callers get what the service says.
#[test]
fn where_all_fail_all_are_used_and_false_isolates_nobody() {
    let stage = Stage::start(2);
    stage.say(&format!("{SHOP}.continuousFailureThreshold"), "2");
    stage.wait_explained(SHOP);
    stage.shops.iter().for_each(|shop| shop.says(504));
    (0..20).for_each(|_| assert_eq!(stage.get().status(), 504));
    let calls = || stage.shops.iter().map(|shop| shop.calls()).collect::<Vec<_>>();
    stage.say(&format!("{SHOP}.enabled"), "false");
    until("no instance is passed over", || {
        let before = calls();
        (0..20).for_each(|_| assert_eq!(stage.get().status(), 504));
        calls().iter().zip(before).all(|(now, before)| now - before >= 8).then_some(())
    });
}
