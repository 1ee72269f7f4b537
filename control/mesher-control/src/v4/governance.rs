//! The governance views, as HTTP: what dashboards show, and what the Go Mesher learns addresses from.
//! It must not change anything.

use std::collections::{BTreeMap, BTreeSet};

use mesher_model::{Instance, Microservice};
use mesher_registry::{InstanceRecord, Registry, RegistryError, ServiceRecord, Statistics, Tenant};
use serde::Serialize;

use super::Outcome;
use super::call::Call;
use super::schemas::Listed;
use crate::answer::{self, Refused};

#[derive(Serialize)]
struct One<'a> {
    service: Detail<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Many<'a> {
    all_services_detail: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

#[derive(Serialize)]
struct Counted {
    statistics: Statistics,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Apps<'a> {
    app_ids: BTreeSet<&'a str>,
}

/// A service with what hangs on it; whatever is empty or was not asked for is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'a> {
    micro_service: Microservice,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instances: Vec<&'a Instance>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    schema_infos: Vec<Listed<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    providers: Vec<&'a Microservice>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumers: Vec<&'a Microservice>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'a String, &'a String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    micro_service_versions: Vec<&'a str>,
}

/// What a caller wants to know of each service.
struct Options {
    tags: bool,
    instances: bool,
    schemas: bool,
    dependencies: bool,
    statistics: bool,
}

impl Options {
    const ALL: Self =
        Self { tags: true, instances: true, schemas: true, dependencies: true, statistics: true };

    fn read(words: &str) -> Result<Self, Refused> {
        let mut options =
            Self { tags: false, instances: false, schemas: false, dependencies: false, statistics: false };
        for word in words.split(',').filter(|word| !word.is_empty()) {
            match word {
                "all" => return Ok(Self::ALL),
                "tags" => options.tags = true,
                "instances" => options.instances = true,
                "schemas" => options.schemas = true,
                "dependencies" => options.dependencies = true,
                "statistics" => options.statistics = true,
                _ => {
                    let rule =
                        "options: all|tags|instances|schemas|dependencies|statistics, with commas between";
                    return Err(Refused::invalid(rule));
                }
            }
        }
        Ok(options)
    }
}

impl<'a> Detail<'a> {
    fn new(
        registry: &'a Registry,
        tenant: Tenant<'_>,
        record: &'a ServiceRecord,
        options: &Options,
    ) -> Result<Self, RegistryError> {
        let id = &*record.service().service_id;
        let others = |records: Vec<&'a ServiceRecord>| {
            records.into_iter().map(ServiceRecord::service).filter(|other| other.service_id != id).collect()
        };
        let (providers, consumers) = if options.dependencies {
            (others(registry.providers(tenant, id)?), others(registry.consumers(tenant, id)?))
        } else {
            (Vec::new(), Vec::new())
        };
        let instances = record.instances().filter(|_| options.instances).map(InstanceRecord::instance);
        let schemas = record.schemas().filter(|_| options.schemas);
        Ok(Self {
            micro_service: record.service().clone(),
            instances: instances.collect(),
            schema_infos: schemas.map(|(id, content)| Listed::new(id, content, false)).collect(),
            providers,
            consumers,
            tags: record.tags().filter(|_| options.tags).collect(),
            micro_service_versions: Vec::new(),
        })
    }
}

/// `GET /govern/microservices/{service}`
pub(super) async fn read_one(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let record = registry.service(tenant, call.service())?;
        let detail = Detail::new(registry, tenant, record, &Options::ALL)?;
        let mut versions = registry.versions(tenant, record);
        versions.sort_by_key(|other| other.version());
        let micro_service_versions = versions.iter().map(|other| &*other.service().version).collect();
        Ok(answer::json(&One { service: Detail { micro_service_versions, ..detail } }))
    })
    .await
}

