//! Rules that lead nowhere, are large, come too fast, or contradict each other, as a proxy and its calls meet them. The
//! table of the rows stands in `control/mesher-control/tests/api/rule_faults.rs`.
//! It must cost no call, and no memory for what is never called.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::http::{get, send_json, send_json_with};
use mesher_verify::machine::own_memory;
use mesher_verify::mesh::{ANY_PORT, Control, Pair, Proxy, QUESTION, ask_calculator};
use mesher_verify::patience::until;
use mesher_verify::traffic::Traffic;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::guarded;

/// What a large change may take until it is served with.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(2);
/// What a proxy may grow by, whatever becomes of its rules.
const GROWTH_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The document of this kind and name, of the default application.
fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "mesher/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// A route of the sample calculator with these weights of its two versions.
fn canary(first: u32, second: u32) -> Value {
    let backend = |version: &str, weight: u32| json!({"subset": {"version": version}, "weight": weight});
    let backends = [backend("0.0.1", first), backend("0.0.2", second)];
    document("Route", "canary", &json!({"service": "calculator", "rules": [{"backends": backends}]}))
}

fn timeout(name: &str, service: &str, request: &str) -> Value {
    document("Timeout", name, &json!({"service": service, "request": request}))
}

/// Writes a document over what stands, a revision or nothing. Answers the new revision.
#[track_caller]
fn write(control: &Control, document: &Value, stands: Option<u64>) -> u64 {
    let path = format!(
        "/mesher/v1/rules/{}/{}",
        document["kind"].as_str().unwrap(),
        document["metadata"]["name"].as_str().unwrap()
    );
    let tag = stands.map(|revision| format!("\"r{revision}\""));
    let condition = tag.as_deref().map_or(("If-None-Match", "*"), |tag| ("If-Match", tag));
    let answer = send_json_with(control.address, "PUT", &path, &[condition], &document.to_string()).unwrap();
    assert!([200, 201].contains(&answer.status()), "{} {}", answer.status(), answer.text());
    answer.json()["changed_revision"].as_u64().unwrap()
}

/// Applies new documents together. Answers the last of their revisions.
#[track_caller]
fn apply(control: &Control, documents: &[Value]) -> u64 {
    let text: Vec<_> = documents.iter().map(Value::to_string).collect();
    let base = |document: &Value| {
        json!({"key": {"kind": document["kind"], "env": "", "app": "default", "name": document["metadata"]["name"]},
            "revision": 0})
    };
    let bases: Vec<_> = documents.iter().map(base).collect();
    let body = json!({"text": text.join("\n---\n"), "bases": bases}).to_string();
    let answer = send_json(control.address, "POST", "/mesher/v1/rules:apply", &body).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()["steps"].as_array().unwrap().last().unwrap()["changed_revision"].as_u64().unwrap()
}

/// The revision that a proxy serves with.
fn serving(control: &Control, service: &str) -> u64 {
    let rows = control.rows("proxies");
    let row = rows.iter().find(|row| row["service"] == service);
    row.and_then(|row| row["rules"]["serving"].as_u64()).unwrap_or_default()
}

#[track_caller]
fn wait_serving(control: &Control, revision: u64) {
    until(&format!("r{revision} is served with"), || (serving(control, "caller") >= revision).then_some(()));
}

/// A caller of the sample calculator, of which two versions run.
struct Canary {
    control: Control,
    caller: Proxy,
    _pairs: [Pair; 2],
}

impl Canary {
    fn start() -> Self {
        let control = Control::start();
        let pairs = ["0.0.1", "0.0.2"].map(|version| Pair::calculator(&control, version));
        let caller = Proxy::start(&control.url(), "caller", &[]);
        caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
        until("both versions are known", || {
            (caller.addresses.endpoints("calculator").len() == 2).then_some(())
        });
        until("it is linked", || {
            let rows = control.rows("proxies");
            let row = rows.iter().find(|row| row["service"] == "caller")?;
            (row["rules"]["link"] == "connected").then_some(())
        });
        Self { control, caller, _pairs: pairs }
    }

    fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    /// Calls that all have to be answered, by any version.
    fn traffic(&self) -> Traffic {
        let outbound = self.outbound();
        Traffic::start(move || ask_calculator(outbound).map(drop))
    }

    /// Every one of some calls is answered by this version.
    #[track_caller]
    fn assert_all(&self, version: &str) {
        for _ in 0..20 {
            assert_eq!(ask_calculator(self.outbound()).unwrap(), version);
        }
    }
}

