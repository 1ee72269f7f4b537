//! Proxies that start while their control plane is away, from the snapshot on their disk.
//! It must hold for a snapshot of any age, and a damaged one must harm nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use mesher_verify::application::Application;
use mesher_verify::machine::free_port;
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use mesher_verify::process::{Ended, Process};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;

/// How long a proxy may take until it is ready. A debug build on a busy machine is slow; the aim is a tenth of it.
const READY_TIME_MAX: Duration = Duration::from_secs(2);
/// Starts in a row, each with what the one before left.
const RESTARTS: usize = 5;
/// Exit code of bad configuration.
const BAD_CONFIGURATION: Option<i32> = Some(78);

/// A registry, an application that was registered by hand, and the folder of a caller.
struct Scene {
    control: Control,
    application: Application,
    service: String,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let control = Control::start();
        let application = Application::greeting("hello");
        let service = control.register_service("greeter", "1.0.0");
        control.register_instance(&service, &[format!("rest://{}", application.address)]);
        Self { control, application, service, folder: TempDir::new().unwrap() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn file(&self) -> PathBuf {
        self.state().join("snapshot")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Proxy::command(&self.control.url(), "webapp", more);
        command.env("MESHER_STATE_DIR", self.state());
        command
    }

    fn caller(&self) -> Proxy {
        Proxy::of(&mut self.command(&[]))
    }

    /// Lets a caller learn of the service, waits until that is on the disk, and ends it.
    fn learn(&self) {
        let mut caller = self.caller();
        caller.addresses.wait_reachable("http://greeter/");
        until("the snapshot is on the disk", || self.file().exists().then_some(()));
        assert_eq!(caller.process.stop(), Some(0));
    }
}

/// Starts a proxy and waits until it is ready. Answers how long that took.
fn ready_after(command: &mut Command) -> (Proxy, Duration) {
    let begun = Instant::now();
    let proxy = Proxy::of(command);
    proxy.addresses.wait_ready();
    (proxy, begun.elapsed())
}

fn greets(proxy: &Proxy) {
    let answer = proxy.addresses.get("http://greeter/").unwrap();
    assert_eq!((answer.status(), answer.text()), (200, "hello".to_owned()));
}

/// Rewrites the body of a stored snapshot, with the checksum that belongs to it.
fn rewrite(file: &Path, change: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(file).unwrap();
    let (_, body) = text.split_once('\n').unwrap();
    let body = change(body);
    let digest =
        Sha1::digest(body.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    fs::write(file, format!("mesher-snapshot 1 {} {digest}\n{body}", body.len())).unwrap();
}

#[test]
fn rg_02_a_proxy_whose_control_plane_is_gone_starts_from_its_snapshot() {
    let mut scene = Scene::new();
    scene.learn();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&scene.state()), mode(&scene.file())), (0o700, 0o600));
    scene.control.process.crash();
    for _ in 0..RESTARTS {
        let (proxy, elapsed) = ready_after(&mut scene.command(&[]));
        assert!(elapsed < READY_TIME_MAX, "ready after {elapsed:?}");
        greets(&proxy);
    }
    let proxy = scene.caller();
    greets(&proxy);
    proxy.addresses.wait_ready();
    let ready = proxy.addresses.admin("/readyz").json();
    assert!(ready["confirmed_seconds_ago"].is_u64() && ready["is_old"] == false, "{ready}");
    assert!(proxy.addresses.admin("/config").json()["snapshot"]["confirmed_seconds_ago"].is_u64());
    let metrics = proxy.addresses.admin("/metrics").text();
    assert!(metrics.contains("mesher_snapshot_confirmed_age_seconds{source=\"registry\"} "), "{metrics}");
}

#[test]
fn rg_02_a_silent_control_plane_holds_a_start_up_no_longer_than_one_that_is_gone() {
    let mut scene = Scene::new();
    scene.learn();
    scene.control.process.crash();
    let _silent = Application::silent_at(scene.control.address);
    let application = Application::greeting("own");
    let ports = format!("rest:{}", application.port());
    let (proxy, elapsed) = ready_after(&mut scene.command(&["--ports", &ports]));
    assert!(elapsed < READY_TIME_MAX, "ready after {elapsed:?}");
    greets(&proxy);
}

#[test]
fn rg_02_an_old_snapshot_is_served_with_and_warned_of() {
    let mut scene = Scene::new();
    scene.learn();
    scene.control.process.crash();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let old = now - 30 * 24 * 3600;
    rewrite(&scene.file(), |body| {
        let mut stored: Value = serde_json::from_str(body).unwrap();
        assert!(now - stored["confirmed_at"].as_u64().unwrap() < 600);
        stored["confirmed_at"] = old.into();
        stored.to_string()
    });
    let proxy = scene.caller();
    proxy.addresses.wait_ready();
    greets(&proxy);
    let ready = proxy.addresses.admin("/readyz");
    assert_eq!((ready.status(), &ready.json()["is_old"]), (200, &true.into()));
    assert!(proxy.process.errors().contains("has not confirmed"), "{}", proxy.process.errors());
}

