//! Which calls a rule is about.
//! It must ask for what does not fit as well as for what does.

use super::expectations::{NOT_FOUND, OTHERS, assert_taken};
use crate::echo::Stage;

#[test]
fn http_route_matching() {
    let stage = Stage::start();
    stage.route(&format!(
        "    - matches: [{{path: {{value: /v2}}}}, {{headers: [{{name: version, value: two}}]}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{OTHERS}"
    ));
    assert_taken(
        &stage,
        &[
            (("GET", "/", &[]), "1.0"),
            (("GET", "/example", &[]), "1.0"),
            (("GET", "/", &[("Version", "one")]), "1.0"),
            (("GET", "/v2", &[]), "2.0"),
            (("GET", "/v2/example", &[]), "2.0"),
            (("GET", "/", &[("Version", "two")]), "2.0"),
            (("GET", "/v2/", &[]), "2.0"),
            (("GET", "/v2example", &[]), "1.0"),
            (("GET", "/foo/v2/example", &[]), "1.0"),
        ],
    );
}

#[test]
fn http_route_exact_path_matching() {
    let stage = Stage::start();
    stage.route(&format!(
        "    - matches: [{{path: {{type: Exact, value: /one}}}}]
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{path: {{type: Exact, value: /two}}}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{NOT_FOUND}"
    ));
    assert_taken(
        &stage,
        &[
            (("GET", "/one", &[]), "1.0"),
            (("GET", "/two", &[]), "2.0"),
            (("GET", "/", &[]), "404"),
            (("GET", "/one/example", &[]), "404"),
            (("GET", "/two/", &[]), "404"),
            (("GET", "/Two", &[]), "404"),
        ],
    );
}

#[test]
fn http_route_header_matching() {
    let stage = Stage::start();
    stage.route(&format!(
        "    - matches: [{{headers: [{{name: version, value: two}}, {{name: color, value: orange}}]}}]
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{headers: [{{name: version, value: one}}]}}, {{headers: [{{name: color, value: blue}}]}}]
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{headers: [{{name: version, value: two}}]}}, {{headers: [{{name: color, value: red}}]}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{NOT_FOUND}"
    ));
    assert_taken(
        &stage,
        &[
            (("GET", "/", &[("Version", "one")]), "1.0"),
            (("GET", "/", &[("Version", "two")]), "2.0"),
            (("GET", "/", &[("Version", "two"), ("Color", "orange")]), "1.0"),
            (("GET", "/", &[("Color", "blue")]), "1.0"),
            (("GET", "/", &[("Color", "red")]), "2.0"),
            (("GET", "/", &[("Color", "orange")]), "404"),
            (("GET", "/", &[("Some-Other-Header", "one")]), "404"),
        ],
    );
}

#[test]
fn http_route_method_matching() {
    let stage = Stage::start();
    stage.route(&format!(
        "    - matches: [{{path: {{value: /path1}}, method: GET}}, {{method: POST}}]
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{method: GET, headers: [{{name: version, value: one}}]}}, {{method: PATCH}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{NOT_FOUND}"
    ));
    assert_taken(
        &stage,
        &[
            (("POST", "/", &[]), "1.0"),
            (("GET", "/path1", &[]), "1.0"),
            (("GET", "/", &[("version", "one")]), "2.0"),
            (("PATCH", "/", &[]), "2.0"),
            (("HEAD", "/", &[]), "404"),
            (("GET", "/", &[]), "404"),
            (("PUT", "/path1", &[]), "404"),
        ],
    );
}

#[test]
fn http_route_query_param_matching() {
    let stage = Stage::start();
    let animal = |animal: &str| format!("queryParams: [{{name: animal, value: {animal}}}]");
    let (whale, dolphin, shark, kraken) =
        (animal("whale"), animal("dolphin"), animal("shark"), animal("kraken"));
    stage.route(&format!(
        "    - matches: [{{path: {{value: /path1}}, {whale}}}]
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{headers: [{{name: version, value: one}}], {whale}}}]
      backends: [{{subset: {{version: '2.0'}}}}]
    - matches:
        - {{path: {{value: /path3}}, {shark}}}
        - {{path: {{value: /path4}}, headers: [{{name: version, value: three}}], {kraken}}}
        - {{{whale}}}
      backends: [{{subset: {{version: '1.0'}}}}]
    - matches: [{{{dolphin}}}]
      backends: [{{subset: {{version: '2.0'}}}}]
{NOT_FOUND}"
    ));
    assert_taken(
        &stage,
        &[
            (("GET", "/?animal=whale", &[]), "1.0"),
            (("GET", "/?animal=dolphin", &[]), "2.0"),
            (("GET", "/?animal=whale&otherparam=irrelevant", &[]), "1.0"),
            (("GET", "/?animal=dolphin&color=yellow", &[]), "2.0"),
            (("GET", "/?color=blue", &[]), "404"),
            (("GET", "/?animal=dog", &[]), "404"),
            (("GET", "/?animal=whaledolphin", &[]), "404"),
            (("GET", "/", &[]), "404"),
            (("GET", "/path1?animal=whale", &[]), "1.0"),
            (("GET", "/?animal=whale", &[("version", "one")]), "2.0"),
            (("GET", "/path3?animal=shark", &[]), "1.0"),
            (("GET", "/path4?animal=kraken", &[("version", "three")]), "1.0"),
            (("GET", "/?animal=shark", &[]), "404"),
            (("GET", "/path4?animal=kraken", &[]), "404"),
        ],
    );
}
