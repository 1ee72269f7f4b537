//! Warnings of rules that name what nobody has, as whoever applies them reads them.
//! It must see that the rule is taken, and that the warning is gone once there is somebody.

use mesher_verify::mesh::{Control, Pair, Proxy, QUESTION};

use crate::rules::{apply, assert_done};

const RULE: &str = "# the new version
apiVersion: mesher/v1
kind: Route
metadata: {name: calculator}
spec:
  service: calculator
  rules: [{backends: [{subset: {version: 0.0.2}}], fallback: Any}]
";

#[test]
fn whoever_applies_a_rule_is_told_what_nobody_has_and_whom_it_concerns() {
    let control = Control::start();
    let _first = Pair::calculator(&control, "0.0.1");
    let callers = ["webapp", "batch", "webapp"].map(|service| Proxy::start(&control.url(), service, &[]));
    for caller in &callers {
        caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
    }
    let warning = "rules.yaml:7:23: Route calculator: rule 1: no instance of calculator is of version 0.0.2 now: every instance takes its calls until one starts";
    let dry = apply(&control, RULE, &["--dry-run"]);
    assert_done(&dry);
    assert!(dry.errors.contains("warning: ") && dry.errors.contains(warning), "{dry:?}");
    assert!(dry.output.contains("would be created; it would concern 3 proxies: of batch, webapp"), "{dry:?}");
    let made = apply(&control, RULE, &["--wait"]);
    assert_done(&made);
    assert!(made.errors.contains(warning), "{made:?}");
    assert!(made.output.contains("created at r1; it concerns 3 proxies: of batch, webapp"), "{made:?}");

    let _second = Pair::calculator(&control, "0.0.2");
    let again = apply(&control, RULE, &["--dry-run"]);
    assert_done(&again);
    assert!(!again.errors.contains("warning"), "{again:?}");
}
