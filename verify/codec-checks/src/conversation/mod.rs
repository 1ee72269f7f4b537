//! Any bytes as an exchange: a caller's, a callee's, and the order in which they arrive.
//! It must not repeat how the conversation decides: what comes out is read again, by our own reader and by hyper.
//!
//! An input has three parts: the course of the exchange (see `pump.rs`), the caller's bytes, the callee's bytes.

mod pump;

use mesher_codec::{Framing, Version};

use crate::comparison::compare;
use crate::message::{Ending, Message, Reading, Start};
use crate::notation::parts;
use crate::{hyper_reading, our_reading};

use pump::{Course, Pump};

/// Checks an exchange.
///
/// # Panics
/// Where one of the things that must hold does not.
pub fn check_conversation(input: &[u8]) {
    let [course, asked, answered] = parts(input);
    let course = Course::read(course);
    let at_once = Pump::run(asked, answered, course.at_once());
    let in_steps = Pump::run(asked, answered, course);
    for pump in [&at_once, &in_steps] {
        let exchange = Exchange::new(asked, answered, pump, course);
        exchange.check_request();
        exchange.check_answer();
        exchange.check_keeping();
    }
    compare_courses(&at_once, &in_steps);
}

/// The course of an exchange changes what is known when, and nothing else.
fn compare_courses(at_once: &Pump, in_steps: &Pump) {
    for (whole, cut) in [(&at_once.upward, &in_steps.upward), (&at_once.downward, &in_steps.downward)] {
        assert_eq!(whole.refusal, cut.refusal, "the course decides about a refusal");
        if whole.refusal.is_none() {
            assert_eq!(whole.used, cut.used, "the course decides about the end of a message");
        }
    }
    assert_eq!(at_once.is_switched, in_steps.is_switched, "the course decides about a switch");
    assert_eq!(at_once.is_answered, in_steps.is_answered, "the course decides about an answer");
    let ((down, up), (cut_down, cut_up)) = (at_once.keeps(), in_steps.keeps());
    assert_eq!(up, cut_up, "the course decides about the callee's connection");
    // An answer that comes before its request is whole ends the caller's connection.
    assert!(down || !cut_down, "the course keeps the caller's connection");
    assert!(down == cut_down || !in_steps.was_read_when_answered, "the course ends the caller's connection");
}

/// One exchange, with what its two sides said.
struct Exchange<'p> {
    pump: &'p Pump,
    course: Course<'p>,
    asked_bytes: usize,
    answered_bytes: usize,
    /// The request, if its head is one that is passed on.
    request: Option<Message>,
    /// What follows the request.
    after_request: usize,
    answers: Reading,
}

impl<'p> Exchange<'p> {
    fn new(asked: &[u8], answered: &[u8], pump: &'p Pump, course: Course<'p>) -> Self {
        let reading = our_reading::read_first_request(asked);
        let answers = our_reading::read_responses(answered, pump.request.method() == "HEAD");
        let is_tunnel = |message: &Message| matches!(message.start, Start::Request { path: None, .. });
        Self {
            pump,
            course,
            asked_bytes: asked.len(),
            answered_bytes: answered.len(),
            after_request: reading.untouched,
            request: reading.messages.into_iter().next().filter(|message| !is_tunnel(message)),
            answers,
        }
    }

    /// What goes upwards is that one request, and never a whole one where it was not.
    fn check_request(&self) {
        let upward = &self.pump.upward;
        let Some(request) = &self.request else {
            assert!(upward.sent.is_empty(), "no request was passed on: {}", upward.sent.escape_ascii());
            return;
        };
        let end = upward.sent_before_switch.unwrap_or(upward.sent.len());
        if self.pump.is_switched {
            self.check_agreement(message_fields(request, "upgrade"));
        }
        let (message, tunnelled) = upward.sent.split_at(end);
        let sent = self.host_named(message);
        let ours = our_reading::read_first_request(&sent);
        let text = || sent.escape_ascii();
        let Some(found) = ours.messages.first() else {
            unreachable!("what was passed on is no request: {}", text());
        };
        assert_eq!(ours.untouched, 0, "more than the request was passed on: {}", text());
        self.check_body(request, found, upward.refusal.is_some());
        if upward.refusal.is_none() && !self.pump.is_switched {
            assert_eq!(upward.used, self.asked_bytes - self.after_request, "a byte too many: {}", text());
        }
        if self.pump.is_switched {
            assert_eq!(tunnelled.len(), self.after_request, "a tunnel passes everything: {}", text());
        }
        compare_with_hyper(&sent, &ours, &hyper_reading::read_requests(&sent, true));
    }

    /// What is spoken from here on was asked for, and is not HTTP/2.
    fn check_agreement(&self, asked: Vec<String>) {
        let switch = self.answers.messages.last().map(|switch| message_fields(switch, "upgrade"));
        let agreed = switch.unwrap_or_default();
        assert!(!agreed.is_empty(), "nothing was agreed on");
        assert!(agreed.iter().all(|protocol| asked.contains(protocol)), "{agreed:?} for {asked:?}");
        assert!(!asked.iter().any(|protocol| protocol.starts_with("h2c")), "HTTP/2 was asked for: {asked:?}");
    }

    /// A request without a host is passed on with an empty `Host`, as it should be; our own gate takes none.
    fn host_named(&self, sent: &[u8]) -> Vec<u8> {
        let nameless = b"\r\nHost: \r\n";
        match sent.windows(nameless.len()).position(|window| window == nameless) {
            Some(at) if self.pump.request.authority().is_none() => {
                let (before, after) = sent.split_at(at);
                [before, b"\r\nHost: a\r\n", after.get(nameless.len()..).unwrap_or_default()].concat()
            }
            _ => sent.to_vec(),
        }
    }

