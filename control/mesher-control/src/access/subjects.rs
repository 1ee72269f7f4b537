//! The services that a request is about, found as its handler will find them.
//! It must read a body exactly as the handler does: two readings would be a way around every rule.

use std::collections::HashMap;

use axum::RequestExt as _;
use axum::extract::{Path, Query, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use mesher_access::Labels;
use mesher_model::instance::HeartbeatRequest;
use mesher_model::mesh::ProxyRow;
use mesher_model::microservice::RemoveServices;
use mesher_model::query::BatchFind;
use mesher_model::{CONSUMER_HEADER, DEFAULT, DOMAIN_HEADER, Microservice};
use mesher_registry::Tenant;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::guard::whole;
use super::rules::Subject;
use crate::answer::Refused;
use crate::body;
use crate::control::Control;

/// Bound of a body that is read before its handler, in bytes: the largest that a handler takes.
const BODY_MAX: usize = 2 * 1024 * 1024;

/// The labels; `None` where the request is about everything.
type Wanted = Option<Vec<Labels>>;

#[derive(Deserialize)]
struct NewService {
    service: Option<Microservice>,
}

/// What the path, the query and the fields of a request say.
struct Head {
    domain: String,
    consumer: String,
    path: HashMap<String, String>,
    query: Vec<(String, String)>,
}

impl Head {
    async fn of(request: &mut Request) -> Self {
        // What cannot be read is refused by the handler; until then it names nothing.
        let path = request.extract_parts::<Path<HashMap<String, String>>>().await;
        let query = request.extract_parts::<Query<Vec<(String, String)>>>().await;
        let field = |name: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        Self {
            domain: field(DOMAIN_HEADER),
            consumer: field(CONSUMER_HEADER),
            path: path.map(|Path(path)| path).unwrap_or_default(),
            query: query.map(|Query(query)| query).unwrap_or_default(),
        }
    }

    fn part(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The labels of services by their ids. One that is not registered has none, and nothing can be done to it.
    fn of_ids<'a>(&self, control: &Control, ids: impl Iterator<Item = &'a str>) -> Vec<Labels> {
        let Ok(tenant) = Tenant::new(&self.domain, self.part("project")) else { return Vec::new() };
        control.look(|registry, _| {
            ids.filter_map(|id| registry.service(tenant, id).ok().map(|record| labels(record.service())))
                .collect()
        })
    }

    /// The labels of a look-up: a consumer's environment wins over the one that is asked for, and a name may hold
    /// another application.
    fn of_lookup(&self, control: &Control, consumer: &str, asked: &Labels) -> Vec<Labels> {
        let environment = self.of_ids(control, std::iter::once(consumer)).pop().map(|own| own.environment);
        let mut one = asked.clone();
        if let Some(environment) = environment {
            one.environment = environment;
        }
        let other = one.service.split_once(':').map(|(app, service)| Labels {
            app: app.to_owned(),
            service: service.to_owned(),
            environment: one.environment.clone(),
        });
        std::iter::once(one).chain(other).collect()
    }
}

/// Finds the services that `request` is about. The request is given back as it was.
pub(super) async fn find(
    control: &Control,
    mut request: Request,
    subject: Subject,
) -> Result<(Request, Wanted), Response> {
    let head = Head::of(&mut request).await;
    match subject {
        Subject::Everything | Subject::Listed | Subject::Keys => Ok((request, None)),
        Subject::Path => {
            let wanted = head.of_ids(control, std::iter::once(head.part("service")));
            Ok((request, Some(wanted)))
        }
        Subject::Query => Ok((request, Some(of_query(control, &head)))),
        _ => {
            let (parts, body) = request.into_parts();
            let bytes = body::read(body, BODY_MAX)
                .await
                .map_err(|error| Refused::invalid(error.to_string()).into_response())?;
            let wanted = of_body(control, &head, subject, &parts, &bytes);
            Ok((whole(parts, bytes), Some(wanted)))
        }
    }
}

fn of_query(control: &Control, head: &Head) -> Vec<Labels> {
    let id = head.parameter("serviceId");
    if !id.is_empty() {
        return head.of_ids(control, std::iter::once(id));
    }
    let asked = Labels {
        environment: head.parameter("env").to_owned(),
        app: or_default(head.parameter("appId")),
        service: head.parameter("serviceName").to_owned(),
    };
    head.of_lookup(control, &head.consumer, &asked)
}

/// A body that cannot be read names nothing: the handler refuses it.
fn of_body(control: &Control, head: &Head, subject: Subject, parts: &Parts, bytes: &[u8]) -> Vec<Labels> {
    match subject {
        Subject::NewService => {
            let service = read::<NewService>(bytes).and_then(|body| body.service);
            service.iter().map(labels).collect()
        }
        Subject::Removals => {
            let body = read::<RemoveServices>(bytes).unwrap_or_default();
            head.of_ids(control, body.service_ids.iter().map(String::as_str))
        }
        Subject::Heartbeats => {
            let body = read::<HeartbeatRequest>(bytes).unwrap_or_default();
            head.of_ids(control, body.instances.iter().map(|instance| instance.service_id.as_str()))
        }
        Subject::Lookups => of_lookups(control, head, &read(bytes).unwrap_or_default()),
        Subject::Proxy => of_proxy(control, head, parts, bytes),
        Subject::Everything | Subject::Listed | Subject::Keys | Subject::Path | Subject::Query => Vec::new(),
    }
}

fn of_lookups(control: &Control, head: &Head, body: &BatchFind) -> Vec<Labels> {
    let consumer = if head.consumer.is_empty() { &body.consumer_service_id } else { &head.consumer };
    let named = body.services.iter().flat_map(|asked| {
        let asked = Labels {
            environment: asked.service.environment.clone(),
            app: or_default(&asked.service.app_id),
            service: asked.service.service_name.clone(),
        };
        head.of_lookup(control, consumer, &asked)
    });
    let ids = body.instances.iter().map(|asked| asked.instance.service_id.as_str());
    named.chain(head.of_ids(control, ids)).collect()
}

/// A proxy is its service's, as it says and as it said before.
fn of_proxy(control: &Control, head: &Head, parts: &Parts, bytes: &[u8]) -> Vec<Labels> {
    let of_row = |row: &ProxyRow| Labels {
        environment: row.env.clone(),
        app: row.app.clone(),
        service: row.service.clone(),
    };
    let known = control.with_proxies(|proxies, now| {
        proxies.recent(now).find(|(row, _)| row.id == head.part("id")).map(|(row, _)| of_row(row))
    });
    let said = (parts.method != axum::http::Method::DELETE)
        .then(|| serde_json::from_slice::<ProxyRow>(bytes).ok())
        .flatten();
    known.into_iter().chain(said.as_ref().map(of_row)).collect()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    body::parse_lenient(bytes).ok()
}

fn labels(service: &Microservice) -> Labels {
    Labels {
        environment: service.environment.clone(),
        app: or_default(&service.app_id),
        service: service.service_name.clone(),
    }
}

fn or_default(app: &str) -> String {
    if app.is_empty() { DEFAULT.to_owned() } else { app.to_owned() }
}
