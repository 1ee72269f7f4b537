//! The control plane on a disk that is full, and on one that cannot be written.
//! It must go on answering, show nothing that it refused, and take changes again as soon as there is space.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use mesher_verify::http::{Message, get, send_json};
use mesher_verify::mesh::{ANY_PORT, Control};
use mesher_verify::patience::until_within;
use mesher_verify::process::Process;
use mesher_verify::skip::{has_programs, leave_out};
use serde_json::json;
use tempfile::TempDir;

/// Bytes of a contract: a few of them fill what the store has left within its file.
const CONTRACT: usize = 200_000;
/// The store must meet the full disk before so many of them.
const CONTRACTS_MAX: usize = 400;
/// Where keys of the configuration are.
const KEYS: &str = "/v1/default/kie/kv";
/// Bytes of a key's value, about as many as there may be.
const KEY_VALUE: usize = 128_000;
/// Small changes, of which the store takes some: their lines in the audit are longer than what is left of a block.
const MARKS: usize = 40;
/// How long the store may go on refusing once there is space.
const REST_MAX: Duration = Duration::from_secs(5);
/// The code of a store that cannot write.
const STORE_UNAVAILABLE: &str = "500011";

/// A small disk in memory, of the test's own.
struct Disk(TempDir);

impl Disk {
    /// Mounts one. Where that is not possible, says that `row` is left out.
    fn mount(row: &str) -> Option<Self> {
        if !has_programs(row, &["mount", "umount"]) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs"])
            .arg(folder.path())
            .output()
            .unwrap();
        if !mounted.status.success() {
            leave_out(row, "a disk of the test's own needs root");
            return None;
        }
        Some(Self(folder))
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        for piece in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let done = Command::new("mount").args(["-o", &options]).arg(self.0.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A process that has just been killed may still hold it.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// A service whose contracts grow, and an instance of it.
struct Ground {
    control: Control,
    service: String,
    instance: String,
    /// Contracts that were acknowledged, by number.
    kept: Vec<usize>,
    next: usize,
}

impl Ground {
    fn start(disk: &Disk) -> Self {
        let control = Control::keeping(&disk.data(), ANY_PORT);
        let record = json!({
            "appId": "default", "serviceName": "orders", "version": "1.0.0", "environment": "development"
        });
        let service = control.register_record(&record);
        let instance = control.register_instance(&service, &["rest://127.0.0.1:80".to_owned()]);
        Self { control, service, instance, kept: Vec::new(), next: 0 }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v4/default/registry/microservices/{}{rest}", self.service)
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Message {
        send_json(self.control.address, method, path, body).unwrap()
    }

    fn look(&self, path: &str) -> Message {
        get(self.control.address, &self.control.address.to_string(), path).unwrap()
    }

    /// Writes one more contract, and remembers it where it was acknowledged.
    fn write(&mut self) -> Message {
        let number = self.next;
        self.next += 1;
        let body = json!({"schema": "x".repeat(CONTRACT), "summary": number.to_string()}).to_string();
        let answer = self.send("PUT", &self.path(&format!("/schemas/c{number}")), &body);
        if answer.status() == 200 {
            self.kept.push(number);
        }
        answer
    }

    /// A small change, which the store may have space for within its file.
    fn mark(&self, mark: usize) -> Message {
        let body = json!({"properties": {"mark": mark.to_string()}}).to_string();
        self.send("PUT", &self.path("/properties"), &body)
    }

    /// Writes until the disk is full.
    fn write_until_refused(&mut self) -> Message {
        for _ in 0..CONTRACTS_MAX {
            let answer = self.write();
            if answer.status() != 200 {
                return answer;
            }
        }
        panic!("the disk was never full");
    }

    /// There is space again, and no restart is needed. The store rests for a moment after each failure.
    #[track_caller]
    fn wait_writable(&mut self) {
        until_within(REST_MAX, "a change is taken again", || (self.write().status() == 200).then_some(()));
    }

    /// Just what was acknowledged is shown.
    #[track_caller]
    fn compare(&self) {
        for number in 0..self.next {
            let answer = self.look(&self.path(&format!("/schemas/c{number}")));
            let is_there = answer.status() == 200;
            assert_eq!(is_there, self.kept.contains(&number), "c{number}: {}", answer.text());
        }
    }

    /// What does not change anything goes on.
    #[track_caller]
    fn serve(&self) {
        let beat = self.path(&format!("/instances/{}/heartbeat", self.instance));
        assert_eq!(self.send("PUT", &beat, "").status(), 200);
        let find =
            "/v4/default/registry/instances?appId=default&serviceName=orders&version=0%2B&env=development";
        let found = self.look(find);
        assert_eq!(found.status(), 200, "{}", found.text());
        assert!(found.text().contains(&self.instance), "{}", found.text());
        assert_eq!(self.look("/readyz").status(), 200);
        assert_eq!(self.control.instances("orders").len(), 1);
    }
}

#[track_caller]
fn assert_refused(answer: &Message) {
    assert_eq!(answer.status(), 500, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["errorCode"], STORE_UNAVAILABLE, "{body}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("nothing was changed"), "{detail}");
}

#[test]
fn st_05_a_full_disk_refuses_changes_and_nothing_else_until_there_is_space() {
    let Some(disk) = Disk::mount("st_05") else { return };
    let mut ground = Ground::start(&disk);
    ground.write();
    for round in 0..2 {
        disk.fill();
        let refused = ground.write_until_refused();
        assert_refused(&refused);
        assert!(ground.write().status() == 500, "round {round}: there is no space for the next one either");
        let body = json!({"service": {"appId": "default", "serviceName": "late", "version": "1.0.0"}});
        let late = ground.send("POST", "/v4/default/registry/microservices", &body.to_string());
        ground.serve();
        ground.compare();
        let has_late = ground.control.rows("services").iter().any(|row| row["name"] == "late");
        assert_eq!(has_late, late.status() == 200, "{}", late.text());

        disk.free();
        ground.wait_writable();
        ground.serve();
        ground.compare();
    }
    ground.control.process.crash();
    assert!(!ground.control.process.errors().contains("panicked"));
    ground.control = Control::keeping(&disk.data(), ANY_PORT);
    ground.compare();
    ground.serve();
}

#[test]
fn st_05_a_full_disk_refuses_keys_and_shows_none_that_was_refused() {
    let Some(disk) = Disk::mount("st_05") else { return };
    let mut ground = Ground::start(&disk);
    let write = |ground: &Ground, number: usize| {
        let body = json!({"key": format!("k{number}"), "value": "x".repeat(KEY_VALUE), "status": "enabled"});
        ground.send("POST", KEYS, &body.to_string())
    };
    let known = |ground: &Ground| ground.look(&format!("{KEYS}?limit=1")).json()["total"].as_u64().unwrap();
    disk.fill();
    let (kept, refused) = (0..CONTRACTS_MAX)
        .map(|number| (number, write(&ground, number)))
        .find(|(_, answer)| answer.status() != 200)
        .expect("the disk is full at some time");
    assert_eq!(
        (refused.status(), &refused.json()["errorCode"]),
        (500, &json!("500001")),
        "{}",
        refused.text()
    );
    assert!(refused.json()["detail"].as_str().unwrap().contains("nothing was changed"), "{}", refused.text());
    assert_eq!(known(&ground), kept as u64, "what was refused is not shown");
    ground.serve();

    disk.free();
    until_within(REST_MAX, "a key is taken again", || (write(&ground, kept).status() == 200).then_some(()));
    assert_eq!(known(&ground), kept as u64 + 1);
    ground.control.process.crash();
    ground.control = Control::keeping(&disk.data(), ANY_PORT);
    assert_eq!(known(&ground), kept as u64 + 1);
}

#[test]
fn st_05_a_crash_on_a_full_disk_loses_nothing() {
    let Some(disk) = Disk::mount("st_05") else { return };
    let mut ground = Ground::start(&disk);
    disk.fill();
    assert_refused(&ground.write_until_refused());
    ground.control.process.crash();
    disk.free();
    ground.control = Control::keeping(&disk.data(), ANY_PORT);
    for number in &ground.kept {
        let answer = ground.look(&ground.path(&format!("/schemas/c{number}")));
        assert_eq!(answer.status(), 200, "c{number}: {}", answer.text());
    }
    ground.wait_writable();
    ground.serve();
}

#[test]
fn st_05_a_full_disk_tears_no_line_of_the_audit() {
    let Some(disk) = Disk::mount("st_05") else { return };
    let ground = Ground::start(&disk);
    disk.fill();
    for mark in 0..MARKS {
        ground.mark(mark);
    }
    disk.free();
    until_within(REST_MAX, "a change is taken again", || (ground.mark(MARKS).status() == 200).then_some(()));
    let errors = ground.control.process.errors();
    assert!(
        errors.contains("the audit file cannot be written"),
        "what is not in the file is in the log: {errors}"
    );
    let audit = std::fs::read_to_string(disk.data().join("audit.jsonl")).unwrap();
    for line in audit.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(audit.ends_with('\n') && audit.contains(&format!("\"{MARKS}\"")), "{audit}");
}

#[test]
fn st_05_a_control_plane_starts_on_a_full_disk_and_answers() {
    let Some(disk) = Disk::mount("st_05") else { return };
    let mut ground = Ground::start(&disk);
    disk.fill();
    for mark in 0..MARKS {
        ground.mark(mark);
    }
    assert_refused(&ground.write_until_refused());
    ground.control.process.crash();
    ground.control = Control::keeping(&disk.data(), ANY_PORT);
    ground.serve();
    disk.free();
    ground.wait_writable();
    ground.serve();
}

#[test]
fn st_11_a_disk_that_cannot_be_written_is_refused_at_the_start() {
    let Some(disk) = Disk::mount("st_11") else { return };
    let mut ground = Ground::start(&disk);
    assert_eq!(ground.control.process.stop(), Some(0));
    disk.remount("ro");
    let ended = Process::run(&mut Control::command(&disk.data(), ANY_PORT));
    assert_eq!(ended.code, Some(78), "{}", ended.errors);
    assert!(ended.errors.contains("Read-only file system"), "{}", ended.errors);
    disk.remount("rw");
    ground.control = Control::keeping(&disk.data(), ANY_PORT);
    ground.serve();
}