    /// What goes downwards is the answers, and never a whole one where it was not.
    fn check_answer(&self) {
        let downward = &self.pump.downward;
        if self.pump.conversation.is_none() {
            assert!(downward.sent.is_empty(), "an answer without a request");
            return;
        }
        let answers_head = self.pump.request.method() == "HEAD";
        let end = downward.sent_before_switch.unwrap_or(downward.sent.len());
        let (sent, tunnelled) = downward.sent.split_at(end);
        let ours = our_reading::read_responses(sent, answers_head);
        let text = || sent.escape_ascii();
        assert_eq!(ours.refusal, None, "what was passed on is no answer: {}", text());
        let knows_interim = self.pump.request.version() == Version::Http11;
        let expected = self.answers.messages.iter().filter(|message| knows_interim || !is_interim(message));
        let expected: Vec<_> = expected.take(ours.messages.len()).collect();
        assert_eq!(ours.messages.len(), expected.len(), "an answer that nobody gave: {}", text());
        for (given, found) in expected.into_iter().zip(&ours.messages) {
            self.check_body(given, found, false);
        }
        if self.pump.is_switched {
            assert_eq!(tunnelled.len(), self.answers.untouched, "a tunnel passes everything: {}", text());
        } else if self.pump.is_answered && downward.refusal.is_none() {
            assert_eq!(
                downward.used,
                self.answered_bytes - self.answers.untouched,
                "a byte too many: {}",
                text()
            );
        }
        let theirs = hyper_reading::read_responses(sent, answers_head);
        compare_with_hyper(sent, &ours, &theirs);
    }

    /// The body that left is the one that came; where it did not come whole, none leaves whole.
    fn check_body(&self, came: &Message, left: &Message, is_refused: bool) {
        let is_same = match (&came.start, &left.start) {
            (Start::Request { method, path, .. }, Start::Request { method: other, path: rest, .. }) => {
                method == other && (path == rest || method == "OPTIONS")
            }
            (start, other) => start == other,
        };
        assert!(is_same, "{:?} left as {:?}", came.start, left.start);
        assert!(came.body.starts_with(&left.body), "the body changed: {came:?} {left:?}");
        let is_whole = came.ending == Ending::Whole && !is_refused;
        // Where the connection's end is the body's, only the connection can tell.
        let is_told = self.pump.response.framing_for(self.pump.request.version()) != Framing::UntilClose;
        if is_whole {
            assert_eq!((&left.ending, &left.body), (&Ending::Whole, &came.body), "{came:?} left as {left:?}");
            assert!(left.trailers.is_empty() || left.trailers == came.trailers, "{came:?} left as {left:?}");
        } else if is_told || matches!(came.start, Start::Request { .. }) {
            assert_ne!(left.ending, Ending::Whole, "{came:?} left as a whole message");
        }
    }

    /// A connection is kept only where its message has ended, and nothing else has begun.
    fn check_keeping(&self) {
        let (keeps_down, keeps_up) = self.pump.keeps();
        let is_whole =
            |message: Option<&Message>| message.is_some_and(|message| message.ending == Ending::Whole);
        let is_refused = self.pump.upward.refusal.is_some() || self.pump.downward.refusal.is_some();
        let is_asked = is_whole(self.request.as_ref());
        let is_answered = self.pump.is_answered && is_whole(self.answers.messages.last());
        let asks_upgrade = self.pump.request.upgrade().is_some();
        let is_over = is_asked && is_answered && !is_refused;
        let is_last = self.pump.response.is_last();
        let may_keep_up = is_over && !asks_upgrade && !is_last && self.answers.untouched == 0;
        assert_eq!(keeps_up, may_keep_up, "the callee's connection");
        let ends_with_close =
            self.pump.response.framing_for(self.pump.request.version()) == Framing::UntilClose;
        let may_keep_down = is_over
            && !asks_upgrade
            && !self.pump.request.is_last()
            && !self.course.is_closing
            && !ends_with_close
            && self.pump.was_read_when_answered;
        assert_eq!(keeps_down, may_keep_down, "the caller's connection");
        self.check_announcement(is_over, keeps_down);
    }

    /// The caller is told whether its connection is kept.
    fn check_announcement(&self, is_over: bool, keeps_down: bool) {
        if !is_over {
            return;
        }
        let mut rest = &self.pump.downward.sent[..];
        let mut head = mesher_codec::ResponseHead::default();
        loop {
            let verdict = head.parse(rest, self.pump.request.method() == "HEAD");
            let Ok(mesher_codec::Progress::Complete(used)) = verdict else {
                unreachable!("an answer that cannot be read: {verdict:?}");
            };
            rest = rest.get(used..).unwrap_or_default();
            if !head.is_interim() {
                break;
            }
        }
        assert_eq!(head.is_last(), !keeps_down, "the caller is told otherwise");
    }
}

/// The entries of a field, in lower case.
fn message_fields(message: &Message, name: &str) -> Vec<String> {
    let values = message.fields.get(name).into_iter().flatten();
    let text = |value: &Vec<u8>| String::from_utf8_lossy(value).to_ascii_lowercase();
    let entries = values
        .flat_map(|value| text(value).split(',').map(|entry| entry.trim().to_owned()).collect::<Vec<_>>());
    entries.filter(|entry| !entry.is_empty()).collect()
}

fn is_interim(message: &Message) -> bool {
    matches!(message.start, Start::Response(100..=199))
}

/// hyper reads what we wrote as we do.
fn compare_with_hyper(sent: &[u8], ours: &Reading, theirs: &Reading) {
    compare(sent, ours, theirs, |message, words| {
        crate::request_head::is_known_refusal(message, words)
            || crate::response_head::is_known_refusal(message, words)
    });
}
