//! Which records of the registry a host can mean, and whether it can be an outside host's name.
//! It must not ask anybody: names only.

use std::net::IpAddr;

use mesher_model::query::ServiceKey;

/// The version rule that every registry takes: all versions.
const ALL_VERSIONS: &str = "0+";

/// The services that `host` can mean, in the order in which they count.
///
/// `SERVICE.APPLICATION.app` names a service of another application. Everything else is looked up as it stands, in
/// lower case, and then as the caller wrote it: names in the registry may have capitals.
pub(crate) fn candidates(host: &str, as_written: &str, app: &str, environment: &str) -> Vec<ServiceKey> {
    let key = |app: &str, name: &str| ServiceKey {
        environment: environment.to_owned(),
        app_id: app.to_owned(),
        service_name: name.to_owned(),
        version: ALL_VERSIONS.to_owned(),
    };
    let mut keys = Vec::new();
    for text in [host, as_written] {
        let cross = strip_suffix_ignoring_case(text, ".app").and_then(|rest| rest.rsplit_once('.'));
        if let Some((name, app)) = cross.filter(|(name, app)| !name.is_empty() && !app.is_empty()) {
            keys.push(key(app, name));
        }
    }
    keys.push(key(app, host));
    keys.push(key(app, as_written));
    keys.dedup();
    keys
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

/// Whether a host that is no service may be passed through: one with a dot, or a plain address.
pub(crate) fn may_be_outside(host: &str) -> bool {
    host.contains('.') || host.parse::<IpAddr>().is_ok()
}
