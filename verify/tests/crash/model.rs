//! What a writer has written so far, and the calls that change it.
//! It must change as a whole what one call changes as a whole: that is what a crash must not tear apart.

use std::collections::BTreeMap;

use mesher_verify::draw::Draw;
use serde_json::{Value, json};

/// Services of one writer.
const SERVICES_MAX: usize = 6;
/// Instances of one service.
const INSTANCES_MAX: usize = 5;
/// Contracts of one service, which are replaced all at once.
const CONTRACTS: [&str; 4] = ["orders", "prices", "returns", "stock"];

/// One service. A mark is a number that no other call of its writer has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Service {
    pub(crate) mark: String,
    /// Name and mark.
    pub(crate) contracts: BTreeMap<String, String>,
    /// Id and mark.
    pub(crate) instances: BTreeMap<String, String>,
}

/// The services of a writer by id.
pub(crate) type Known = BTreeMap<String, Service>;

/// One call.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Create { service: String, mark: String },
    Mark { service: String, mark: String },
    Contracts { service: String, mark: String },
    Remove { service: String },
    Register { service: String, instance: String, mark: String },
    MarkInstance { service: String, instance: String, mark: String },
    Unregister { service: String, instance: String },
}

impl Deed {
    /// The next call of a writer; `fresh` is a number that it has not used.
    pub(crate) fn choose(known: &Known, prefix: &str, fresh: u64, draw: &mut Draw) -> Self {
        let mark = fresh.to_string();
        let some = draw.one_of(known.iter());
        let Some((id, held)) = some.filter(|_| known.len() >= SERVICES_MAX || !draw.one_in(8)) else {
            return Self::Create { service: format!("{prefix}{fresh}"), mark };
        };
        let service = id.clone();
        let instance = draw.one_of(held.instances.keys()).cloned();
        match (draw.within(0..100), instance) {
            (0..4, _) => Self::Remove { service },
            (4..14, _) => Self::Mark { service, mark },
            (14..24, _) => Self::Contracts { service, mark },
            (24..44, Some(instance)) => Self::Unregister { service, instance },
            (44..74, Some(instance)) => Self::MarkInstance { service, instance, mark },
            _ if held.instances.len() < INSTANCES_MAX => {
                Self::Register { instance: format!("{service}-{fresh}"), service, mark }
            }
            _ => Self::Mark { service, mark },
        }
    }

    /// What it makes of what is known.
    pub(crate) fn apply(&self, known: &mut Known) {
        let mut at = |service: &String| known.remove(service).unwrap_or_default();
        let (service, changed) = match self {
            Self::Remove { service } => {
                known.remove(service);
                return;
            }
            Self::Create { service, mark } | Self::Mark { service, mark } => {
                (service, Service { mark: mark.clone(), ..at(service) })
            }
            Self::Contracts { service, mark } => {
                let contracts = CONTRACTS.iter().map(|name| ((*name).to_owned(), mark.clone())).collect();
                (service, Service { contracts, ..at(service) })
            }
            Self::Register { service, instance, mark } | Self::MarkInstance { service, instance, mark } => {
                let mut changed = at(service);
                changed.instances.insert(instance.clone(), mark.clone());
                (service, changed)
            }
            Self::Unregister { service, instance } => {
                let mut changed = at(service);
                changed.instances.remove(instance);
                (service, changed)
            }
        };
        known.insert(service.clone(), changed);
    }

    /// Method, path below the registry, and body.
    pub(crate) fn request(&self) -> (&'static str, String, Option<Value>) {
        match self {
            Self::Create { service, mark } => {
                let record = json!({
                    "serviceId": service, "appId": "shop", "serviceName": service, "version": "1.0.0",
                    "environment": "development", "properties": {"mark": mark},
                });
                ("POST", "/microservices".to_owned(), Some(json!({"service": record})))
            }
            Self::Mark { service, mark } => {
                ("PUT", format!("/microservices/{service}/properties"), Some(properties(mark)))
            }
            Self::Contracts { service, mark } => {
                let contracts: Vec<_> = CONTRACTS
                    .iter()
                    .map(|name| json!({"schemaId": name, "schema": mark, "summary": mark}))
                    .collect();
                let path = format!("/microservices/{service}/schemas");
                ("POST", path, Some(json!({"schemas": contracts})))
            }
            Self::Remove { service } => ("DELETE", format!("/microservices/{service}?force=1"), None),
            Self::Register { service, instance, mark } => {
                let record = json!({
                    "instanceId": instance, "hostName": "by-hand", "status": "UP",
                    "endpoints": [format!("rest://{instance}.example:80")], "properties": {"mark": mark},
                });
                let path = format!("/microservices/{service}/instances");
                ("POST", path, Some(json!({"instance": record})))
            }
            Self::MarkInstance { service, instance, mark } => {
                let path = format!("/microservices/{service}/instances/{instance}/properties");
                ("PUT", path, Some(properties(mark)))
            }
            Self::Unregister { service, instance } => {
                ("DELETE", format!("/microservices/{service}/instances/{instance}"), None)
            }
        }
    }
}

fn properties(mark: &str) -> Value {
    json!({"properties": {"mark": mark}})
}
