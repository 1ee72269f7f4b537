//! What rules are warned of: names that nobody has, parts without an instance, documents that hold for less than they seem to.
//! They must see that every such rule is taken all the same, and that a good one is told nothing.

use serde_json::{Value, json};

use crate::support::{Plane, SERVICES};

/// A document about services of the application `shop`.
fn document(kind: &str, name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": name, "application": "shop"}, "spec": spec,
    })
    .to_string()
}

fn route(service: &str, rules: &Value) -> String {
    document("Route", "x", &json!({"service": service, "rules": rules}))
}

/// What is found in a text that is taken.
async fn warnings(plane: &Plane, text: &str) -> Vec<String> {
    let checked = plane.post("/mesher/v1/rules:check", text).await.json();
    assert!(!checked["steps"].as_array().unwrap().is_empty(), "{text}: {checked}");
    let found = checked["diagnostics"].as_array().unwrap();
    let message = |finding: &Value| {
        assert_eq!((&finding["severity"], finding["line"].is_u64()), (&json!("warning"), true), "{finding}");
        finding["message"].as_str().unwrap().to_owned()
    };
    found.iter().map(message).collect()
}

/// There is one warning, with these words, and none where nobody has to look.
async fn assert_warned(plane: &Plane, text: &str, words: Option<&str>) {
    let found = warnings(plane, text).await;
    match (found.as_slice(), words) {
        ([], None) => {}
        ([message], Some(words)) if message.contains(words) => {}
        _ => panic!("{text}: {found:?} instead of {words:?}"),
    }
}

/// A calculator 1.0.0 in a zone and with a property, and a webapp that calls it.
async fn mesh() -> Plane {
    let plane = Plane::start().await;
    plane.service("webapp", "1.0.0").await;
    plane.service("idle", "1.0.0").await;
    let calculator = plane.service("calculator", "1.0.0").await;
    let instance = json!({"instance": {
        "hostName": "h", "endpoints": ["rest://10.0.0.7:8080"], "properties": {"team": "blue"},
        "dataCenterInfo": {"name": "d", "region": "north", "availableZone": "az-1"},
    }});
    let path = format!("{SERVICES}/{calculator}/instances");
    assert_eq!(plane.post(&path, &instance.to_string()).await.status, 200);
    plane
}

#[tokio::test]
async fn names_that_nobody_has_are_told_and_taken() {
    let plane = mesh().await;
    let everywhere = json!([{"backends": [{}]}]);
    let timeout = |service: &str| document("Timeout", "x", &json!({"service": service, "request": "1s"}));
    let by =
        |source: &Value| route("calculator", &json!([{"matches": [{"source": source}], "backends": [{}]}]));
    let egress = |service: &str, to: &str| {
        let rules = json!([{"hosts": ["a.example"], "action": "Route", "to": to}]);
        document("Egress", "x", &json!({"service": service, "otherwise": "Allow", "rules": rules}))
    };
    let egress_to = |host: &str| {
        let rules = json!([{"hosts": [host], "action": "Refuse"}]);
        document("Egress", "x", &json!({"service": "webapp", "otherwise": "Allow", "rules": rules}))
    };
    let outside = "kind: Timeout\napiVersion: mesher/v1\nmetadata: {name: x}\nspec: {service: calculator, request: 1s}\n";
    for (text, words) in [
        (route("calculator", &everywhere), None),
        (route("*", &everywhere), None),
        (timeout("idle"), None),
        (timeout("*"), None),
        (
            route("calculater", &everywhere),
            Some(
                "Route x: no service calculater is registered in application shop, so that it holds for no call",
            ),
        ),
        (timeout("calculater"), Some("`mesher get services` lists names")),
        (
            outside.to_owned(),
            Some(
                "no service calculator is registered in application default (there is one in application shop: say so",
            ),
        ),
        (
            document("Timeout", "x", &json!({"service": "calculator", "request": "1s"}))
                .replace("\"name\":\"x\"", "\"name\":\"x\",\"environment\":\"testing\""),
            Some("application shop, environment testing (there is one without an environment: leave out"),
        ),
        (egress_to("*.example.org"), None),
        (egress_to("::1"), None),
        (egress_to("*"), None),
        (
            egress_to("calculator"),
            Some("no call to calculator is ever asked about here: a name without a dot"),
        ),
        (by(&json!({"service": "webapp"})), None),
        (by(&json!({"version": "7"})), None),
        (by(&json!({"service": "webap"})), Some("rule 1: no service webap that would call is registered")),
        (
            by(&json!({"service": "webapp", "application": "other"})),
            Some("no service webapp that would call"),
        ),
        (egress("webapp", "calculator"), None),
        (egress("*", "calculator"), None),
        (
            egress("webapp", "gateway"),
            Some(
                "no service gateway is registered in application shop, so that calls which `to` leads there fail",
            ),
        ),
        (egress("batch", "calculator"), Some("no service batch is registered")),
    ] {
        assert_warned(&plane, &text, words).await;
    }
}

