//! What becomes of each endpoint of a call, in words.
//! It must tell what `choose` does, and choose nothing.

use mesher_model::explain::{EndpointTold, Explanation, GuardTold, Standing};

use super::sieve::Sieve;
use super::{is_eligible, ruled};
use crate::request::invocation::Invocation;
use crate::snapshot::Endpoint;
use crate::snapshot::balancing::Ruling;
use crate::telemetry::exposition::protocol_word;
use crate::worker::Worker;

/// Endpoints that are told of in the answer to a question.
const ENDPOINTS_MAX: usize = 50;
/// Endpoints that are told of a call that is remembered.
const ENDPOINTS_REMEMBERED_MAX: usize = 8;

/// Tells of the endpoints, the best first.
pub(super) fn tell(
    worker: &Worker,
    call: &Invocation,
    (ruling, sieve): (Option<Ruling<'_>>, Option<&Sieve<'_>>),
    told: &mut Explanation,
) {
    let suspects = worker.suspects();
    let is_suspect = |endpoint: &Endpoint| {
        let is_first_try = call.tries == 0;
        suspects.as_ref().is_some_and(|(suspects, now)| !suspects.may_take(endpoint.id, *now, is_first_try))
    };
    let most = if told.call.is_some() { ENDPOINTS_REMEMBERED_MAX } else { ENDPOINTS_MAX };
    let taking = super::taking(call).or(call.portion());
    let endpoints = call.cluster().endpoints.iter().enumerate();
    let mut places: Vec<_> = endpoints
        .map(|(place, endpoint)| {
            let of_portion = (taking, place);
            (standing(call, of_portion, endpoint, is_suspect(endpoint), sieve), place, endpoint)
        })
        .collect();
    places.sort_by_key(|((standing, _), place, _)| (*standing, *place));
    told.endpoints_left_out = places.len().saturating_sub(most) as u64;
    let shown = places.into_iter().take(most);
    told.guards.extend(ruling.map(|ruling| GuardTold {
        handler: "balance".to_owned(),
        rule: ruling.name.to_owned(),
        state: ruling.policy.words(),
        refuses: false,
    }));
    // How a call that has ended found its endpoints is not known any more.
    let ruling = ruling.filter(|_| told.call.is_none());
    let explain = |((standing, why), place, endpoint): ((Standing, String), usize, &Endpoint)| {
        row(endpoint, standing, add_rule(ruling, standing, place, why))
    };
    told.endpoints = shown.map(explain).collect();
}

fn standing(
    call: &Invocation,
    (taking, place): (Option<u16>, usize),
    endpoint: &Endpoint,
    is_suspect: bool,
    sieve: Option<&Sieve<'_>>,
) -> (Standing, String) {
    let target = call.target;
    let part = taking.zip(call.cluster().governance.as_ref());
    let is_outside = part.is_some_and(|(portion, governance)| !governance.is_part(portion, place));
    let is_chosen = call.endpoint == Some(place);
    let passed_over = sieve.and_then(|sieve| sieve.words(place));
    let why = if endpoint.protocol != target.protocol {
        format!("it speaks {}, not {}", protocol_word(endpoint.protocol), protocol_word(target.protocol))
    } else if !is_eligible(endpoint, target) {
        match target.port {
            Some(port) => format!("it does not lead to port {port}"),
            None => "its instance has another endpoint for calls that name no port".to_owned(),
        }
    } else if is_outside {
        "it is not part of the subset".to_owned()
    } else if is_suspect {
        "it refused a connection lately".to_owned()
    } else if let Some(words) = &passed_over {
        words.clone()
    } else {
        String::new()
    };
    let is_suspect = is_suspect || passed_over.is_some();
    let standing = match (why.is_empty(), is_suspect) {
        _ if is_chosen => Standing::Chosen,
        (true, _) => Standing::Eligible,
        (false, true) if !is_outside => Standing::Suspect,
        _ => Standing::Excluded,
    };
    (standing, why)
}

/// Why an endpoint stands so, with what the rule that chose goes by.
fn add_rule(ruling: Option<Ruling<'_>>, standing: Standing, place: usize, why: String) -> String {
    let Some(ruling) = ruling else { return why };
    match (standing, why.as_str()) {
        (Standing::Chosen, "") => {
            format!("{} chose it: {}", ruling.name, ruled::words(&ruling, place))
        }
        (Standing::Eligible, "") => ruled::words(&ruling, place),
        _ => why,
    }
}

fn row(endpoint: &Endpoint, standing: Standing, why: String) -> EndpointTold {
    let kept = "its registry does not name it any more; it is kept while it accepts connections";
    let why = match (endpoint.is_kept, standing, why.as_str()) {
        (true, _, "") => kept.to_owned(),
        (true, _, _) => format!("{why}; {kept}"),
        (false, Standing::Chosen, "") => "the next in turn".to_owned(),
        _ => why,
    };
    EndpointTold {
        address: endpoint.address.to_string(),
        instance: endpoint.instance.to_string(),
        version: endpoint.version.to_string(),
        standing,
        why,
    }
}
