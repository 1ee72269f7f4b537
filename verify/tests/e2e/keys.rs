//! Keys of the configuration through crashes of the control plane, and through its further doors.
//! It must count a key as kept only where its writer got an answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use mesher_verify::http::{get, send_json};
use mesher_verify::mesh::{ANY_PORT, Control};
use mesher_verify::patience::until;
use serde_json::{Value, json};
use tempfile::TempDir;

const KEYS: &str = "/v1/default/kie/kv";
/// Crashes of one run.
const CRASHES: u64 = 10;
/// Writers, each with a key of its own.
const WRITERS: usize = 4;
/// Answered writes before each crash.
const WRITES: u64 = 60;

fn make(address: SocketAddr, key: &str) -> String {
    let body = json!({"key": key, "value": "0", "status": "enabled", "labels": {"app": "shop"}}).to_string();
    let made = send_json(address, "POST", KEYS, &body).unwrap();
    assert_eq!(made.status(), 200, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

/// Writes one number after the other until nobody answers. Returns the last one that was answered.
fn write(address: SocketAddr, id: &str, begin: u64, answered: &AtomicU64) -> u64 {
    let mut last = begin;
    loop {
        let body = json!({"value": (last + 1).to_string()}).to_string();
        match send_json(address, "PUT", &format!("{KEYS}/{id}"), &body) {
            Ok(answer) if answer.status() == 200 => {
                last += 1;
                answered.fetch_add(1, Ordering::SeqCst);
            }
            _ => return last,
        }
    }
}

fn look(address: SocketAddr, path: &str) -> Value {
    get(address, &address.to_string(), path).unwrap().json()
}

fn revision(address: SocketAddr) -> u64 {
    let answer = get(address, &address.to_string(), KEYS).unwrap();
    let field = answer.head.fields.iter().find(|(name, _)| name == "x-kie-revision");
    field.unwrap().1.parse().unwrap()
}

#[test]
fn no_answered_key_is_lost_by_a_crash_and_no_revision_comes_twice() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("data");
    let mut control = Control::keeping(&directory, ANY_PORT);
    let ids: Vec<_> = (0..WRITERS).map(|number| make(control.address, &format!("key{number}"))).collect();
    let mut known = vec![0; WRITERS];
    for crash in 1..=CRASHES {
        let (address, answered) = (control.address, AtomicU64::new(0));
        let (told, last) = std::thread::scope(|threads| {
            let writers: Vec<_> = ids
                .iter()
                .zip(&known)
                .map(|(id, begin)| threads.spawn(|| write(address, id, *begin, &answered)))
                .collect();
            until("writes are answered", || (answered.load(Ordering::SeqCst) >= WRITES).then_some(()));
            let told = revision(address);
            control.process.crash();
            let last: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
            (told, last)
        });
        known = last;
        control = Control::keeping(&directory, ANY_PORT);
        assert!(revision(control.address) >= told, "crash {crash}");
        for (id, last) in ids.iter().zip(&mut known) {
            let kept = look(control.address, &format!("{KEYS}/{id}"));
            let value: u64 = kept["value"].as_str().unwrap().parse().unwrap();
            // The one that was on its way may have been kept, too.
            assert!((*last..=*last + 1).contains(&value), "crash {crash}: {value}, answered up to {last}");
            let history = look(control.address, &format!("/v1/default/kie/revision/{id}"));
            assert_eq!(history["data"][0]["value"], kept["value"], "crash {crash}");
            *last = value;
        }
    }
}

#[test]
fn further_doors_lead_to_the_same_and_a_taken_one_is_named() {
    let mut command = Control::in_memory(ANY_PORT);
    command.args(["--kie-listen", ANY_PORT]).env("MESHER_CONFIG_CENTER_LISTEN", ANY_PORT);
    let mut process = mesher_verify::process::Process::start(&mut command);
    let addresses: Value = serde_json::from_str(&process.first_line()).unwrap();
    let door = |name: &str| -> SocketAddr {
        addresses[name].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap()
    };
    make(door("kie"), "through.kie");
    for name in ["control", "kie", "configCenter"] {
        assert_eq!(look(door(name), KEYS)["data"][0]["key"], "through.kie", "{name}");
    }
    let taken = door("control").to_string();
    let mut second = Control::in_memory(ANY_PORT);
    let ended = mesher_verify::process::Process::run(second.args(["--kie-listen", &taken]));
    assert!(ended.code != Some(0) && ended.errors.contains(&taken), "{ended:?}");
    assert!(ended.errors.contains("--kie-listen"), "{}", ended.errors);
}