#[tokio::test]
async fn parts_without_an_instance_are_told_and_taken() {
    let plane = mesh().await;
    let to = |rule: &Value| route("calculator", &json!([rule]));
    let subset = |subset: &Value| to(&json!({"name": "r", "backends": [{"subset": subset}]}));
    let mirror = |mirror: &Value| {
        to(&json!({"filters": [{"type": "RequestMirror", "requestMirror": mirror}], "backends": [{}]}))
    };
    let nobody = json!({"version": "2.0.0"});
    for (text, words) in [
        (subset(&json!({"version": "1.0.0", "properties": {"team": "blue"}, "zone": "az-1"})), None),
        (
            subset(&nobody),
            Some(
                "Route x: rule r: no instance of calculator is of version 2.0.0 now: its calls are answered 503 until one starts",
            ),
        ),
        (subset(&json!({"version": "1.0.0", "zone": "az-2"})), Some("of version 1.0.0, zone az-2 now")),
        (subset(&json!({"properties": {"team": "red"}})), Some("of property team=red now")),
        (
            to(&json!({"backends": [{"subset": nobody}], "fallback": "Any"})),
            Some("every instance takes its calls until one starts"),
        ),
        (to(&json!({"backends": [{}, {"subset": nobody, "weight": 0}]})), None),
        (mirror(&json!({"subset": {"version": "1.0.0"}})), None),
        (
            mirror(&json!({"subset": nobody})),
            Some("no instance of calculator is of version 2.0.0 now: no copy is sent"),
        ),
        (document("Fallback", "x", &json!({"service": "calculator", "subset": {"version": "1.0.0"}})), None),
        (
            document("Fallback", "x", &json!({"service": "calculator", "subset": nobody})),
            Some(
                "Fallback x: no instance of calculator is of version 2.0.0 now: calls that fail stay failed until one starts",
            ),
        ),
        (mirror(&json!({"service": "idle"})), None),
        (
            mirror(&json!({"service": "idle", "subset": nobody})),
            Some("no instance of idle is of version 2.0.0 now"),
        ),
        (
            mirror(&json!({"service": "audit"})),
            Some("no service audit is registered in application shop: no copy is sent"),
        ),
        // Of a service that nobody knows that one thing is told.
        (
            route("nobody", &json!([{"backends": [{"subset": nobody}]}])),
            Some("no service nobody is registered"),
        ),
    ] {
        assert_warned(&plane, &text, words).await;
    }
    // As soon as one is there, nobody has to look.
    let second = plane.service("calculator", "2.0.0").await;
    assert_warned(&plane, &subset(&nobody), Some("version 2.0.0")).await;
    plane.instance(&second, "h").await;
    assert_warned(&plane, &subset(&nobody), None).await;
}

