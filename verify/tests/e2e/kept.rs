//! What the control plane keeps in its data directory: restarts, backups, and directories that it must not take.
//! It must look from outside only: at answers, at exit codes, at what is said.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::http::send_json_with;
use mesher_verify::mesh::{ANY_PORT, Control, Proxy};
use mesher_verify::patience::{throughout, until};
use mesher_verify::process::{Ended, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

const ROOT: &str = "Pa55word!";
/// Bad configuration, as `sysexits.h` numbers it.
const BAD_CONFIGURATION: Option<i32> = Some(78);

fn backup(file: &Path, control: &Control) -> Ended {
    let mut command = binary::command(&["control", "backup", "--control", &control.url()]);
    Process::run(command.arg(file))
}

fn backup_stopped(file: &Path, directory: &Path) -> Ended {
    Process::run(binary::command(&["control", "backup"]).arg(file).arg("--data-dir").arg(directory))
}

fn restore(file: &Path, directory: &Path) -> Ended {
    Process::run(binary::command(&["control", "restore"]).arg(file).arg("--data-dir").arg(directory))
}

fn assert_good(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

/// It ended with a message that holds all of the words.
#[track_caller]
fn assert_refused(ended: &Ended, words: &[&str]) {
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert!(words.iter().all(|word| ended.errors.contains(word)), "{words:?}: {}", ended.errors);
    assert!(!ended.errors.contains("panicked"), "{}", ended.errors);
}

/// A control plane cannot start in this directory, and says why.
#[track_caller]
fn assert_unusable(directory: &Path, words: &[&str]) {
    let ended = Process::run(&mut Control::command(directory, ANY_PORT));
    assert_refused(&ended, words);
    assert_eq!(ended.code, BAD_CONFIGURATION, "{}", ended.errors);
}

fn service_names(control: &Control) -> Vec<String> {
    let rows = control.rows("services");
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

/// A directory with one service in it, whose control plane has ended.
fn filled(folder: &TempDir) -> PathBuf {
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    control.register_service("orders", "1.0.0");
    assert_eq!(control.process.stop(), Some(0));
    directory
}

/// The ids of a service's instances, as a person sees them.
fn instance_ids(control: &Control, service: &str) -> Vec<String> {
    let mut command = binary::command(&["get", "instances", "-o", "json", "--control", &control.url()]);
    let ended = Process::run(&mut command);
    assert_good(&ended);
    let rows: Vec<Value> = serde_json::from_str(&ended.output).unwrap();
    let of_it = rows.iter().filter(|row| row["service"] == service);
    of_it.map(|row| row["instance_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_stands_behind_a_proxy_is_there_and_callable_right_after_a_crash_of_the_control_plane() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    let address = control.address.to_string();
    let application = Application::greeting("hello");
    let _provider = Proxy::beside(&control.url(), "greeter", application.port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let before = instance_ids(&control, "greeter");
    assert_eq!(before.len(), 1);

    control.process.crash();
    let control = Control::keeping(&directory, &address);
    assert_eq!(instance_ids(&control, "greeter"), before, "nobody had to register again");
    assert_eq!(caller.addresses.get("http://greeter/").unwrap().text(), "hello");
    // Who knew nothing of it before learns of it from what was kept.
    let newcomer = Proxy::start(&control.url(), "newcomer", &[]);
    newcomer.addresses.wait_ready();
    newcomer.addresses.wait_reachable("http://greeter/");
    throughout(Duration::from_secs(3), || {
        let rows = control.instances("greeter");
        let is_same = rows.len() == 1 && rows[0]["instance_id"] == before[0].as_str();
        if is_same { Ok(()) } else { Err(format!("not without a gap: {rows:?}")) }
    });
    until("all proxies are known again", || (control.rows("proxies").len() == 3).then_some(()));
    assert_eq!(instance_ids(&control, "greeter"), before);
}

#[test]
fn st_17_proxies_outlive_the_restore_of_a_backup_that_is_older_than_they_are() {
    let folder = TempDir::new().unwrap();
    let (file, restored) = (folder.path().join("backup"), folder.path().join("restored"));
    let mut control = Control::keeping(&folder.path().join("data"), ANY_PORT);
    let address = control.address.to_string();
    let applications = ["old", "young"].map(Application::greeting);
    let _old = Proxy::beside(&control.url(), "old", applications[0].port());
    assert_good(&backup(&file, &control));
    let _young = Proxy::beside(&control.url(), "young", applications[1].port());
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    for name in ["old", "young"] {
        caller.addresses.wait_reachable(&format!("http://{name}/"));
    }

    control.process.crash();
    assert_good(&restore(&file, &restored));
    let control = Control::keeping(&restored, &address);
    assert_eq!(control.instances("old").len(), 1);
    throughout(Duration::from_secs(3), || {
        for name in ["old", "young"] {
            let answer =
                caller.addresses.get(&format!("http://{name}/")).map_err(|error| error.to_string())?;
            if answer.status() != 200 {
                return Err(format!("{name}: {} {}", answer.status(), answer.text()));
            }
        }
        Ok(())
    });
    control.wait_instances("young", 1);
    control.wait_instances("old", 1);
}

#[test]
fn st_17_a_backup_of_a_running_and_of_a_stopped_control_plane_can_be_restored() {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut control = Control::keeping(&place("data"), ANY_PORT);
    control.register_service("orders", "1.0.0");
    assert_good(&backup(&place("running"), &control));
    control.register_service("prices", "1.0.0");
    let refused = backup_stopped(&place("refused"), &place("data"));
    assert_refused(&refused, &[&control.process.pid().to_string(), "--data-dir"]);
    assert_eq!(control.process.stop(), Some(0));
    assert_good(&backup_stopped(&place("stopped"), &place("data")));

    for (name, services) in [("running", vec!["orders"]), ("stopped", vec!["orders", "prices"])] {
        let directory = place(&format!("restored-{name}"));
        assert_good(&restore(&place(name), &directory));
        let control = Control::keeping(&directory, ANY_PORT);
        let mut found = service_names(&control);
        found.retain(|name| name != "SERVICECENTER");
        assert_eq!(found, services, "{name}");
        control.register_service("returns", "1.0.0");
    }
}

#[test]
fn st_17_a_backup_replaces_nothing_and_what_is_cut_is_not_restored() {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    let directory = filled(&folder);
    std::fs::write(place("precious"), "mine").unwrap();
    let refused = backup_stopped(&place("precious"), &directory);
    assert_refused(&refused, &["precious"]);
    assert_eq!(refused.errors.matches("File exists").count(), 1, "a cause is said once: {}", refused.errors);
    let control = Control::keeping(&directory, ANY_PORT);
    assert_refused(&backup(&place("precious"), &control), &["precious", "replaces no file"]);
    assert_eq!(std::fs::read_to_string(place("precious")).unwrap(), "mine");

    assert_good(&backup(&place("whole"), &control));
    assert_refused(&restore(&place("whole"), &directory), &["is not empty"]);
    assert_eq!(service_names(&control).iter().filter(|name| *name == "orders").count(), 1);
    let whole = std::fs::read(place("whole")).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(place("cut"), &whole[..length]).unwrap();
        assert_refused(&restore(&place("cut"), &place("new")), &["is no backup that can be restored"]);
    }
    let mut changed = whole;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(place("changed"), changed).unwrap();
    assert_refused(&restore(&place("changed"), &place("new")), &["is no backup that can be restored"]);
    assert_good(&restore(&place("whole"), &place("new")));
}

#[test]
fn a_control_plane_in_memory_has_nothing_to_back_up() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("backup");
    let control = Control::start();
    assert_refused(&backup(&file, &control), &["--data-dir"]);
    assert!(!file.exists(), "half a backup is none");
}

#[test]
fn st_11_a_directory_has_one_control_plane() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    assert_unusable(&directory, &["in use by process", &control.process.pid().to_string()]);
    control.register_service("orders", "1.0.0");
    control.process.crash();
    let control = Control::keeping(&directory, ANY_PORT);
    assert!(service_names(&control).contains(&"orders".to_owned()), "a crash leaves no lock");
}

#[test]
fn st_11_a_directory_that_others_could_change_is_refused() {
    let folder = TempDir::new().unwrap();
    let directory = filled(&folder);
    for mode in [0o770, 0o707] {
        std::fs::set_permissions(&directory, Permissions::from_mode(mode)).unwrap();
        assert_unusable(&directory, &["is not safe", "chmod go-w"]);
    }
    std::fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    let (file, elsewhere) = (directory.join("store.redb"), folder.path().join("elsewhere"));
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_unusable(&directory, &["is not safe", "chmod 600"]);
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_unusable(&directory, &["is not safe", "link"]);
    std::fs::rename(&elsewhere, &file).unwrap();
    let control = Control::keeping(&directory, ANY_PORT);
    assert!(service_names(&control).contains(&"orders".to_owned()));
}

#[test]
fn st_11_an_audit_that_cannot_be_written_is_refused() {
    let folder = TempDir::new().unwrap();
    let directory = filled(&folder);
    std::fs::remove_file(directory.join("audit.jsonl")).unwrap();
    std::fs::create_dir(directory.join("audit.jsonl")).unwrap();
    assert_unusable(&directory, &["audit", "Is a directory"]);
}

#[test]
fn st_11_a_file_that_is_damaged_or_cut_is_refused() {
    let folder = TempDir::new().unwrap();
    let directory = filled(&folder);
    let file = directory.join("store.redb");
    let whole = std::fs::read(&file).unwrap();
    for length in [0, 1, 4096, whole.len() / 2] {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert_unusable(&directory, &["is damaged", "restore from backup"]);
    }
    std::fs::write(&file, vec![0x5a; whole.len()]).unwrap();
    assert_unusable(&directory, &["is damaged", "restore from backup"]);
    std::fs::write(&file, whole).unwrap();
    let control = Control::keeping(&directory, ANY_PORT);
    assert!(service_names(&control).contains(&"orders".to_owned()));
}

#[test]
fn ad_20_accounts_and_the_audit_of_their_changes_outlive_a_crash() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let start = |password: &str| {
        let mut command = Control::command(&directory, ANY_PORT);
        command.env("MESHER_ACCESS_CONTROL", "on").env("MESHER_ROOT_PASSWORD", password);
        Control::of(&mut command)
    };
    let mut control = start(ROOT);
    let bearer = format!("Bearer {}", control.login("root", ROOT).unwrap());
    let account = json!({"name": "dev1", "password": "Dev1-pass!", "roles": ["developer"]}).to_string();
    let fields = [("Authorization", bearer.as_str())];
    let answer = send_json_with(control.address, "POST", "/v4/accounts", &fields, &account).unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    control.process.crash();
    let audit = || std::fs::read_to_string(directory.join("audit.jsonl")).unwrap();
    let before = audit();
    assert!(before.lines().any(|line| line.contains("dev1") && line.contains("root")), "{before}");
    assert!(!before.contains("Dev1-pass!"), "no password in the audit");

    // The password of the first start counts, not that of a later one.
    let control = start("An0ther-one!");
    assert!(control.login("root", ROOT).is_some());
    assert!(control.login("root", "An0ther-one!").is_none());
    assert!(control.login("dev1", "Dev1-pass!").is_some(), "the account is kept");
    let after = audit();
    assert!(after.starts_with(&before), "what was written stays: {before}\n{after}");
}
