//! Where Mesher answers otherwise on purpose, one line a step; `docs/deviations.md` says the same to users.
//! It must stay short: whatever is not here is a fault.

use std::collections::BTreeMap;

const ONE_FORM: &str = "an unknown path or method is answered with JSON, in one form for all APIs";
const EMPTY_LIST: &str = "an empty list is sent: Java Chassis 3 reads `instances` unchecked";
const READINESS: &str = "the readiness probe answers; the original has none";
const NO_CACHE: &str =
    "an instance that is gone is gone at once; the original answers from a cache for a while";
const REVISION: &str = "a revision is opaque text; this one is recorded as it was";
const NO_NULL: &str = "no answer holds null: two SDKs break on it";

/// Scenario, step, reason.
type Deviation = (&'static str, &'static str, &'static str);

/// With access control off.
pub(crate) const OPEN: [Deviation; 12] = [
    ("general", "T-GEN-01", ONE_FORM),
    ("general", "T-GEN-02", ONE_FORM),
    ("general", "readiness", READINESS),
    ("instances", "T-INS-19c", NO_CACHE),
    ("find", "T-FND-08a", EMPTY_LIST),
    ("find", "T-FND-tags", EMPTY_LIST),
    ("find", "T-FND-13e", REVISION),
    ("governance-views", "T-GOV-relations", NO_NULL),
    ("watch", "find", EMPTY_LIST),
    ("watch-new-version", "find", EMPTY_LIST),
    ("auth-off", "T-RBAC-01", ONE_FORM),
    ("auth-off", "T-RBAC-02", ONE_FORM),
];

/// With access control on.
pub(crate) const GUARDED: [Deviation; 0] = [];

/// Of kie.
pub(crate) const KIE: [Deviation; 0] = [];

/// Fails unless just the listed steps differ.
#[track_caller]
pub(crate) fn judge(deviations: &[Deviation], differing: &BTreeMap<(String, String), Vec<String>>) {
    let is_listed = |scenario: &str, step: &str| {
        deviations.iter().any(|(known, listed, _)| (*known, *listed) == (scenario, step))
    };
    let mut faults = Vec::new();
    for ((scenario, step), differences) in differing {
        if !is_listed(scenario, step) {
            faults.push(format!("{scenario} {step} differs:\n    {}", differences.join("\n    ")));
        }
    }
    for (scenario, step, reason) in deviations {
        if !differing.contains_key(&((*scenario).to_owned(), (*step).to_owned())) {
            faults.push(format!("{scenario} {step} agrees, though it is listed: {reason}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
