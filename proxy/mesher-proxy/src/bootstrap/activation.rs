//! Socket activation as systemd does it (sd_listen_fds(3)): which descriptors were passed, and what each is called.
//! It must take no descriptor: it reads what the service manager says of them.

use std::collections::BTreeMap;

use super::problem::Problem;

/// Sockets that can be passed.
const SOCKETS_MAX: usize = 1024;

/// Sockets that a service manager passes to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The name of each, in the order of the descriptors; empty where it has none.
    pub names: Vec<String>,
}

/// Reads `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES`, for the process `own`.
pub(super) fn read(environment: &BTreeMap<String, String>, own: u32) -> Result<Option<Activation>, Problem> {
    let value = |name: &str| environment.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let Some(count) = value("LISTEN_FDS") else { return Ok(None) };
    // Variables are passed on to children by accident; the sockets are for the process that is named.
    if value("LISTEN_PID").and_then(|text| text.parse().ok()) != Some(own) {
        return Ok(None);
    }
    let problem = |message: String| Problem { place: "LISTEN_FDS".to_owned(), message, excerpt: None };
    let count = count.parse().ok().filter(|count| (1..=SOCKETS_MAX).contains(count));
    let count: usize = count.ok_or_else(|| problem(format!("a number from 1 to {SOCKETS_MAX}")))?;
    let mut names: Vec<_> = value("LISTEN_FDNAMES").into_iter().flat_map(|text| text.split(':')).collect();
    if names.len() > count {
        return Err(problem(format!(
            "{count} sockets are passed, and LISTEN_FDNAMES has {} names",
            names.len()
        )));
    }
    names.resize(count, "");
    Ok(Some(Activation { names: names.into_iter().map(str::to_owned).collect() }))
}
