//! Which permission which route needs, decided by the route's own template.
//! It must not let a route through that it does not know: that one needs the permission to operate.

use axum::http::Method;
use mesher_access::Verb;

/// What a request must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// A token of any account.
    Token,
    /// A token of an account with this permission.
    Permission {
        /// The kind of resource.
        kind: &'static str,
        /// What is to be done with it.
        verb: Verb,
        /// How a part of the kind is told from the rest.
        subject: Subject,
    },
}

/// Where a request names the services that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// It is about all there are: only a permission for the whole kind will do.
    Everything,
    /// The answer is a list, which shows what the permission reaches.
    Listed,
    /// Keys, each of which its handler holds against the permission.
    Keys,
    /// By id, in the path.
    Path,
    /// By name or id, in the query.
    Query,
    /// The body is a new service.
    NewService,
    /// The body lists ids to remove.
    Removals,
    /// The body lists heartbeats.
    Heartbeats,
    /// The body lists look-ups.
    Lookups,
    /// A proxy, by its id in the path and its own words in the body.
    Proxy,
}

/// Templates that answer whoever asks: what tells whether the service works, and the login.
pub(crate) const OPEN: [&str; 8] = [
    "/livez",
    "/readyz",
    "/v1/health",
    "/v3/{project}/configuration/health",
    "/v4/{project}/registry/health",
    "/v4/{project}/registry/health/readiness",
    "/v4/{project}/registry/version",
    "/v4/token",
];
/// Templates for which any token will do: what an account may know and do of itself.
const OWN: [&str; 3] = ["/v4/self-perms", "/v4/accounts/{name}/password", "/v4/account/{name}/password"];
/// The kind of what is about keys of a configuration.
const CONFIG: &str = "config";
/// The kind of a template, by how it begins; the first that fits.
const KINDS: [(&str, &str); 20] = [
    ("/v4/{project}/registry/microservices/{service}/schemas", "service/schema"),
    ("/v4/{project}/registry/", "service"),
    ("/v4/{project}/govern/", "service"),
    ("/v4/account", "account"),
    ("/v4/role", "role"),
    ("/v1/{project}/gov", "governance"),
    ("/v1/{project}/kie", CONFIG),
    ("/v3/{project}/configuration", CONFIG),
    ("/configuration/", CONFIG),
    ("/members", CONFIG),
    ("/mesher/v1/services", "service"),
    ("/mesher/v1/instances", "service"),
    ("/mesher/v1/proxies", "service"),
    ("/mesher/v1/rules", "governance"),
    ("/mesher/v1/changes", "governance"),
    ("/mesher/v1/rollback", "governance"),
    ("/mesher/v1/explain", "governance"),
    ("/mesher/v1/calls", "governance"),
    ("/mesher/v1/", "ops"),
    ("/", "ops"),
];

/// What everybody asked for: no part of that is a part of the keys.
const POLLS: &str = "/v1/{project}/kie/track";

/// What a request to the route with this template needs; `None` stands for a path that no route has.
pub(crate) fn need(method: &Method, template: Option<&str>) -> Need {
    // Whoever has no token learns of no path what it is.
    let Some(template) = template else { return Need::Token };
    if OPEN.contains(&template) {
        return Need::Nothing;
    }
    if OWN.contains(&template) {
        return Need::Token;
    }
    let kind = KINDS.iter().find(|(begin, _)| template.starts_with(begin)).map_or("ops", |(_, kind)| kind);
    let is_look = template.ends_with("/instances/action")
        || ["/mesher/v1/rules:check", "/mesher/v1/explain"].contains(&template);
    let verb = if is_look { Verb::Get } else { verb(method) };
    Need::Permission { kind, verb, subject: subject(kind, verb, template) }
}

fn verb(method: &Method) -> Verb {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Verb::Get,
        Method::POST => Verb::Create,
        Method::DELETE => Verb::Delete,
        // One that no route takes is refused as a change.
        _ => Verb::Update,
    }
}

fn subject(kind: &str, verb: Verb, template: &str) -> Subject {
    if let Some(rest) = template.strip_prefix("/v4/{project}/registry") {
        return match (verb, rest) {
            (Verb::Create, "/microservices") => Subject::NewService,
            (Verb::Delete, "/microservices") => Subject::Removals,
            (Verb::Get, "/microservices") => Subject::Listed,
            (Verb::Get, "/existence" | "/instances") => Subject::Query,
            (_, "/instances/action") => Subject::Lookups,
            (_, "/heartbeats") => Subject::Heartbeats,
            (_, rest) if rest.starts_with("/microservices/{service}") => Subject::Path,
            _ => Subject::Everything,
        };
    }
    if kind == CONFIG && template != POLLS {
        return Subject::Keys;
    }
    match template {
        "/mesher/v1/proxies/{id}" => Subject::Proxy,
        "/mesher/v1/services"
        | "/mesher/v1/services/{app}/{name}"
        | "/mesher/v1/instances"
        | "/mesher/v1/proxies"
        | "/mesher/v1/proxies/{id}/link" => Subject::Listed,
        _ => Subject::Everything,
    }
}
