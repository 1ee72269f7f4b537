//! Registries that say strange things: emptied, shrunk, garbled, slow, of another time.
//! It must cost no call to what still works, and what is said plainly must be believed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::http::Message;
use mesher_verify::mesh::Proxy;
use mesher_verify::patience::until;
use mesher_verify::traffic::Traffic;
use serde_json::{Value, json};

/// What a registry of the test's own says to a look-up.
type Saying = Box<dyn Fn(&Message) -> Vec<u8> + Send>;

/// A registry that knows one service, and says of it what a test wants.
struct Registry {
    application: Application,
    saying: Arc<Mutex<Saying>>,
    /// Look-ups that were answered since the saying was changed.
    look_ups: Arc<AtomicUsize>,
}

impl Registry {
    fn start(saying: impl Fn(&Message) -> Vec<u8> + Send + 'static) -> Self {
        let saying: Arc<Mutex<Saying>> = Arc::new(Mutex::new(Box::new(saying)));
        let look_ups = Arc::<AtomicUsize>::default();
        let (said, counted) = (Arc::clone(&saying), Arc::clone(&look_ups));
        let application = Application::http(move |request| {
            let target = request.head.target();
            if target.contains("/instances/action") {
                let answer = said.lock().unwrap_or_else(PoisonError::into_inner)(request);
                counted.fetch_add(1, Ordering::Relaxed);
                return answer;
            }
            match target {
                _ if target.contains("/existence") => ok(r#"{"serviceId":"own"}"#),
                _ if target.contains("/instances") => ok(r#"{"instanceId":"own"}"#),
                _ => ok("{}"),
            }
        });
        Self { application, saying, look_ups }
    }

    fn url(&self) -> String {
        format!("http://{}", self.application.address)
    }

    fn say(&self, saying: impl Fn(&Message) -> Vec<u8> + Send + 'static) {
        *self.saying.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(saying);
        self.look_ups.store(0, Ordering::Relaxed);
    }

    fn wait_asked(&self, times: usize) {
        until("the registry has been asked", || {
            (self.look_ups.load(Ordering::Relaxed) >= times).then_some(())
        });
    }
}

fn instance(number: usize, address: SocketAddr) -> Value {
    json!({"instanceId": format!("i{number:03}"), "hostName": "h", "status": "UP", "version": "1.0.0",
        "endpoints": [format!("rest://{address}")]})
}

/// An answer that names these instances, whatever was asked.
fn set(revision: &str, instances: &[Value]) -> Vec<u8> {
    ok(&json!({"services": {"updated": [{"index": 0, "rev": revision, "instances": instances}]}}).to_string())
}

/// Addresses of which each leads to one application: loopback has many.
fn addresses(application: &Application, count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| {
            let last = u8::try_from(number + 1).unwrap();
            instance(number, SocketAddr::from(([127, 0, 0, last], application.port())))
        })
        .collect()
}

/// An application on every loopback address.
fn everywhere() -> Application {
    Application::http_at(SocketAddr::from(([0, 0, 0, 0], 0)), |_| ok("hello"))
}

fn calls(caller: &Proxy) -> Traffic {
    Traffic::get(caller.addresses.outbound, "http://greeter/")
}

/// A caller that knows `count` endpoints.
fn caller(registry: &Registry, count: usize) -> Proxy {
    let caller = Proxy::start(&registry.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    wait_endpoints(&caller, count);
    caller
}

fn wait_endpoints(caller: &Proxy, count: usize) {
    until(&format!("{count} endpoints are known"), || {
        (caller.addresses.endpoints("greeter").len() == count).then_some(())
    });
}

#[test]
fn rg_06_no_answer_empties_a_set_that_still_works() {
    const COUNT: usize = 100;
    let application = everywhere();
    let instances = addresses(&application, COUNT);
    let all = set("1", &instances);
    let registry = Registry::start({
        let all = all.clone();
        move |_| all.clone()
    });
    let caller = caller(&registry, COUNT);
    let traffic = calls(&caller);
    let updated = |set: Value| ok(&json!({"services": {"updated": [set]}}).to_string());
    let failed = json!({"services": {"failed": [{"indexes": [0], "error": {"errorCode": "400012", "errorMessage": ""}}]}});
    for saying in [
        set("2", &[]),
        updated(json!({"index": 0, "rev": "2", "instances": null})),
        updated(json!({"index": 0, "rev": "2"})),
        updated(Value::Null),
        ok("{\"services\":null}"),
        ok("{}"),
        ok(""),
        answer("204 No Content", ""),
        answer("404 Not Found", ""),
        answer("404 Not Found", r#"{"errorCode":"400012","errorMessage":"gone","detail":""}"#),
        ok(&failed.to_string()),
    ] {
        let text = String::from_utf8_lossy(&saying).into_owned();
        registry.say(move |_| saying.clone());
        registry.wait_asked(2);
        assert_eq!(caller.addresses.endpoints("greeter").len(), COUNT, "after {text}");
        let all = all.clone();
        registry.say(move |_| all.clone());
        registry.wait_asked(1);
    }
    traffic.end_without_failure();
}

#[test]
fn rg_07_of_a_mass_that_vanishes_those_are_kept_that_accept_connections() {
    const COUNT: usize = 20;
    let application = everywhere();
    let mut instances = addresses(&application, COUNT);
    // Two of those that will vanish are really gone.
    for number in [18, 19] {
        let port = mesher_verify::machine::free_port();
        instances[number] = instance(number, SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let registry = Registry::start({
        let all = set("1", &instances);
        move |_| all.clone()
    });
    let caller = caller(&registry, COUNT);
    let traffic = calls(&caller);
    let left = set("2", &instances[..4]);
    registry.say(move |_| left.clone());
    wait_endpoints(&caller, COUNT - 2);
    let kept =
        caller.addresses.endpoints("greeter").iter().filter(|endpoint| endpoint["is_kept"] == true).count();
    assert_eq!(kept, COUNT - 2 - 4);
    let counted = format!("mesher_endpoints{{service=\"webapp\",peer=\"greeter\",state=\"kept\"}} {kept}");
    assert!(caller.addresses.admin("/metrics").text().contains(&counted));
    assert!(
        caller.process.errors().contains("far fewer instances are named at once"),
        "{}",
        caller.process.errors()
    );
    // It was the registry's mistake: all of them are there again.
    let all = set("3", &instances);
    registry.say(move |_| all.clone());
    until("nothing is in doubt", || {
        let endpoints = caller.addresses.endpoints("greeter");
        (endpoints.len() == COUNT && endpoints.iter().all(|endpoint| endpoint["is_kept"] == false))
            .then_some(())
    });
    traffic.end_without_failure();
}

#[test]
fn rg_07_what_is_said_of_single_instances_is_believed() {
    let application = everywhere();
    let instances = addresses(&application, 10);
    let registry = Registry::start({
        let all = set("1", &instances);
        move |_| all.clone()
    });
    let caller = caller(&registry, 10);
    let mut down = instances.clone();
    for instance in &mut down[1..] {
        instance["status"] = "DOWN".into();
    }
    registry.say(move |_| set("2", &down));
    wait_endpoints(&caller, 1);
    let fewer = instances[..5].to_vec();
    registry.say(move |_| set("3", &fewer));
    wait_endpoints(&caller, 5);
}

#[test]
fn rg_08_a_list_that_alternates_costs_no_call() {
    let application = everywhere();
    let instances = addresses(&application, 10);
    let registry = Registry::start({
        let all = set("1", &instances);
        move |_| all.clone()
    });
    let caller = caller(&registry, 10);
    let traffic = calls(&caller);
    let count = AtomicUsize::new(0);
    registry.say(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let half = if number.is_multiple_of(2) { &instances[..5] } else { &instances[5..] };
        set(&(number + 2).to_string(), half)
    });
    registry.wait_asked(6);
    traffic.end_without_failure();
}

#[test]
fn rg_09_errors_redirects_and_monsters_are_no_news() {
    let application = everywhere();
    let all = set("1", &addresses(&application, 3));
    let registry = Registry::start({
        let all = all.clone();
        move |_| all.clone()
    });
    // Whoever follows a redirect asks here.
    let elsewhere = Application::http(|_| ok("{}"));
    let caller = caller(&registry, 3);
    let traffic = calls(&caller);
    let redirect = format!(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        elsewhere.address
    );
    let nested = format!("{{\"services\":{{\"updated\":{}{}}}}}", "[".repeat(10_000), "]".repeat(10_000));
    let whole = String::from_utf8_lossy(&all).into_owned();
    let body = whole.split_once("\r\n\r\n").unwrap().1.to_owned();
    for saying in [
        answer("500 Internal Server Error", "oops"),
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec(),
        answer("401 Unauthorized", r#"{"errorCode":"401002","errorMessage":"","detail":""}"#),
        answer("403 Forbidden", ""),
        redirect.into_bytes(),
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>".to_vec(),
        ok(&body[..body.len() / 2]),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\n\x1f\x8b\x08\x00\xff\xff"
            .to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{".to_vec(),
        ok(&nested),
    ] {
        let text = String::from_utf8_lossy(&saying[..saying.len().min(80)]).into_owned();
        registry.say(move |_| saying.clone());
        registry.wait_asked(1);
        assert_eq!(caller.addresses.endpoints("greeter").len(), 3, "after {text}");
        let all = all.clone();
        registry.say(move |_| all.clone());
        registry.wait_asked(1);
    }
    traffic.end_without_failure();
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

#[test]
fn rg_09_a_hundred_thousand_instances_are_taken_and_cost_no_call() {
    const COUNT: usize = 100_000;
    let application = everywhere();
    let registry = Registry::start({
        let few = set("1", &addresses(&application, 3));
        move |_| few.clone()
    });
    let caller = caller(&registry, 3);
    let traffic = calls(&caller);
    let many: Vec<_> = (0..COUNT)
        .map(|number| {
            let [_, high, middle, low] = u32::try_from(number + 1).unwrap().to_be_bytes();
            instance(number, SocketAddr::from(([127, high, middle, low], application.port())))
        })
        .collect();
    let many = set("2", &many);
    registry.say(move |_| many.clone());
    until("they are known", || {
        let counted = format!("peer=\"greeter\",state=\"healthy\"}} {COUNT}");
        caller.addresses.admin("/metrics").text().contains(&counted).then_some(())
    });
    traffic.flow(20);
    traffic.end_without_failure();
}

#[test]
fn rg_10_a_slow_registry_holds_up_nothing() {
    let application = everywhere();
    let all = set("1", &addresses(&application, 3));
    let registry = Registry::start({
        let all = all.clone();
        move |_| all.clone()
    });
    let caller = caller(&registry, 3);
    // A part, and never the rest.
    registry.say(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{".to_vec());
    let traffic = calls(&caller);
    registry.wait_asked(1);
    traffic.flow(50);
    // The answer is given up after ten seconds.
    until("it is given up", || {
        let ready = caller.addresses.admin("/readyz").json();
        ready["registry"].as_str().is_some_and(|text| text.contains("within 10 s")).then_some(())
    });
    assert_eq!(caller.addresses.endpoints("greeter").len(), 3);
    traffic.end_without_failure();
}

#[test]
fn rg_11_bad_instances_among_good_ones_are_left_out_and_counted() {
    let application = everywhere();
    let mut instances = addresses(&application, 50);
    let bad = json!([
        null,
        {"instanceId": "null-endpoint", "status": "UP", "endpoints": [null]},
        {"instanceId": "null-endpoints", "status": "UP", "endpoints": null},
        {"instanceId": "port-0", "status": "UP", "endpoints": ["rest://127.0.0.1:0"]},
        {"instanceId": "port-70000", "status": "UP", "endpoints": ["rest://127.0.0.1:70000"]},
        {"instanceId": "scoped", "status": "UP", "endpoints": ["rest://[fe80::1%eth0]:80"]},
        {"instanceId": "name", "status": "UP", "endpoints": ["rest://some.host:80"]},
        {"instanceId": "weight", "status": "UP", "endpoints": ["rest://127.0.0.1:80"], "properties": {"weight": -1}},
        instances[7],
    ]);
    let bad = bad.as_array().unwrap();
    instances.extend(bad.iter().cloned());
    let registry = Registry::start(move |_| set("1", &instances));
    let caller = caller(&registry, 50);
    let metrics = caller.addresses.admin("/metrics").text();
    let row =
        metrics.lines().find(|line| line.starts_with("mesher_discovery_skipped_total{source=\"registry\"}"));
    let count: usize =
        row.and_then(|row| row.rsplit_once(' ')).and_then(|(_, count)| count.parse().ok()).unwrap();
    assert!(count >= bad.len(), "{count} of {} are counted", bad.len());
}