/// `GET /govern/microservices`
pub(super) async fn list(call: Call) -> Outcome {
    let options = Options::read(call.parameter("options"))?;
    let (with_shared, count_only) = (call.flag("withShared")?, call.flag("countOnly")?);
    let filter = Filter::read(&call)?;
    call.run(|registry, tenant, _| {
        let records = registry.services(tenant, with_shared).filter(|record| filter.admits(record.service()));
        let details = records.filter(|_| !count_only).map(|record| {
            let mut detail = Detail::new(registry, tenant, record, &options)?;
            // `schemaInfos` tells of them where asked for; the original strips the ids here.
            detail.micro_service.schemas = Vec::new();
            Ok(detail)
        });
        let all_services_detail = details.collect::<Result<Vec<_>, RegistryError>>()?;
        let statistics = (options.statistics || count_only).then(|| registry.statistics(tenant, with_shared));
        Ok(answer::json(&Many { all_services_detail, statistics }))
    })
    .await
}

/// Which services a caller wants; an absent part asks for all.
struct Filter<'a> {
    app: &'a str,
    name: &'a str,
    environment: Option<&'a str>,
    properties: Vec<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn read(call: &'a Call) -> Result<Self, Refused> {
        let properties = call.parameters("property").map(|pair| pair.split_once(':'));
        let properties: Option<Vec<_>> = properties.collect();
        Ok(Self {
            app: call.parameter("appId"),
            name: call.parameter("serviceName"),
            environment: call.parameters("env").next(),
            properties: properties.ok_or_else(|| Refused::invalid("property: a key, a colon, a value"))?,
        })
    }

    fn admits(&self, service: &Microservice) -> bool {
        let has =
            |&(key, value): &(&str, &str)| service.properties.get(key).is_some_and(|known| known == value);
        (self.app.is_empty() || service.app_id == self.app)
            && (self.name.is_empty() || service.service_name == self.name)
            && self.environment.is_none_or(|environment| service.environment == environment)
            && self.properties.iter().all(has)
    }
}

/// `GET /govern/statistics`
pub(super) async fn statistics(call: Call) -> Outcome {
    let with_shared = call.flag("withShared")?;
    call.run(|registry, tenant, _| {
        Ok(answer::json(&Counted { statistics: registry.statistics(tenant, with_shared) }))
    })
    .await
}

/// `GET /govern/apps`
pub(super) async fn apps(call: Call) -> Outcome {
    let with_shared = call.flag("withShared")?;
    let environment = call.parameters("env").next();
    call.run(|registry, tenant, _| {
        let services = registry.services(tenant, with_shared).map(ServiceRecord::service);
        let wanted = services.filter(|service| environment.is_none_or(|name| service.environment == name));
        Ok(answer::json(&Apps { app_ids: wanted.map(|service| &*service.app_id).collect() }))
    })
    .await
}

#[derive(Serialize)]
struct Relations<'a> {
    nodes: Vec<Node<'a>>,
    lines: Vec<Line<'a>>,
}

/// A point of the drawing. The last three are for the drawer, and always empty.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Node<'a> {
    id: &'a str,
    name: &'a str,
    app_id: &'a str,
    version: &'a str,
    r#type: &'a str,
    color: &'a str,
    position: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    from: Node<'a>,
    to: Node<'a>,
    r#type: &'a str,
    color: &'a str,
    descriptor: &'a str,
}

impl<'a> Node<'a> {
    fn whole(service: &'a Microservice) -> Self {
        Self { app_id: &service.app_id, version: &service.version, ..Self::short(service) }
    }

    /// As the end of a line the original names it by id and name only.
    fn short(service: &'a Microservice) -> Self {
        let (id, name) = (&*service.service_id, &*service.service_name);
        Self { id, name, app_id: "", version: "", r#type: "", color: "", position: "" }
    }
}

/// `GET /govern/relations`: every service, and a line from each to each that it calls. No other parameter counts.
pub(super) async fn relations(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let (mut nodes, mut lines) = (Vec::new(), Vec::new());
        for record in registry.services(tenant, false) {
            let service = record.service();
            nodes.push(Node::whole(service));
            for provider in registry.providers(tenant, &service.service_id)? {
                let to = Node::short(provider.service());
                if to.id != service.service_id {
                    lines.push(Line {
                        from: Node::whole(service),
                        to,
                        r#type: "",
                        color: "",
                        descriptor: "",
                    });
                }
            }
        }
        Ok(answer::json(&Relations { nodes, lines }))
    })
    .await
}