/// A finding stands where the rule or the backend does that it is about.
#[tokio::test]
async fn a_finding_names_the_line_of_its_part() {
    let plane = mesh().await;
    let text = "apiVersion: mesher/v1
kind: Route
metadata: {name: x, application: shop}
spec:
  service: calculator
  rules:
    - matches:
        - source: {service: webap}
      backends:
        - subset: {version: 1.0.0}
        - subset: {version: 7.0.0}
        - {subset: {version: 7.0.0}, weight: 3}
    - backends: [{}]
    - backends: [{}]
---
apiVersion: mesher/v1
kind: Egress
metadata: {name: y, application: shop}
spec:
  service: webapp
  otherwise: Allow
  rules:
    - {hosts: [a.example], action: Refuse}
    - {hosts: [calculator], action: Refuse}
";
    let checked = plane.post("/mesher/v1/rules:check", text).await.json();
    let found = checked["diagnostics"].as_array().unwrap();
    let place = |words: &str| {
        let is_it = |finding: &&Value| finding["message"].as_str().unwrap().contains(words);
        let finding = found.iter().find(is_it).unwrap_or_else(|| panic!("{words}: {checked}"));
        (finding["line"].as_u64().unwrap(), finding["column"].as_u64().unwrap())
    };
    assert_eq!(place("rule 2 has no matches"), (13, 7));
    assert_eq!(place("no service webap "), (7, 7));
    assert_eq!(place("version 7.0.0"), (11, 11), "the first of those that say the same");
    assert_eq!(place("no call to calculator"), (24, 7));
    assert_eq!(found.len(), 4, "{checked}");
}

#[tokio::test]
async fn documents_about_every_service_and_about_one_are_told_of_each_other() {
    let plane = mesh().await;
    let timeout =
        |name: &str, service: &str| document("Timeout", name, &json!({"service": service, "request": "1s"}));
    let (every, one) = (timeout("all", "*"), timeout("slow", "calculator"));
    let applied = |text: &str, name: &str| {
        let key = json!({"kind": "Timeout", "env": "", "app": "shop", "name": name});
        json!({"text": text, "bases": [{"key": key, "revision": 0}]}).to_string()
    };
    assert_warned(&plane, &every, None).await;
    let both = format!("{every}\n---\n{one}");
    let found = warnings(&plane, &both).await;
    let shadowed = "Timeout all: it does not hold for calculator (Timeout slow)";
    let shadows = "Timeout slow: for calculator it holds in place of Timeout all";
    assert!(found.len() == 2 && found[0].contains(shadowed) && found[1].contains(shadows), "{found:?}");

    // The same of what stands already, in the answer of a change too.
    let made = plane.post("/mesher/v1/rules:apply", &applied(&every, "all")).await;
    assert_eq!((made.status, &made.json()["diagnostics"]), (200, &json!([])), "{made:?}");
    let made = plane.post("/mesher/v1/rules:apply", &applied(&one, "slow")).await;
    assert!(made.json()["diagnostics"][0]["message"].as_str().unwrap().contains(shadows), "{made:?}");
    assert_warned(&plane, &every, Some(shadowed)).await;
    // Another kind and another application are nobody's shadow.
    assert_warned(&plane, &route("calculator", &json!([{"backends": [{}]}])), None).await;
    assert_warned(&plane, &every.replace("\"shop\"", "\"other\""), None).await;
}

#[tokio::test]
async fn what_is_looked_for_and_told_is_bounded() {
    let plane = mesh().await;
    let backend = |number: usize| json!({"subset": {"version": format!("9.{number}")}});
    let rule = |first: usize| json!({"matches": [{"method": "GET"}, {"path": {"value": format!("/{first}")}}], "backends": (first..first + 16).map(backend).collect::<Vec<_>>()});
    let rules: Vec<_> = (0..64).map(|rule_number| rule(rule_number * 16)).collect();
    let found = warnings(&plane, &route("calculator", &json!(rules))).await;
    assert_eq!(found.len(), 100);
}
