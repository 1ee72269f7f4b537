//! Runs the steps of a scenario and compares each answer with the recorded one.
//! It must compare after the last step: only then are all values known that an answer may hold.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use mesher_verify::http::{Message, Wire};
use mesher_verify::patience::throughout;
use serde::Deserialize;
use serde_json::Value;

use crate::comparison::{Saved, differences, is_same_header, mark};
use crate::socket::Socket;

/// When a step is sent that goes with another.
const DURING: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) scenario: String,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    id: String,
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    raw: Option<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
    #[serde(default)]
    save_header: BTreeMap<String, String>,
    #[serde(default)]
    loose: Vec<String>,
    /// Seconds before the step.
    #[serde(default)]
    wait: f64,
    /// The name of a web socket.
    #[serde(default)]
    watch: String,
    /// How many frames to wait for.
    #[serde(default)]
    count: usize,
    /// For how many seconds to wait for them.
    #[serde(default)]
    within: f64,
    /// Sent a second after the step has begun, while it waits for its answer.
    during: Option<Box<Self>>,
    #[serde(default)]
    response: Answer,
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Runs all steps. Answers the ids of those that differ, with what differs.
pub(crate) fn run(address: SocketAddr, scenario: &Scenario) -> Vec<(String, Vec<String>)> {
    let mut saved = Saved::default();
    let mut sockets = HashMap::new();
    let mut answers = Vec::new();
    for step in &scenario.steps {
        if step.wait > 0.0 {
            throughout(Duration::from_secs_f64(step.wait), || Ok(()));
        }
        answers.push(make(address, step, &mut saved, &mut sockets));
    }
    let judged = scenario.steps.iter().zip(answers).map(|(step, got)| {
        let body = mark(got.body, &saved, "");
        (step.id.clone(), judge(step, &Answer { body, ..got }, &saved))
    });
    judged.filter(|(_, differences)| !differences.is_empty()).collect()
}

fn make(
    address: SocketAddr,
    step: &Step,
    saved: &mut Saved,
    sockets: &mut HashMap<String, Socket>,
) -> Answer {
    match step.method.as_str() {
        "WATCH" => {
            let (status, socket) = Socket::open(address, &saved.fill(&step.path)).unwrap();
            sockets.insert(step.watch.clone(), socket);
            Answer { status, ..Answer::default() }
        }
        "EVENTS" => {
            let socket = sockets.get_mut(&step.watch).unwrap();
            let frames = socket.frames(step.count, Duration::from_secs_f64(step.within));
            Answer { body: Value::Array(frames), ..Answer::default() }
        }
        _ => {
            let got = read(&send_with_another(address, step, saved));
            for (name, path) in &step.save {
                if let Some(text) = dig(&got.body, path).and_then(Value::as_str) {
                    saved.keep(name, text);
                }
            }
            for (name, header) in &step.save_header {
                if let Some(text) = got.headers.get(&header.to_ascii_lowercase()) {
                    saved.keep(name, text);
                }
            }
            got
        }
    }
}

/// Sends a step, and meanwhile the one that goes with it.
fn send_with_another(address: SocketAddr, step: &Step, saved: &Saved) -> Message {
    let Some(other) = &step.during else { return send(address, step, saved) };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            throughout(DURING, || Ok(()));
            send(address, other, saved);
        });
        send(address, step, saved)
    })
}

fn send(address: SocketAddr, step: &Step, saved: &Saved) -> Message {
    let body = match (&step.raw, &step.body) {
        (Some(raw), _) => Some(saved.fill(raw)),
        (None, Some(body)) => Some(saved.fill(&body.to_string())),
        (None, None) => None,
    };
    let mut request = format!("{} {} HTTP/1.1\r\nHost: {address}\r\n", step.method, saved.fill(&step.path));
    if !step.headers.contains_key("X-Domain-Name") {
        request.push_str("X-Domain-Name: default\r\n");
    }
    for (name, value) in &step.headers {
        request.push_str(&format!("{name}: {}\r\n", saved.fill(value)));
    }
    let body = body.unwrap_or_default();
    request.push_str(&format!("Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()));
    let answer = Wire::open(address).and_then(|mut wire| wire.call(request));
    answer.unwrap_or_else(|error| panic!("{}: {error}", step.id))
}

fn read(message: &Message) -> Answer {
    let text = message.text();
    let body = match text.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    Answer { status: message.status(), headers: message.head.fields.iter().cloned().collect(), body }
}

/// The value at a path like `services.updated.0.rev`.
fn dig<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

fn judge(step: &Step, got: &Answer, saved: &Saved) -> Vec<String> {
    let want = &step.response;
    let mut all = Vec::new();
    if want.status != got.status {
        all.push(format!("status {}, original {}", got.status, want.status));
    }
    for (name, value) in &want.headers {
        match got.headers.get(name) {
            None => all.push(format!("header {name} is missing")),
            Some(known) if !is_same_header(value, known, saved) => {
                all.push(format!("header {name}: {known}, original {value}"));
            }
            Some(_) => {}
        }
    }
    differences(&want.body, &got.body, "", &step.loose, &mut all);
    all
}
