//! The guide to routing, step by step: what stands in it is sent, and what it promises is looked for.
//! It must send the guide's own texts, byte for byte: a copy would go on holding where the guide does not.

use std::net::SocketAddr;

use mesher_verify::http::{get_with, send_json};
use mesher_verify::mesh::{Control, NEWS, Pair, Proxy, QUESTION, version_of};
use mesher_verify::patience::{until, until_within};
use mesher_verify::process::Process;

use crate::rules::{apply, assert_done, mesher};

const GUIDE: &str = include_str!("../../../docs/guide/routing.md");
/// The calls that the guide's `ask` makes.
const CALLS: usize = 20;
/// Calls of a share that may be off: each worker keeps it for itself.
const OFF_MAX: usize = 2;
/// The version that the guide brings out, and the one that it starts later.
const SECOND: &str = "0.0.2";
const THIRD: &str = "0.0.3";

/// What a guide gives to this command, each time that it does, in its order.
pub(crate) fn given(guide: &'static str, command: &str) -> Vec<&'static str> {
    let begun = guide.split("<<'END'\n").collect::<Vec<_>>();
    let pairs = begun.windows(2).filter_map(|pair| match pair {
        [before, text] => Some((before.lines().last()?, text.split("END\n").next()?)),
        _ => None,
    });
    let texts: Vec<_> = pairs.filter(|(line, _)| line.contains(command)).map(|(_, text)| text).collect();
    assert!(!texts.is_empty(), "the guide does not say {command}");
    texts
}

/// The mesh that guides are about: the demo's, on free ports.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) caller: Proxy,
    _calculators: [Pair; 2],
}

impl Stage {
    pub(crate) fn start() -> Self {
        let control = Control::start();
        let calculators = ["0.0.1", SECOND].map(|version| Pair::calculator(&control, version));
        let caller = Proxy::start(&control.url(), "webapp", &[]);
        let stage = Self { control, caller, _calculators: calculators };
        until("both versions are known", || {
            stage.caller.addresses.wait_reachable(&format!("http://calculator{QUESTION}"));
            (stage.caller.addresses.endpoints("calculator").len() == 2).then_some(())
        });
        stage
    }

    pub(crate) fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    /// Which versions answer, as the guide's `ask` counts them.
    #[track_caller]
    fn ask(&self, fields: &[(&str, &str)]) -> Vec<String> {
        let call = || {
            let answer = get_with(self.outbound(), "calculator", QUESTION, fields).unwrap();
            assert_eq!(answer.status(), 200, "{}", answer.text());
            version_of(&answer)
        };
        (0..CALLS).map(|_| call()).collect()
    }

    /// Version 0.0.2 answers so many of the calls, give or take few.
    #[track_caller]
    fn assert_second(&self, expected: usize) {
        let answers = self.ask(&[]);
        let count = answers.iter().filter(|version| *version == SECOND).count();
        assert!(count.abs_diff(expected) <= OFF_MAX && count > 0, "{count} instead of {expected}");
    }

    /// This version answers all of the calls.
    #[track_caller]
    fn assert_all(&self, fields: &[(&str, &str)], version: &str) {
        let answers = self.ask(fields);
        assert!(answers.iter().all(|answer| answer == version), "{fields:?}: {answers:?}");
    }

    #[track_caller]
    pub(crate) fn apply(&self, text: &str) {
        assert_done(&apply(&self.control, text, &["--wait"]));
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let ended = Process::run(&mut mesher(&self.control, arguments));
        assert_done(&ended);
        ended.output
    }

    pub(crate) fn explained(&self, fields: &[&str]) -> String {
        let question = ["explain", "--from", "webapp", "--to", "calculator", "GET /bmi"];
        self.run(&[&question, fields].concat())
    }

    /// Sends what the guide gives to `curl` for this path.
    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &str) {
        let answer = send_json(self.control.address, method, path, body).unwrap();
        assert_eq!(answer.status(), 200, "{method} {path}: {}", answer.text());
    }
}

