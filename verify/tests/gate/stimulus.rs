//! Rows as data: bytes, what must become of them, and one runner that sends them in every way.
//! It must demand the same verdict of each way, and must believe the upstream's log and the metrics, not the answer alone.

use std::collections::BTreeMap;

use mesher_verify::http::{Message, Wire};
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::ground::{Door, Ground};
use crate::upstream::{Connection, Seen, chunks_of, head_of, requests_of};

/// What is longer than this is not sent in single bytes and not split everywhere, at any scale.
const LONG: usize = 4 * 1024;
/// The pieces in which long input is sent instead.
const PIECE: usize = 1500;

/// Judges what the upstream has seen.
type Judge = Box<dyn Fn(&[Seen])>;

/// What must become of a stimulus.
pub(crate) enum Verdict {
    /// Answered with one of these statuses, counted under one reason (this one, where it is named), and closed. Not a
    /// byte of it goes on.
    Refused(&'static [u16], Option<&'static str>),
    /// Its head was in order and may have gone on, with a part of these bytes. Answered with 400, counted under this
    /// reason, and closed; the upstream's connection is given up, and the body never looks whole there.
    Broken(&'static str, Vec<u8>),
    /// Answered with 200, that many times. The upstream has seen what this judges.
    Passed(usize, Judge),
}

/// One row's input, or one of several.
pub(crate) struct Stimulus {
    bytes: Vec<u8>,
    verdict: Verdict,
    /// Whether the sender ends its direction after it.
    ends: bool,
    /// Whether it is the only request on its connection that is answered, since the answer ends it.
    is_last: bool,
    doors: &'static [Door],
}

impl Stimulus {
    fn new(bytes: impl AsRef<[u8]>, verdict: Verdict) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), verdict, ends: false, is_last: false, doors: &Door::ALL }
    }

    /// Refused with this status for this reason.
    pub(crate) fn refused(bytes: impl AsRef<[u8]>, status: &'static [u16], reason: &'static str) -> Self {
        Self::new(bytes, Verdict::Refused(status, Some(reason)))
    }

    /// Refused with 400 for this reason.
    pub(crate) fn bad(bytes: impl AsRef<[u8]>, reason: &'static str) -> Self {
        Self::refused(bytes, &[400], reason)
    }

    /// Refused with one of these statuses, for whatever reason.
    pub(crate) fn garbage(bytes: impl AsRef<[u8]>, statuses: &'static [u16]) -> Self {
        Self::new(bytes, Verdict::Refused(statuses, None))
    }

    /// Refused within its body, of which at most `allowed` goes on.
    pub(crate) fn broken(bytes: impl AsRef<[u8]>, allowed: impl AsRef<[u8]>, reason: &'static str) -> Self {
        Self::new(bytes, Verdict::Broken(reason, allowed.as_ref().to_vec()))
    }

    /// Passed on as so many requests.
    pub(crate) fn passed(bytes: impl AsRef<[u8]>, count: usize, judge: impl Fn(&[Seen]) + 'static) -> Self {
        Self::new(bytes, Verdict::Passed(count, Box::new(judge)))
    }

    /// The sender ends its direction after it.
    pub(crate) fn then_end(mut self) -> Self {
        self.ends = true;
        self
    }

    /// The connection is closed after the answer.
    pub(crate) fn then_closed(mut self) -> Self {
        self.is_last = true;
        self
    }

    /// Sent to this door only.
    pub(crate) fn only(mut self, doors: &'static [Door]) -> Self {
        self.doors = doors;
        self
    }

    fn shown(&self) -> String {
        let begin = self.bytes.get(..self.bytes.len().min(160)).unwrap_or_default();
        format!("{} ({} bytes)", begin.escape_ascii(), self.bytes.len())
    }
}

/// The ends of the parts in which input of this length is sent, one list for each way.
fn ways(length: usize) -> Vec<Vec<usize>> {
    let mut ways = vec![vec![length]];
    if length > LONG {
        ways.push((PIECE..length).step_by(PIECE).chain([length]).collect());
    } else {
        ways.push((1..=length).collect());
    }
    let most = if length > LONG { scaled(1, 8) } else { scaled(4, length) };
    let step = (length / (most + 1)).max(1);
    ways.extend((step..length).step_by(step).map(|place| vec![place, length]));
    ways
}

/// Sends `bytes` in parts. A receiver that has closed already does not matter: its answer is what is judged.
fn send(wire: &mut Wire, bytes: &[u8], ends: &[usize]) {
    let mut begin = 0;
    for &end in ends {
        if wire.send(&bytes[begin..end]).is_err() {
            return;
        }
        begin = end;
        std::thread::yield_now();
    }
}

/// Sends every stimulus to every door in every way.
#[track_caller]
pub(crate) fn judge(ground: &Ground, stimuli: impl IntoIterator<Item = Stimulus>) {
    for stimulus in stimuli {
        for &door in stimulus.doors {
            judge_at(ground, &stimulus, door);
            ground.canary();
        }
    }
}

