//! The proxies that spoke of themselves lately.
//! It must not outlive them: who is silent for half a minute is forgotten, and nothing is kept across a restart.

use std::collections::HashMap;
use std::time::Duration;

use mesher_model::mesh::ProxyRow;
use mesher_registry::Moment;

/// How long a proxy is remembered after it last spoke.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The most proxies at one time.
const MAX_PROXIES: usize = 20_000;
/// The longest id, in bytes.
const MAX_ID: usize = 64;
/// The longest other field, in bytes.
const MAX_FIELD: usize = 256;
/// The states that a proxy can be in.
const STATES: [&str; 3] = ["starting", "ready", "draining"];

/// Why an announcement is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("{0}")]
    Invalid(String),
    #[error("{} proxies are known already", MAX_PROXIES)]
    Full,
}

/// What a proxy said, and when.
#[derive(Debug)]
struct Heard {
    row: ProxyRow,
    at: Moment,
}

/// The proxies, by id.
#[derive(Debug, Default)]
pub(crate) struct Proxies(HashMap<String, Heard>);

impl Proxies {
    /// Takes what a proxy says of itself, in place of what it said before.
    pub(crate) fn announce(&mut self, id: String, mut row: ProxyRow, now: Moment) -> Result<(), ProxyError> {
        check(&id, &row)?;
        if self.0.len() >= MAX_PROXIES && !self.0.contains_key(&id) {
            self.forget_silent(now);
            if self.0.len() >= MAX_PROXIES {
                return Err(ProxyError::Full);
            }
        }
        row.id.clone_from(&id);
        // What it serves with it says on its link.
        row.rules = None;
        self.0.insert(id, Heard { row, at: now });
        Ok(())
    }

    /// Forgets a proxy that says it ends.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Those that spoke lately and when each did, as time since the Unix epoch; in no order.
    pub(crate) fn recent(&mut self, now: Moment) -> impl Iterator<Item = (&ProxyRow, Duration)> {
        self.forget_silent(now);
        self.0.values().map(|heard| (&heard.row, heard.at.unix))
    }

    fn forget_silent(&mut self, now: Moment) {
        self.0.retain(|_, heard| now.monotonic.saturating_sub(heard.at.monotonic) <= MAX_SILENCE);
    }
}

fn check(id: &str, row: &ProxyRow) -> Result<(), ProxyError> {
    let is_id = (1..=MAX_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if !is_id {
        return Err(ProxyError::Invalid(format!("an id has 1 to {MAX_ID} letters, digits, _-.")));
    }
    if !row.id.is_empty() && row.id != id {
        return Err(ProxyError::Invalid("the id in the body is not the one in the path".to_owned()));
    }
    let fields = [
        ("app", &row.app),
        ("env", &row.env),
        ("service", &row.service),
        ("version", &row.version),
        ("mesher_version", &row.mesher_version),
        ("outbound", &row.outbound),
        ("inbound", &row.inbound),
        ("admin", &row.admin),
    ];
    for (name, value) in fields {
        if value.len() > MAX_FIELD || value.chars().any(char::is_control) {
            let detail = format!("{name} has at most {MAX_FIELD} bytes and no control characters");
            return Err(ProxyError::Invalid(detail));
        }
    }
    if !STATES.contains(&row.state.as_str()) {
        return Err(ProxyError::Invalid(format!("state is one of {}", STATES.join(", "))));
    }
    Ok(())
}