#[test]
fn rg_03_a_damaged_snapshot_is_told_and_the_one_before_it_is_used() {
    let mut scene = Scene::new();
    scene.learn();
    scene.control.process.crash();
    let good = fs::read(scene.file()).unwrap();
    let previous = scene.state().join("snapshot.previous");
    let text = String::from_utf8(good.clone()).unwrap();
    let flipped = text.replacen("greeter", "greeteR", 1);
    for (damaged, reason) in [
        (&text[..text.len() / 2], "bytes where its first line says"),
        ("", "no stored snapshot"),
        (flipped.as_str(), "checksum"),
        (&text.replacen("mesher-snapshot 1", "mesher-snapshot 2", 1), "format"),
    ] {
        fs::write(scene.file(), damaged).unwrap();
        fs::write(&previous, &good).unwrap();
        let proxy = scene.caller();
        proxy.addresses.wait_ready();
        greets(&proxy);
        let told = proxy.process.errors();
        assert!(told.contains("a stored snapshot is not taken") && told.contains(reason), "{reason}: {told}");
    }
    fs::write(&previous, "damaged as well").unwrap();
    fs::write(scene.file(), &text[..20]).unwrap();
    let without = scene.caller();
    assert_eq!(without.addresses.admin("/livez").status(), 200);
    assert_eq!(without.addresses.admin("/readyz").status(), 503);
    assert_eq!(without.addresses.get("http://greeter/").unwrap().status(), 503);
}

#[test]
fn rg_03_a_snapshot_of_another_owner_is_not_taken() {
    let mut scene = Scene::new();
    scene.learn();
    scene.control.process.crash();
    let other = Proxy::of(&mut scene.command(&["--app", "other"]));
    until("it is told", || other.process.errors().contains("it is of webapp").then_some(()));
    assert_eq!(other.addresses.admin("/readyz").status(), 503);
    assert_eq!(other.addresses.get("http://greeter/").unwrap().status(), 503);
}

#[test]
fn what_has_moved_while_a_proxy_was_down_is_known_at_its_first_call() {
    let scene = Scene::new();
    scene.learn();
    // The address is another's now, who answers as well.
    let stranger = scene.application.address;
    drop(scene.application);
    let _stranger = Application::http_at(stranger, |_| mesher_verify::application::ok("stranger"));
    let moved = Application::greeting("hello");
    let id = scene.control.instances("greeter")[0]["instance_id"].as_str().unwrap().to_owned();
    scene.control.register_instance(&scene.service, &[format!("rest://{}", moved.address)]);
    let path = format!("/v4/default/registry/microservices/{}/instances/{id}", scene.service);
    let removed = mesher_verify::http::send_json(scene.control.address, "DELETE", &path, "").unwrap();
    assert_eq!(removed.status(), 200, "{}", removed.text());
    let mut command = Proxy::command(&scene.control.url(), "webapp", &[]);
    command.env("MESHER_STATE_DIR", scene.folder.path().join("state"));
    let proxy = Proxy::of(&mut command);
    for _ in 0..5 {
        greets(&proxy);
    }
}

#[test]
fn a_proxy_that_started_without_its_registry_takes_what_it_says_once_it_is_back() {
    let mut scene = Scene::new();
    scene.learn();
    scene.control.process.crash();
    let proxy = scene.caller();
    proxy.addresses.wait_ready();
    greets(&proxy);
    let control = Control::listen(&scene.control.address.to_string());
    let service = control.register_service("greeter", "2.0.0");
    control.register_instance(&service, &[format!("rest://{}", scene.application.address)]);
    until("the new version is known", || {
        let endpoints = proxy.addresses.endpoints("greeter");
        endpoints.iter().any(|endpoint| endpoint["version"] == "2.0.0").then_some(())
    });
}

#[test]
fn a_named_folder_that_cannot_be_had_is_refused_and_a_default_one_is_done_without() {
    let scene = Scene::new();
    let file = scene.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut command = Proxy::command(&scene.control.url(), "webapp", &[]);
    let Ended { code, errors, .. } = Process::run(command.env("MESHER_STATE_DIR", file.join("state")));
    assert_eq!(code, BAD_CONFIGURATION, "{errors}");
    assert!(errors.contains("MESHER_STATE_DIR") && errors.contains("name a folder"), "{errors}");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut command = Proxy::command(&scene.control.url(), "webapp", &[]);
    // A proxy with ports of its own choice looks for the folder of these ports.
    command.args(["--when-taken", "fail"]).env_remove("MESHER_STATE_DIR");
    let default = |command: &mut Command, home: &Path| {
        let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        let at = arguments.iter().position(|argument| argument == "--outbound-listen").unwrap();
        let mut other = mesher_verify::binary::command(&[]);
        other.args(&arguments[..=at]).arg(&listen).args(&arguments[at + 2..]);
        other.env_remove("MESHER_STATE_DIR").env("XDG_STATE_HOME", home);
        Proxy::of(&mut other)
    };
    let proxy = default(&mut command, &file);
    proxy.addresses.wait_reachable("http://greeter/");
    let told = proxy.process.errors();
    assert_eq!(told.matches("cannot be kept").count(), 1, "{told}");
    drop(proxy);
    let proxy = default(&mut command, scene.folder.path());
    proxy.addresses.wait_reachable("http://greeter/");
    let stored = scene.folder.path().join(format!("mesher/proxies/webapp-outbound-{port}/snapshot"));
    until("it is stored by default", || stored.exists().then_some(()));
}
