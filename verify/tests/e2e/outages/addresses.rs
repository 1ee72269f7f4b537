//! A registry with two addresses that are not one, and one that asks to be left alone.
//! It must see what reaches each of them, and cost no call.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::traffic::Traffic;

/// What the log says where addresses disagree.
const TOLD: &str = "lead to different control planes";

fn greetings(caller: &Proxy, from: &'static str) -> Traffic {
    let addresses = caller.addresses.clone();
    Traffic::start(move || match addresses.get("http://greeter/") {
        Ok(answer) if answer.status() == 200 && answer.text() == from => Ok(()),
        other => Err(format!("{other:?}")),
    })
}

#[test]
fn rg_16_another_control_plane_at_the_second_address_is_no_stand_in() {
    let (mut first, second) = (Control::start(), Control::start());
    let (one, other) = (Application::greeting("one"), Application::greeting("other"));
    // Both know a service of this name, and mean different ones.
    let service = second.register_service("greeter", "1.0.0");
    second.register_instance(&service, &[format!("rest://{}", other.address)]);
    let registry = format!("{},{}", first.url(), second.url());
    let _provider = Proxy::beside(&registry, "greeter", one.port());
    let caller = Proxy::start(&registry, "caller", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let traffic = greetings(&caller, "one");

    let address = first.address.to_string();
    first.process.crash();
    until("it is told", || caller.process.errors().contains(TOLD).then_some(()));
    let strangers = || {
        let metrics = caller.addresses.admin("/metrics").text();
        let row = metrics.lines().find(|line| line.contains("result=\"stranger\""));
        row.and_then(|row| row.rsplit_once(' ')?.1.parse::<u64>().ok()).unwrap_or_default()
    };
    until("it was asked more than once", || (strangers() >= 3).then_some(()));
    traffic.flow(50);
    let log = caller.process.errors();
    let line = log.lines().find(|line| line.contains(TOLD)).unwrap();
    assert!(line.contains("ERROR"), "somebody must act: {line}");
    assert!(line.contains(&first.url()) && line.contains(&second.url()), "{line}");
    assert_eq!(log.matches(TOLD).count(), 1, "it is told once: {log}");
    assert_eq!(other.connections(), 0, "a call went where the other control plane sends it");
    assert_eq!(second.instances("greeter").len(), 1, "nothing was registered at the other one");
    assert_eq!(caller.addresses.admin("/readyz").status(), 200);

    // The address in use may come back as another: it was started anew without data.
    let first = Control::listen(&address);
    until("the provider is registered again", || (first.instances("greeter").len() == 1).then_some(()));
    until("the caller has taken it back", || {
        caller.process.errors().contains("the registry is back").then_some(())
    });
    traffic.flow(50);
    traffic.end_without_failure();
    assert_eq!(other.connections(), 0);
}

/// RG-09: a registry that says how long it wants to be left alone is.
#[test]
fn rg_09_a_registry_that_asks_to_be_left_alone_is() {
    const REST: Duration = Duration::from_secs(3);
    let application = Application::greeting("hello");
    let found = format!(
        r#"{{"services":{{"updated":[{{"index":0,"rev":"1","instances":[{{"instanceId":"i","hostName":"h","status":"UP","version":"1.0.0","endpoints":["rest://{}"]}}]}}]}}}}"#,
        application.address
    );
    let asked = Arc::new(Mutex::new(Vec::<Instant>::new()));
    let is_busy = Arc::new(Mutex::new(false));
    let (noted, busy) = (Arc::clone(&asked), Arc::clone(&is_busy));
    let registry = Application::http(move |request| {
        let target = request.head.target();
        if *busy.lock().unwrap() {
            noted.lock().unwrap().push(Instant::now());
            return format!(
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {}\r\nContent-Length: 0\r\n\r\n",
                REST.as_secs()
            )
            .into_bytes();
        }
        match target {
            _ if target.contains("/instances/action") => ok(&found),
            _ if target.contains("/existence") => ok(r#"{"serviceId":"own"}"#),
            _ if target.contains("/mesher/v1/") => answer("404 Not Found", "404 page not found"),
            _ => ok("{}"),
        }
    });
    let caller = Proxy::start(&format!("http://{}", registry.address), "caller", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let traffic = greetings(&caller, "hello");
    *is_busy.lock().unwrap() = true;
    let count = || asked.lock().unwrap().len();
    until("it was asked", || (count() > 0).then_some(()));
    // What was on its way already may have come; nothing else.
    let first = asked.lock().unwrap()[0];
    let next = until("it is asked again", || {
        let asked = asked.lock().unwrap();
        asked.iter().find(|at| at.duration_since(first) > REST / 10).copied()
    });
    assert!(next.duration_since(first) >= REST, "after {:?}", next.duration_since(first));
    *is_busy.lock().unwrap() = false;
    until("it is back", || caller.process.errors().contains("the registry is back").then_some(()));
    traffic.end_without_failure();
}
