//! Copies of requests.
//! It must count what each mirror got.

use mesher_verify::patience::until;

use crate::echo::{Instance, Stage, values};

/// A rule for what begins with a path, with these mirrors.
fn mirroring(path: &str, mirrors: &[&str]) -> String {
    let filters: String = mirrors
        .iter()
        .map(|mirror| format!("        - {{type: RequestMirror, requestMirror: {mirror}}}\n"))
        .collect();
    format!(
        "    - matches: [{{path: {{value: {path}}}}}]\n      filters:\n{filters}      backends: [{{subset: {{version: '1.0'}}}}]\n"
    )
}

/// So many copies of a target arrive.
fn until_copied(instance: &Instance, target: &str, count: usize) {
    until(&format!("{count} copies of {target} arrive"), || (instance.count(target) == count).then_some(()));
}

#[test]
fn http_route_request_mirror() {
    let stage = Stage::start();
    let modifier = "        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Header-Set, value: set-overwrites-values}], remove: [X-Header-Remove]}}\n";
    let with_modifier = mirroring("/mirror-and-modify-headers", &["{subset: {version: '2.0'}}"])
        .replace("      filters:\n", &format!("      filters:\n{modifier}"));
    stage.route(&(mirroring("/mirror", &["{subset: {version: '2.0'}}"]) + &with_modifier));
    assert_eq!(stage.get("/mirror", &[]).json()["version"], "1.0");
    until_copied(&stage.instances[1], "/mirror", 1);
    let fields = [("X-Header-Set", "set-val"), ("X-Header-Remove", "remove-val")];
    assert_eq!(stage.get("/mirror-and-modify-headers", &fields).json()["version"], "1.0");
    until_copied(&stage.instances[1], "/mirror-and-modify-headers", 1);
    let seen = stage.instances[1].seen.lock().unwrap();
    let copy = seen.last().unwrap();
    assert_eq!(values(copy, "x-header-set"), ["set-overwrites-values"]);
    assert_eq!(values(copy, "x-header-remove"), [""; 0]);
}

#[test]
fn http_route_request_multiple_mirrors() {
    let stage = Stage::start();
    let third = Instance::start(&stage.control, "third", "1.0");
    stage.route(&mirroring("/multi-mirror", &["{subset: {version: '2.0'}}", "{service: third}"]));
    assert_eq!(stage.get("/multi-mirror", &[]).json()["version"], "1.0");
    until_copied(&stage.instances[1], "/multi-mirror", 1);
    until_copied(&third, "/multi-mirror", 1);
}

#[test]
fn http_route_request_percentage_mirror() {
    let stage = Stage::start();
    let rules = [
        mirroring("/percent-mirror", &["{subset: {version: '2.0'}, percent: 20}"]),
        mirroring("/none", &["{subset: {version: '2.0'}, percent: 0}"]),
        mirroring("/all", &["{subset: {version: '2.0'}, percent: 100}"]),
    ];
    stage.route(&rules.concat());
    for target in ["/percent-mirror", "/none", "/all"] {
        for _ in 0..100 {
            assert_eq!(stage.get(target, &[]).json()["version"], "1.0");
        }
    }
    until_copied(&stage.instances[1], "/all", 100);
    let count = stage.instances[1].count("/percent-mirror");
    assert!((14..=26).contains(&count), "{count} of 100");
    assert_eq!(stage.instances[1].count("/none"), 0);
}