#[track_caller]
fn judge_at(ground: &Ground, stimulus: &Stimulus, door: Door) {
    let shown = format!("{door:?}: {}", stimulus.shown());
    let (before, begin) = (ground.refusals(door), ground.upstream.mark());
    let ways = ways(stimulus.bytes.len());
    let mut statuses = Vec::new();
    for way in &ways {
        let mark = ground.upstream.mark();
        let mut wire = ground.open(door);
        send(&mut wire, &stimulus.bytes, way);
        if stimulus.ends {
            wire.finish().unwrap();
        }
        match &stimulus.verdict {
            Verdict::Refused(allowed, _) => {
                let answer = refusal(wire, door, &shown);
                assert!(allowed.contains(&answer.status()), "{} at {way:?}: {shown}", answer.status());
                statuses.push(answer.status());
            }
            Verdict::Broken(_, allowed) => {
                assert_eq!(refusal(wire, door, &shown).status(), 400, "{shown}");
                check_broken(ground, &mark, allowed, &shown);
            }
            Verdict::Passed(count, judge) => {
                let method = stimulus.bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
                check_answers(wire, stimulus, *count, &String::from_utf8_lossy(method), &shown);
                judge(&ground.upstream.requests_since(&mark));
            }
        }
    }
    statuses.dedup();
    assert!(statuses.len() <= 1, "it depends on how the bytes arrive: {statuses:?}: {shown}");
    let reason = match &stimulus.verdict {
        Verdict::Refused(_, reason) => {
            let news = ground.upstream.since(&begin);
            assert!(news.is_empty(), "something went on: {news:?}: {shown}");
            *reason
        }
        Verdict::Broken(reason, _) => Some(*reason),
        Verdict::Passed(..) => return assert_eq!(ground.refusals(door), before, "{shown}"),
    };
    check_counted(ground, door, &before, (reason, ways.len()), &shown);
}

/// The proxy's own answer, after which the connection is closed.
#[track_caller]
fn refusal(mut wire: Wire, door: Door, shown: &str) -> Message {
    let answer = wire.answer("").unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(answer.field("connection"), "close", "{shown}: {}", answer.text());
    let signature = format!("mesher/gate/{};", door.word());
    assert!(answer.field("proxy-status").starts_with(&signature), "{shown}: {:?}", answer.head);
    assert_eq!(wire.remainder().unwrap_or_default(), b"", "something follows the refusal: {shown}");
    answer
}

/// What reached the upstream is a part of the request, and is given up.
#[track_caller]
fn check_broken(ground: &Ground, mark: &[usize], allowed: &[u8], shown: &str) {
    let news = until("the upstream's connection is given up", || {
        let news = ground.upstream.since(mark);
        news.iter().all(|connection| connection.has_ended).then_some(news)
    });
    for Connection { bytes, .. } in news {
        assert!(requests_of(&bytes).0.is_empty(), "it looks whole: {}: {shown}", bytes.escape_ascii());
        let Some((head, end)) = head_of(&bytes) else { continue };
        let body = match head.values("transfer-encoding").is_empty() {
            true => bytes[end..].to_vec(),
            false => chunks_of(&bytes[end..]).0,
        };
        assert!(allowed.starts_with(&body), "{} went on: {shown}", body.escape_ascii());
    }
}

#[track_caller]
fn check_answers(mut wire: Wire, stimulus: &Stimulus, count: usize, method: &str, shown: &str) {
    for _ in 0..count {
        let answer = wire.answer(method).unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!(answer.status(), 200, "{}: {shown}", answer.text());
        let is_closing = answer.field("connection").eq_ignore_ascii_case("close");
        assert_eq!(is_closing, stimulus.is_last, "{shown}");
    }
    if stimulus.is_last {
        assert_eq!(wire.remainder().unwrap_or_default(), b"", "something follows the last answer: {shown}");
    }
}

/// Exactly `count` refusals are counted, all under one reason.
#[track_caller]
fn check_counted(
    ground: &Ground,
    door: Door,
    before: &BTreeMap<String, u64>,
    (reason, count): (Option<&str>, usize),
    shown: &str,
) {
    let new = until("every refusal is counted", || {
        let mut now = ground.refusals(door);
        now.iter_mut().for_each(|(reason, count)| *count -= before.get(reason).copied().unwrap_or_default());
        now.retain(|_, count| *count > 0);
        (now.values().sum::<u64>() >= count as u64).then_some(now)
    });
    let (counted, number) = new.first_key_value().unwrap();
    assert_eq!((new.len(), *number), (1, count as u64), "{new:?}: {shown}");
    if let Some(reason) = reason {
        assert_eq!(counted, reason, "{shown}");
    }
}