#[test]
fn cf_05_a_rule_that_leads_nowhere_costs_nobody_else_a_call() {
    let mesh = Canary::start();
    let traffic = mesh.traffic();
    let nowhere = json!({"service": "nobody", "rules": [{"backends": [{"subset": {"version": "9.9.9"}}]}]});
    let last = apply(
        &mesh.control,
        &[
            document("Route", "nowhere", &nowhere),
            timeout("nobody", "nobody", "1s"),
            timeout("calculator", "calculator", "5s"),
        ],
    );
    wait_serving(&mesh.control, last);
    traffic.flow(50);
    traffic.end_without_failure();
    let refused = mesh.caller.addresses.get("http://nobody/").unwrap();
    assert!([502, 503].contains(&refused.status()), "{} {}", refused.status(), refused.text());
    let rules: Vec<_> = mesh.control.rows("rules").iter().map(|row| row["name"].clone()).collect();
    assert_eq!(rules, ["nowhere", "calculator", "nobody"]);
}

/// A set of documents that is about as large as it may be.
#[test]
fn cf_06_a_large_set_is_served_with_in_two_seconds_and_costs_no_call() {
    let mesh = Canary::start();
    let traffic = mesh.traffic();
    traffic.flow(20);
    let backends = |number: u32| {
        let backend = |place: u32| {
            let version = if place.is_multiple_of(2) { "0.0.1" } else { "0.0.2" };
            json!({"subset": {"version": version}, "weight": 1 + number + place})
        };
        (0..16).map(backend).collect::<Vec<_>>()
    };
    let rules: Vec<_> = (0..64)
        .map(|number| json!({"name": format!("rule-{number}"), "backends": backends(number)}))
        .collect();
    let large = |name: &str| document("Route", name, &json!({"service": name, "rules": rules}));
    let documents: Vec<_> = ["calculator", "b", "c", "d", "e", "f", "g", "h"].map(large).to_vec();
    let last = apply(&mesh.control, &documents);
    let began = Instant::now();
    wait_serving(&mesh.control, last);
    assert!(began.elapsed() < CHANGE_TIME_MAX, "{:?}", began.elapsed());
    traffic.flow(50);
    traffic.end_without_failure();
}

#[test]
fn cf_10_changes_as_fast_as_they_come_cost_no_call_and_no_memory() {
    const CHANGES: u32 = 300;
    let mesh = Canary::start();
    let traffic = mesh.traffic();
    let mut stands = write(&mesh.control, &canary(1, 1), None);
    wait_serving(&mesh.control, stands);
    traffic.flow(50);
    let before = own_memory(mesh.caller.process.pid());
    for change in 0..CHANGES {
        let weights = [(1, 1), (0, 1), (1, 0), (9, 1)][(change % 4) as usize];
        stands = write(&mesh.control, &canary(weights.0, weights.1), Some(stands));
    }
    stands = write(&mesh.control, &canary(0, 1), Some(stands));
    wait_serving(&mesh.control, stands);
    traffic.flow(50);
    traffic.end_without_failure();
    mesh.assert_all("0.0.2");
    let growth = own_memory(mesh.caller.process.pid()).saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "{CHANGES} changes: {growth} bytes");
}

#[test]
fn cf_11_the_last_of_changes_in_a_row_holds_and_none_comes_late() {
    let mesh = Canary::start();
    let mut stands = write(&mesh.control, &canary(1, 1), None);
    let (mut seen, address) = (0, mesh.control.address);
    for round in 0..10 {
        // Applied, taken back and applied again, without a pause.
        let last = if round % 2 == 0 { "0.0.2" } else { "0.0.1" };
        let (one, other) =
            if round % 2 == 0 { (canary(0, 1), canary(1, 0)) } else { (canary(1, 0), canary(0, 1)) };
        stands = write(&mesh.control, &one, Some(stands));
        let (rollback, back) = (stands - 1, json!({"revision": stands - 1}).to_string());
        let answer = send_json(address, "POST", "/mesher/v1/rollback", &back).unwrap();
        assert_eq!(answer.status(), 200, "back to r{rollback}: {}", answer.text());
        stands = answer.json()["revision"].as_u64().unwrap();
        stands = write(&mesh.control, &other, Some(stands)).max(stands);
        stands = write(&mesh.control, &one, Some(stands));
        until("the last one is served with", || {
            let now = serving(&mesh.control, "caller");
            assert!(now >= seen, "r{now} after r{seen}");
            seen = now;
            (now >= stands).then_some(())
        });
        mesh.assert_all(last);
    }
}

