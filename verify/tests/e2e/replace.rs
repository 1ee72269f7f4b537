//! A running proxy whose place a new process takes.
//! It must cost no call, whatever the new process is, and the registry must see one instance all the time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::binary;
use mesher_verify::http::{Kept, Wire, get, get_by_proxy};
use mesher_verify::mesh::{ANY_PORT, Addresses, Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::{Process, Signal};
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;
use serde_json::Value;

/// What a proxy says when it has taken a place.
const TAKEN: &str = "the place of the running proxy is taken";
/// What it says when it has begun to.
const BEGUN: &str = "taking the place of a running proxy";
/// What the old one says when nothing comes of it.
const GOING_ON: &str = "going on";

/// What a test of replacements stands on. Everything is dropped in this order.
struct Scene {
    current: Proxy,
    former: Vec<Proxy>,
    application: Application,
    control: Control,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(answer: impl Fn(&mesher_verify::http::Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::start();
        let application = Application::http(answer);
        let current = Proxy::of(&mut command(&control, application.port(), folder.path()));
        current.addresses.wait_ready();
        Self { current, former: Vec::new(), application, control, folder }
    }

    fn command(&self) -> Command {
        command(&self.control, self.application.port(), self.folder.path())
    }

    /// Starts a new process, and waits until it serves in the place of the current one.
    #[track_caller]
    fn replace(&mut self) {
        self.replace_by(&mut self.command());
    }

    #[track_caller]
    fn replace_by(&mut self, command: &mut Command) {
        let next = Proxy::of(command);
        until("the place is taken", || next.process.errors().contains(TAKEN).then_some(()));
        self.former.push(std::mem::replace(&mut self.current, next));
    }

    /// Every process that was replaced ends by itself, once nobody keeps a connection to it.
    #[track_caller]
    fn assert_former_end(&mut self) {
        for old in &mut self.former {
            assert_eq!(old.process.wait().code(), Some(0), "{}", old.process.errors());
        }
    }
}

fn command(control: &Control, port: u16, folder: &Path) -> Command {
    let socket = folder.join("orders.sock");
    let (ports, socket) = (format!("rest:{port}"), socket.to_str().unwrap());
    Proxy::command(&control.url(), "orders", &["--ports", &ports, "--handover", socket])
}

/// POSTs on one connection that is kept: none may be sent a second time, so none may be lost.
fn posts(address: SocketAddr, host: &str) -> Traffic {
    let mut kept = Kept::to(address);
    let request = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\norder");
    Traffic::start(move || {
        let answer = kept.call(&request).map_err(|error| error.to_string())?;
        match (answer.status(), answer.text().as_str()) {
            (200, "order") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
}

/// Asks again and again whether the control plane lists exactly one entry with this id.
fn one_only(control: SocketAddr, path: &'static str, id: String) -> Traffic {
    Traffic::start(move || {
        let answer = get(control, &control.to_string(), path).map_err(|error| error.to_string())?;
        let ids: Vec<_> = ids(&answer.json());
        mesher_verify::patience::pause();
        if ids == [id.as_str()] { Ok(()) } else { Err(format!("{path}: {ids:?} where {id} should be")) }
    })
}

/// The ids of the entries of a page.
fn ids(page: &Value) -> Vec<String> {
    let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    items.iter().filter_map(id).collect()
}

/// The id of an instance, or of a proxy, which is the same.
fn id(item: &Value) -> Option<String> {
    let id = item.get("instance_id").or_else(|| item.get("id"))?;
    Some(id.as_str()?.to_owned())
}

#[test]
fn replacements_under_load_cost_no_call() {
    let mut scene = Scene::new(|request| ok(&request.text()));
    let stock = Application::http(|request| ok(&request.text()));
    let _stock = Proxy::beside(&scene.control.url(), "stock", stock.port());
    let caller = Proxy::start(&scene.control.url(), "webapp", &[]);
    let Addresses { outbound, inbound, .. } = scene.current.addresses.clone();
    scene.current.addresses.wait_reachable("http://stock/");
    caller.addresses.wait_reachable("http://orders/");
    let id = id(&scene.control.instances("orders")[0]).unwrap();
    let by_caller = caller.addresses.outbound;
    let traffic = [
        posts(outbound, "stock"),
        Traffic::calls(move || get_by_proxy(outbound, "http://stock/")),
        posts(inbound.unwrap(), "orders"),
        Traffic::calls(move || get(inbound.unwrap(), "orders", "/")),
        posts(by_caller, "orders"),
        one_only(scene.control.address, "/mesher/v1/instances?service=orders", id.clone()),
        one_only(scene.control.address, "/mesher/v1/proxies?service=orders", id),
    ];
    for number in 0..scaled(3, 100) {
        scene.replace();
        assert_eq!(scene.current.addresses, scene.former[number].addresses);
        traffic.iter().for_each(|traffic| traffic.flow(5));
        if number % 10 == 1 {
            break_in_turn(&mut scene, number / 10);
            traffic.iter().for_each(|traffic| traffic.flow(5));
        }
    }
    let answered: u64 = traffic.iter().take(5).map(Traffic::answered).sum();
    println!("replacements: {}, calls answered: {answered}", scene.former.len());
    traffic.into_iter().for_each(Traffic::end_without_failure);
    drop(caller);
    scene.assert_former_end();
}

/// New processes that come to nothing, one kind after the other.
fn break_in_turn(scene: &mut Scene, number: usize) {
    match number % 4 {
        0 => {
            let ended = Process::run(scene.command().args(["--workers", "none"]));
            assert_eq!(ended.code, Some(78), "{}", ended.errors);
        }
        1 => {
            let ended = Process::run(&mut Command::new("false"));
            assert_eq!(ended.code, Some(1));
        }
        2 => crash_half_way(scene),
        _ => {
            let ended = Process::run(scene.command().args(["--service-version", "9"]));
            assert_eq!(ended.code, Some(1), "{}", ended.errors);
        }
    }
}

/// A new process that has the sockets already, and waits for an application that does not come.
fn crash_half_way(scene: &Scene) {
    let nobody = mesher_verify::machine::free_port();
    let mut half = Proxy::of(&mut command(&scene.control, nobody, scene.folder.path()));
    until("it has begun", || half.process.errors().contains(BEGUN).then_some(()));
    half.process.crash();
}

#[test]
fn a_new_process_that_fails_changes_nothing() {
    let mut scene = Scene::new(|request| ok(&request.text()));
    let caller = Proxy::start(&scene.control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://orders/");
    let traffic = [
        posts(caller.addresses.outbound, "orders"),
        posts(scene.current.addresses.inbound.unwrap(), "orders"),
    ];
    for number in 0..scaled(4, 10) {
        break_in_turn(&mut scene, number);
        traffic.iter().for_each(|traffic| traffic.flow(20));
    }
    until("the old one has noticed the crash", || {
        scene.current.process.errors().contains(GOING_ON).then_some(())
    });
    traffic.into_iter().for_each(Traffic::end_without_failure);
    assert!(scene.current.process.is_running());
    scene.replace();
}

#[test]
fn whoever_speaks_otherwise_at_the_socket_is_turned_away() {
    let mut scene = Scene::new(|_| ok("hello"));
    let path = scene.folder.path().join("orders.sock");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let _silent = UnixStream::connect(&path).unwrap();
    UnixStream::connect(&path).unwrap().write_all(&[0xff; 64]).unwrap();
    let mut newer = UnixStream::connect(&path).unwrap();
    let hello = br#"{"hello":{"version":99,"process":1}}"#;
    newer.write_all(&u32::try_from(hello.len()).unwrap().to_be_bytes()).unwrap();
    newer.write_all(hello).unwrap();
    let mut answer = Vec::new();
    newer.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("refused") && answer.contains("version 99"), "{answer}");
    scene.replace();
}

#[test]
fn a_peer_that_is_no_proxy_is_named_and_one_that_is_gone_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (control, application) = (Control::start(), Application::greeting("hello"));
    let path = folder.path().join("orders.sock");
    let stranger = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let greets = std::thread::spawn(move || {
        let (mut stream, _) = stranger.accept().unwrap();
        let _ = stream.write_all(b"\0\0\0\x05hello");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let ended = Process::run(&mut command(&control, application.port(), folder.path()));
    greets.join().unwrap();
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("MESHER_HANDOVER") && ended.errors.contains("no word"), "{}", ended.errors);
    // The file is there, and nobody listens.
    let mut proxy = Proxy::of(&mut command(&control, application.port(), folder.path()));
    proxy.addresses.wait_ready();
    assert_eq!(proxy.process.stop(), Some(0));
    assert!(!path.exists(), "an ended proxy leaves no socket");
}

#[test]
fn a_folder_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let control = Control::start();
    let ended = Process::run(&mut command(&control, 1, folder.path()));
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("can be written by others"), "{}", ended.errors);
}

#[test]
fn a_call_in_flight_and_an_idle_connection_outlive_the_replacement() {
    let (arrived, answered) = (Gate::default(), Gate::default());
    let (arrives, answers) = (arrived.clone(), answered.clone());
    let mut scene = Scene::new(move |request| {
        if request.head.target() == "/slow" {
            arrives.open();
            answers.wait();
        }
        ok("done")
    });
    let inbound = scene.current.addresses.inbound.unwrap();
    let mut idle = Wire::open(inbound).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: orders\r\n\r\n";
    assert_eq!(idle.call(request).unwrap().field("connection"), "");
    let slow = std::thread::spawn(move || get(inbound, "orders", "/slow").unwrap());
    arrived.wait();
    scene.replace();
    assert_eq!(scene.current.addresses.admin("/readyz").status(), 200);
    // Served by the old process, which says that it is the last time.
    let last = idle.call("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 0\r\n\r\n").unwrap();
    assert_eq!((last.status(), last.field("connection")), (200, "close"));
    assert!(scene.former[0].process.is_running());
    answered.open();
    assert_eq!(slow.join().unwrap().status(), 200);
    scene.assert_former_end();
}

#[test]
fn what_was_known_is_known_after_the_replacement_without_the_registry() {
    let mut scene = Scene::new(|_| ok("hello"));
    let stock = Application::greeting("stock");
    let _stock = Proxy::beside(&scene.control.url(), "stock", stock.port());
    scene.current.addresses.wait_reachable("http://stock/");
    scene.control.process.crash();
    scene.replace();
    let answer = scene.current.addresses.get("http://stock/").unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "stock"));
    let inbound = scene.current.addresses.inbound.unwrap();
    assert_eq!(get(inbound, "orders", "/").unwrap().status(), 200);
}

#[test]
fn addresses_that_are_no_longer_named_are_closed_and_new_ones_bound() {
    let mut scene = Scene::new(|_| ok("hello"));
    let old = scene.current.addresses.clone();
    let admin = format!("127.0.0.1:{}", mesher_verify::machine::free_port());
    let (url, ports) = (scene.control.url(), format!("rest:{}", scene.application.port()));
    let socket = scene.folder.path().join("orders.sock");
    let mut command = binary::command(&["proxy", "--print-addresses", "--advertise", "127.0.0.1"]);
    command.args(["--service", "orders", "--registry", &url, "--ports", &ports]);
    command.args(["--outbound-listen", ANY_PORT, "--admin-listen", &admin]);
    command.args(["--tcp-outbound", "127.0.0.1:0=cache", "--properties", "colour=blue"]);
    command.args(["--handover", socket.to_str().unwrap()]);
    let before = id(&scene.control.instances("orders")[0]);
    scene.replace_by(&mut command);
    let new = &scene.current.addresses;
    assert_eq!((new.outbound, new.inbound), (old.outbound, old.inbound));
    assert_eq!((new.admin.to_string(), new.tcp_outbound.len()), (admin, 1));
    assert!(scene.current.process.errors().contains("it is closed"), "{}", scene.current.process.errors());
    until("the old admin is closed", || TcpStream::connect(old.admin).is_err().then_some(()));
    until("the record has the new property", || {
        let all = scene.control.instances("orders");
        let service = all.first()?.get("service_id")?.as_str()?.to_owned();
        let path = format!("/v4/default/registry/microservices/{service}/instances");
        let records = get(scene.control.address, "localhost", &path).unwrap().text();
        (all.len() == 1 && id(&all[0]) == before && records.contains("blue")).then_some(())
    });
    scene.assert_former_end();
}

#[test]
fn a_call_that_comes_back_is_still_known_after_the_replacement() {
    let mut scene = Scene::new(|_| ok("hello"));
    let service = scene.control.register_service("mirror", "1.0.0");
    scene.control.register_instance(&service, &[format!("rest://{}", scene.current.addresses.outbound)]);
    scene.replace();
    let answer = until("the mirror is known", || {
        let answer = scene.current.addresses.get("http://mirror/").ok()?;
        (!answer.text().contains("destination_not_found")).then_some(answer)
    });
    assert!(answer.text().contains("proxy_loop_detected"), "{}", answer.text());
}

#[test]
fn a_flow_outlives_the_replacement() {
    let folder = tempfile::tempdir().unwrap();
    let control = Control::start();
    let echo = Application::start(|wire| {
        let mut stream = wire.stream();
        let mut byte = [0];
        while stream.read(&mut byte)? > 0 {
            stream.write_all(&byte)?;
        }
        Ok(())
    });
    let socket = folder.path().join("line.sock");
    let ports = format!("tcp:{}", echo.port());
    let start = || {
        let more = ["--ports", &ports, "--handover", socket.to_str().unwrap()];
        Proxy::of(&mut Proxy::command(&control.url(), "line", &more))
    };
    let mut old = start();
    old.addresses.wait_ready();
    let mut flow = TcpStream::connect(old.addresses.tcp_inbound[0]).unwrap();
    let mut echoes = |byte: u8| {
        flow.write_all(&[byte]).unwrap();
        let mut answer = [0];
        flow.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [byte]);
    };
    echoes(1);
    let new = start();
    until("the place is taken", || new.process.errors().contains(TAKEN).then_some(()));
    assert_eq!(new.addresses.tcp_inbound, old.addresses.tcp_inbound);
    echoes(2);
    drop(flow);
    assert_eq!(old.process.wait().code(), Some(0));
}

