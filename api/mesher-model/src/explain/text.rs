//! Explanations for people: one thing in a line, what decides marked with words and not with colour.
//! It must show control characters, never obey them: names and paths come from the network.

use std::fmt::{self, Write};

use super::{
    CallFacts, CallRow, EndpointTold, Explanation, FailureFacts, GuardTold, RequestFacts, RuleTold, Said,
    Standing, Try, Verdict,
};

/// Room of the words in front of each line.
const LABEL_WIDTH: usize = 12;

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write_all(self, &mut text)?;
        show(text.trim_end(), formatter)
    }
}

/// One line, with its end.
impl fmt::Display for CallRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { direction, request, call, proxy } = self;
        let (id, at, time) = (&call.id, &call.at, call.elapsed_ms);
        let name = format!("{} {}", proxy.service, proxy.version);
        let line =
            format!("{id} {at} {} {direction} of {name}: {}, {time:.1} ms", request.words(), call.end());
        show(&line, formatter)?;
        formatter.write_char('\n')
    }
}

impl RequestFacts {
    /// In a few words.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { method, host, path, .. } = self;
        match method.as_str() {
            "" if path.is_empty() => format!("a flow to {host}"),
            "" => format!("{host}{path}"),
            method => format!("{method} http://{host}{path}"),
        }
    }
}

impl CallFacts {
    /// How it ended, in a word or two.
    #[must_use]
    pub fn end(&self) -> String {
        match (self.status, &self.failure) {
            (Some(status), Some(failure)) => format!("{status} {}", failure.kind),
            (Some(status), None) => status.to_string(),
            (None, Some(failure)) => failure.kind.clone(),
            (None, None) => "ended".to_owned(),
        }
    }
}

fn show(text: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.chars().try_for_each(|character| match character {
        '\n' => formatter.write_char('\n'),
        character if character.is_control() => write!(formatter, "{}", character.escape_default()),
        character => formatter.write_char(character),
    })
}

fn write_all(told: &Explanation, out: &mut String) -> fmt::Result {
    let teller = &told.proxy;
    line(out, "call", &format!("{}, {}", told.request.words(), told.direction))?;
    if let Some(call) = &told.call {
        line(out, "", &facts(call))?;
    }
    let proxy = format!(
        "{} {}, snapshot {}, rules r{}",
        teller.service, teller.version, told.snapshot, told.rules_revision
    );
    line(out, "proxy", &format!("{} of {proxy}", teller.id))?;
    line(out, "leads to", &joined([&told.destination.kind, &told.destination.name]))?;
    list(out, "said by", told.said.iter().map(said))?;
    let is_plain = told.rules.is_empty() && told.destination.kind == "service";
    if is_plain {
        line(out, "rules", "none: every instance may take the call")?;
    }
    list(out, "rules", told.rules.iter().map(rule))?;
    if let Some(choice) = &told.choice {
        let share = if choice.weight == choice.total {
            String::new()
        } else {
            format!(", weight {} of {}", choice.weight, choice.total)
        };
        let words = format!(
            "{}{share} (rule {} of Route {}, fallback {})",
            choice.subset, choice.rule, choice.route, choice.fallback
        );
        line(out, "goes to", &words)?;
    }
    list(out, "guarded by", told.guards.iter().map(guard))?;
    if let Some(limit) = told.timeout_ms {
        line(out, "timeout", &format!("{limit} ms to the head of the answer"))?;
    }
    list(out, "endpoints", told.endpoints.iter().map(endpoint))?;
    if told.endpoints_left_out > 0 {
        line(out, "", &format!("and {} more", told.endpoints_left_out))?;
    }
    list(out, "tries", told.tries.iter().zip(1..).map(|(one, number)| attempt(one, number)))?;
    list(out, "notes", told.notes.iter().cloned())?;
    line(out, "conclusion", &told.conclusion)
}

fn line(out: &mut String, label: &str, words: &str) -> fmt::Result {
    writeln!(out, "{label:<LABEL_WIDTH$}{words}")
}

fn list(out: &mut String, label: &str, items: impl Iterator<Item = String>) -> fmt::Result {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(items).try_for_each(|(label, item)| line(out, label, &item))
}

fn guard(guard: &GuardTold) -> String {
    let refuses = if guard.refuses { "; it refuses the call" } else { "" };
    format!("{}: {}, {}{refuses}", guard.handler, guard.rule, guard.state)
}

fn facts(call: &CallFacts) -> String {
    let end = match (call.status, &call.failure) {
        (Some(status), None) => format!("answered {status}"),
        (Some(status), Some(failure)) => format!("failed with {status}, {}", failed(failure)),
        (None, Some(failure)) => format!("failed without an answer, {}", failed(failure)),
        (None, None) => "ended".to_owned(),
    };
    let CallFacts { id, at, elapsed_ms, request_bytes, response_bytes, from, .. } = call;
    format!(
        "{id} from {from} at {at}, {elapsed_ms:.1} ms, {request_bytes} B in, {response_bytes} B out: {end}"
    )
}

fn failed(failure: &FailureFacts) -> String {
    let FailureFacts { side, kind, detail } = failure;
    if detail.is_empty() { format!("{kind} ({side})") } else { format!("{kind} ({side}): {detail}") }
}

fn said(said: &Said) -> String {
    let Said { kind, name, source, revision, service, shadowed_by } = said;
    let whom = if service == "*" { ", about every service" } else { "" };
    let place = if source == Said::DOCUMENT {
        format!("{kind} {name}, r{revision}{whom}")
    } else {
        format!("{source} key {name}{whom}")
    };
    match shadowed_by {
        None => format!("{place}: holds"),
        Some(other) => format!("{place}: shadowed by {other}"),
    }
}

fn rule(rule: &RuleTold) -> String {
    let misses: Vec<_> =
        rule.misses.iter().map(|missed| format!("{} ({})", missed.part, missed.found)).collect();
    let more =
        if rule.misses_left_out > 0 { format!("; and {} more", rule.misses_left_out) } else { String::new() };
    match rule.verdict {
        Verdict::Decides => format!("{}: decides", rule.name),
        Verdict::Shadowed => format!("{}: would fit, but one before it decides", rule.name),
        Verdict::Differs => format!("{}: passed over, for {}{more}", rule.name, misses.join("; ")),
    }
}

fn endpoint(endpoint: &EndpointTold) -> String {
    let EndpointTold { address, instance, version, standing, why } = endpoint;
    let word = match standing {
        Standing::Chosen => "CHOSEN",
        Standing::Eligible => "eligible",
        Standing::Suspect => "suspect",
        Standing::Excluded => "excluded",
    };
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{}: {word}{why}", joined([address, version, instance]))
}

fn attempt(one: &Try, number: usize) -> String {
    let Try { address, version, began_ms, elapsed_ms, failure, .. } = one;
    let end = failure.as_ref().map_or_else(|| "answered".to_owned(), failed);
    let endpoint = joined([address, version]);
    format!("{number}. {endpoint}, after {began_ms:.1} ms, for {elapsed_ms:.1} ms: {end}")
}

/// Words with a space between them; those that are missing leave none.
fn joined<const N: usize>(words: [&str; N]) -> String {
    let there: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    there.join(" ")
}