/// A settings file, the environment and a document disagree; a password is in a file.
#[test]
fn cf_14_the_particular_wins_and_no_secret_is_shown() {
    const PASSWORD: &str = "Pa55word!";
    let control = guarded(ANY_PORT);
    let folder = TempDir::new().unwrap();
    let (password, settings) = (folder.path().join("password"), folder.path().join("mesher.yaml"));
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    std::fs::write(&settings, "response_time_max: 10s\n").unwrap();
    let silent = Application::start(|mut wire| wire.remainder().map(drop));
    let mut command =
        Proxy::command(&control.url(), "slow", &["--ports", &format!("rest:{}", silent.port())]);
    let with_account = |command: &mut std::process::Command| {
        command.env("MESHER_REGISTRY_ACCOUNT", "root").env("MESHER_REGISTRY_PASSWORD_FILE", &password);
    };
    with_account(&mut command);
    let provider = Proxy::of(&mut command);
    provider.addresses.wait_ready();
    let mut command = Proxy::command(&control.url(), "caller", &["--config", settings.to_str().unwrap()]);
    with_account(command.env("MESHER_RESPONSE_TIME_MAX", "700ms"));
    let caller = Proxy::of(&mut command);
    let ends_within = |limit: &str| {
        until(&format!("a call ends after {limit}"), || {
            let answer = caller.addresses.get("http://slow/").ok()?;
            (answer.status() == 504 && answer.text().contains(limit)).then_some(())
        });
    };
    ends_within("within 0.7 s");
    let token = control.login("root", PASSWORD).unwrap();
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str()), ("If-None-Match", "*")];
    let rule = timeout("limit", "slow", "300ms").to_string();
    let written =
        send_json_with(control.address, "PUT", "/mesher/v1/rules/Timeout/limit", &fields, &rule).unwrap();
    assert_eq!(written.status(), 201, "{}", written.text());
    ends_within("within 300ms,");

    for path in ["/config", "/readyz", "/clusters", "/metrics", "/v1/mesher/health"] {
        let shown = caller.addresses.admin(path).text();
        assert!(
            !shown.is_empty() && !shown.contains(PASSWORD) && !shown.contains("Bearer"),
            "{path}: {shown}"
        );
    }
    for log in [caller.process.errors(), provider.process.errors(), control.process.errors()] {
        assert!(!log.contains(PASSWORD) && !log.contains(&token), "{log}");
    }
}

/// What a proxy never calls costs it nothing: neither the services, nor the rules about them.
#[test]
fn services_that_are_never_called_cost_a_proxy_less_than_256_bytes_each() {
    const SERVICES: usize = 2_000;
    const BYTES_MAX: u64 = 256;
    const AT_ONCE: usize = 100;
    let mesh = Canary::start();
    let stands = write(&mesh.control, &timeout("calculator", "calculator", "5s"), None);
    wait_serving(&mesh.control, stands);
    (0..200).for_each(|_| drop(ask_calculator(mesh.outbound()).unwrap()));
    let before = own_memory(mesh.caller.process.pid());
    for first in (0..SERVICES).step_by(AT_ONCE) {
        let names: Vec<_> = (first..first + AT_ONCE).map(|number| format!("service-{number:04}")).collect();
        for name in &names {
            let service = mesh.control.register_service(name, "1.0.0");
            mesh.control.register_instance(&service, &["rest://127.0.0.1:9".to_owned()]);
        }
        let documents: Vec<_> = names.iter().map(|name| timeout(name, name, "1s")).collect();
        apply(&mesh.control, &documents);
    }
    // The proxy hears of this one, and so has heard of all before it that it was to hear of.
    let stands = write(&mesh.control, &timeout("calculator", "calculator", "6s"), Some(stands));
    wait_serving(&mesh.control, stands);
    let address = mesh.control.address;
    let listed = get(address, &address.to_string(), "/mesher/v1/rules?kind=Timeout&limit=1").unwrap().json();
    assert_eq!(listed["total"], SERVICES + 1);
    (0..200).for_each(|_| drop(ask_calculator(mesh.outbound()).unwrap()));
    let growth = own_memory(mesh.caller.process.pid()).saturating_sub(before);
    let most = BYTES_MAX * u64::try_from(SERVICES).unwrap();
    assert!(growth < most, "{growth} bytes for {SERVICES} services that nobody calls");
}