/// Copies of calls that were answered, as the caller's proxy counts them.
fn answered_copies(stage: &Stage) -> usize {
    let metrics = stage.caller.addresses.admin("/metrics").text();
    let row = "mesher_mirrored_total{service=\"webapp\",peer=\"calculator\",result=\"answered\"} ";
    assert!(GUIDE.contains(row), "the guide shows another row");
    metrics.lines().find_map(|line| line.strip_prefix(row)?.parse().ok()).unwrap_or_default()
}

#[test]
fn documents_of_the_guide_do_what_it_says() {
    let stage = Stage::start();
    let documents = given(GUIDE, "mesher apply");
    let [tenth, half, dark, mirror] = documents.as_slice() else { panic!("{} documents", documents.len()) };
    let (eve, uma) = ([("x-user", "eve")], [("x-user", "uma")]);

    stage.apply(tenth);
    stage.assert_second(CALLS / 10);
    stage.assert_all(&eve, "0.0.1");
    stage.assert_all(&uma, SECOND);
    let explained = stage.explained(&["-H", "x-user: uma"]);
    let shown = GUIDE
        .lines()
        .filter(|line| ["said by ", "rules  ", "goes to "].iter().any(|head| line.starts_with(head)));
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    shown.iter().for_each(|line| assert!(explained.contains(line), "{line}: {explained}"));
    stage.apply(half);
    stage.assert_second(CALLS / 2);
    stage.assert_all(&eve, SECOND);
    stage.assert_all(&uma, SECOND);

    let applied = apply(&stage.control, dark, &["--wait"]);
    assert_done(&applied);
    assert!(applied.errors.contains("no instance of calculator is of version 0.0.3 now"), "{applied:?}");
    let tester = [("x-tester", "yes")];
    let answers = stage.ask(&tester);
    for version in ["0.0.1", SECOND] {
        assert!(answers.iter().any(|answer| answer == version), "{answers:?}");
    }
    let third = Pair::calculator(&stage.control, THIRD);
    until_within(NEWS, "testers get the third version", || {
        stage.ask(&tester).iter().all(|version| version == THIRD).then_some(())
    });
    stage.assert_all(&tester, THIRD);
    stage.assert_second(CALLS / 2);
    assert!(stage.ask(&[]).iter().all(|version| version != THIRD));
    drop(third);

    stage.apply(mirror);
    assert_eq!(answered_copies(&stage), 0);
    stage.assert_all(&[], "0.0.1");
    until("every call was copied", || (answered_copies(&stage) == CALLS).then_some(()));

    let history = stage.run(&["history", "Route", "calculator"]);
    assert_eq!(history.lines().count(), 5, "{history}");
    assert!(stage.run(&["history", "--revision", "3"]).contains("x-tester"));
    assert!(stage.run(&["rollback", "2", "--dry-run"]).contains("would be updated"));
    stage.assert_all(&[], "0.0.1");
    stage.run(&["rollback", "2", "--wait"]);
    stage.assert_second(CALLS / 2);
    stage.assert_all(&eve, SECOND);
    stage.run(&["delete", "Route", "calculator"]);
}

#[test]
fn keys_of_the_guide_do_what_it_says() {
    const KEYS: &str = "/v1/default/kie/kv";
    const ITEMS: &str = "/v3/default/configuration/items";
    let stage = Stage::start();
    let key = "servicecomb.routeRule.calculator: holds";
    let [tenth] = given(GUIDE, KEYS)[..] else { panic!("one key is written through kie") };
    let items = given(GUIDE, ITEMS);
    let [half, none] = items[..] else { panic!("config-center has {} turns", items.len()) };
    let wait = |words: &str| {
        until(words, || stage.explained(&[]).contains(words).then_some(()));
    };

    stage.send("POST", KEYS, tenth);
    wait(key);
    stage.assert_second(CALLS / 10);
    stage.send("POST", ITEMS, half);
    wait("weight 50 of 100");
    stage.assert_second(CALLS / 2);
    stage.send("DELETE", ITEMS, none);
    until("no key holds", || (!stage.explained(&[]).contains(key)).then_some(()));
    stage.assert_second(CALLS / 2);
}