#[test]
fn a_replaced_process_that_is_told_to_end_does() {
    let mut scene = Scene::new(|_| ok("hello"));
    let mut idle = Wire::open(scene.current.addresses.inbound.unwrap()).unwrap();
    idle.call("GET / HTTP/1.1\r\nHost: orders\r\n\r\n").unwrap();
    scene.replace();
    scene.former[0].process.signal(Signal::TERM);
    scene.assert_former_end();
    scene.control.wait_instances("orders", 1);
}

#[test]
fn a_service_manager_is_told_which_process_serves() {
    let mut scene = Scene::new(|_| ok("hello"));
    let path = scene.folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(mesher_verify::patience::LIMIT)).unwrap();
    let told = || {
        let mut text = [0; 256];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    scene.replace_by(scene.command().env("NOTIFY_SOCKET", &path));
    assert_eq!(told(), format!("READY=1\nMAINPID={}", scene.current.process.pid()));
    assert_eq!(scene.current.process.stop(), Some(0));
    assert_eq!(told(), "STOPPING=1");
}

#[test]
fn run_refuses_what_it_cannot_do() {
    let mut command = binary::command(&["run", "--service", "orders", "--", "true"]);
    let ended = Process::run(command.env("MESHER_HANDOVER", "/run/mesher/orders.sock"));
    assert_eq!(ended.code, Some(78), "{}", ended.errors);
    assert!(ended.errors.contains("MESHER_HANDOVER"), "{}", ended.errors);
}
