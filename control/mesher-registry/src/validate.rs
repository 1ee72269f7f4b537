//! The rules of every field that a client may write, as one table per record.
//! It must not change a record: defaults are set before, by the caller.

use std::collections::BTreeMap;

use mesher_model::query::ServiceKey;
use mesher_model::{DataCenterInfo, HealthCheck, Instance, InstanceStatus, Microservice};

use crate::grammar::{self, MAX_SHORT, has_length};
use crate::schemas::MAX_SCHEMAS;
use crate::{ExistenceRequest, FindRequest, NewSchema, RegistryError, Version};

/// The longest application name, in characters.
const MAX_APP: usize = 160;
/// The longest service name in a record, in characters.
const MAX_NAME: usize = 128;
/// The longest service name in a query: an application, a colon and a name.
const MAX_QUERY_NAME: usize = MAX_APP + 1 + MAX_NAME;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 256;
/// The longest id of a contract, in characters.
const MAX_SCHEMA_ID: usize = 160;
/// The longest digest of a contract, in characters.
const MAX_SUMMARY: usize = 128;

/// The most properties of a service, and of one of its paths, and the most paths.
const MAX_PAIRS: usize = 1_000;
/// The longest properties and paths of a service in all, in bytes.
const MAX_FREE_TEXT: usize = 64 * 1024;

const NAME_RULE: &str =
    "Max: 128 (application 160, framework 64), letters, digits, _-. with a letter or digit at both ends";

fn require(holds: bool, field: &'static str, value: &str, rule: &'static str) -> Result<(), RegistryError> {
    if holds { Ok(()) } else { Err(RegistryError::invalid(field, value, rule)) }
}

/// A service as `POST …/microservices` brings it, defaults set.
pub(crate) fn service(service: &Microservice) -> Result<(), RegistryError> {
    let Microservice { service_id, app_id, service_name, alias, description, .. } = service;
    let has_id = has_length(service_id, 0, MAX_SHORT) && grammar::has_no_space(service_id);
    require(has_id, "MicroService.ServiceId", service_id, "Max: 64, no white space")?;
    app("MicroService.AppId", app_id)?;
    let has_name = has_length(service_name, 1, MAX_NAME) && grammar::is_name(service_name);
    require(has_name, "MicroService.ServiceName", service_name, NAME_RULE)?;
    Version::parse(&service.version)?;
    environment("MicroService.Environment", &service.environment)?;
    let has_alias = has_length(alias, 0, MAX_NAME) && grammar::is_alias(alias);
    require(has_alias, "MicroService.Alias", alias, "Max: 128, letters, digits, _-.:")?;
    let has_description = has_length(description, 0, MAX_DESCRIPTION);
    require(has_description, "MicroService.Description", description, "Max: 256")?;
    service_words(service)?;
    service_lists(service)
}

fn service_words(service: &Microservice) -> Result<(), RegistryError> {
    let Microservice { level, status, register_by, .. } = service;
    require(
        ["FRONT", "MIDDLE", "BACK"].contains(&level.as_str()),
        "MicroService.Level",
        level,
        "FRONT|MIDDLE|BACK",
    )?;
    require(["UP", "DOWN"].contains(&status.as_str()), "MicroService.Status", status, "UP|DOWN")?;
    let is_registrar = ["", "SDK", "SIDECAR", "PLATFORM"].contains(&register_by.as_str());
    require(is_registrar, "MicroService.RegisterBy", register_by, "SDK|SIDECAR|PLATFORM")?;
    let Some(framework) = &service.framework else { return Ok(()) };
    let has_name = has_length(&framework.name, 0, MAX_SHORT) && grammar::is_name(&framework.name);
    require(has_name, "FrameWork.Name", &framework.name, NAME_RULE)?;
    require(has_length(&framework.version, 0, MAX_SHORT), "FrameWork.Version", &framework.version, "Max: 64")
}

fn service_lists(service: &Microservice) -> Result<(), RegistryError> {
    let count = service.schemas.len();
    require(count <= MAX_SCHEMAS, "MicroService.Schemas", &count.to_string(), "Max: 100 items")?;
    for id in &service.schemas {
        schema_id("MicroService.Schemas", id)?;
    }
    let is_complete = service.paths.iter().all(|path| !path.path.is_empty());
    require(is_complete, "ServicePath.Path", "", "Min: 1")?;
    free_text(service)
}

/// What a service says of itself in words of its own is bounded as a whole: a record stays in memory.
fn free_text(service: &Microservice) -> Result<(), RegistryError> {
    let size = |pairs: &BTreeMap<String, String>| -> usize {
        pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
    };
    let Microservice { properties, paths, .. } = service;
    let is_few = |count: usize| count <= MAX_PAIRS;
    let count = properties.len();
    require(is_few(count), "MicroService.Properties", &count.to_string(), "Max: 1000 items")?;
    let count = paths.len();
    let are_few = is_few(count) && paths.iter().all(|path| is_few(path.property.len()));
    require(are_few, "MicroService.Paths", &count.to_string(), "Max: 1000 items of 1000 properties")?;
    let total =
        size(properties) + paths.iter().map(|path| path.path.len() + size(&path.property)).sum::<usize>();
    let rule = "properties and paths, Max: 65536 bytes in all";
    require(total <= MAX_FREE_TEXT, "MicroService.Properties", &total.to_string(), rule)
}

pub(crate) fn schema_id(field: &'static str, id: &str) -> Result<(), RegistryError> {
    let is_id = has_length(id, 1, MAX_SCHEMA_ID) && grammar::is_name(id);
    require(is_id, field, id, "Min: 1, Max: 160, letters, digits, _-.")
}

/// A contract as a client brings it; `request` names the call.
pub(crate) fn schema(request: &'static str, schema: &NewSchema) -> Result<(), RegistryError> {
    let NewSchema { id, schema, summary } = schema;
    schema_id(request, id)?;
    require(!schema.is_empty(), request, "", "schema, Min: 1")?;
    let is_summary =
        has_length(summary, 0, MAX_SUMMARY) && summary.bytes().all(|byte| byte.is_ascii_alphanumeric());
    require(is_summary, request, summary, "summary, Max: 128, letters and digits")
}

/// A key or a value of a tag.
pub(crate) fn tag(field: &'static str, text: &str) -> Result<(), RegistryError> {
    let is_tag = has_length(text, 1, MAX_SHORT)
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && grammar::is_token(text);
    require(is_tag, field, text, "Max: 64, a letter, then letters, digits, _-.")
}

/// One end of a dependency.
pub(crate) fn dependency(key: &ServiceKey) -> Result<(), RegistryError> {
    environment("MicroServiceKey.Environment", &key.environment)?;
    app("MicroServiceKey.AppId", &key.app_id)?;
    query_name("MicroServiceKey.ServiceName", &key.service_name)
}

/// An instance as `POST …/instances` brings it, defaults set.
pub(crate) fn instance(instance: &Instance) -> Result<(), RegistryError> {
    let Instance { instance_id, host_name, endpoints, status: word, .. } = instance;
    let has_id = has_length(instance_id, 0, MAX_SHORT) && grammar::is_token(instance_id);
    require(has_id, "MicroServiceInstance.InstanceId", instance_id, "Max: 64, letters, digits, _-.")?;
    let has_host = has_length(host_name, 1, MAX_SHORT) && !host_name.trim().is_empty();
    require(has_host, "MicroServiceInstance.HostName", host_name, "Min: 1, Max: 64, not blank")?;
    for endpoint in endpoints {
        let is_endpoint = !endpoint.is_empty() && grammar::has_no_space(endpoint);
        require(is_endpoint, "MicroServiceInstance.Endpoints", endpoint, "no white space")?;
    }
    status("MicroServiceInstance.Status", word)?;
    instance.health_check.as_ref().map_or(Ok(()), health_check)?;
    instance.data_center_info.as_ref().map_or(Ok(()), data_center)
}

/// A status word that names a status.
pub(crate) fn status(field: &'static str, word: &str) -> Result<(), RegistryError> {
    InstanceStatus::parse(word)
        .map(drop)
        .ok_or_else(|| RegistryError::invalid(field, word, "UP|DOWN|STARTING|TESTING|OUTOFSERVICE"))
}

fn health_check(check: &HealthCheck) -> Result<(), RegistryError> {
    let HealthCheck { mode, port, interval, times, url } = check;
    let number = |field, value: i64, min: i64, max: i64, rule| {
        require((min..=max).contains(&value), field, &value.to_string(), rule)
    };
    require(["push", "pull"].contains(&mode.as_str()), "HealthCheck.Mode", mode, "push|pull")?;
    number("HealthCheck.Port", *port, 0, i64::from(u16::MAX), "0 to 65535")?;
    number("HealthCheck.Interval", *interval, 1, i64::from(i32::MAX), "Min: 1, Max: 2147483647")?;
    number("HealthCheck.Times", *times, 1, i64::from(i32::MAX), "Min: 1, Max: 2147483647")?;
    require(grammar::has_no_space(url), "HealthCheck.Url", url, "no white space")
}

fn data_center(info: &DataCenterInfo) -> Result<(), RegistryError> {
    let fields = [
        ("DataCenterInfo.Name", &info.name),
        ("DataCenterInfo.Region", &info.region),
        ("DataCenterInfo.AvailableZone", &info.available_zone),
    ];
    fields.into_iter().try_for_each(|(field, value)| {
        let fits = has_length(value, 1, MAX_NAME) && grammar::is_token(value);
        require(fits, field, value, "Min: 1, Max: 128, letters, digits, _-.")
    })
}

/// A look-up of instances by the name of their service.
pub(crate) fn find(request: &FindRequest<'_>) -> Result<(), RegistryError> {
    environment("FindInstancesRequest.Environment", request.environment)?;
    require(!request.app.is_empty(), "FindInstancesRequest.AppId", request.app, "Min: 1, Max: 160")?;
    app("FindInstancesRequest.AppId", request.app)?;
    query_name("FindInstancesRequest.ServiceName", request.service)
}

/// A question for the id of one version of a service.
pub(crate) fn existence(request: &ExistenceRequest<'_>) -> Result<(), RegistryError> {
    environment("GetExistenceRequest.Environment", request.environment)?;
    app("GetExistenceRequest.AppId", request.app)?;
    query_name("GetExistenceRequest.ServiceName", request.service)?;
    Version::parse(request.version).map(|_| ())
}

fn app(field: &'static str, name: &str) -> Result<(), RegistryError> {
    require(has_length(name, 0, MAX_APP) && grammar::is_name(name), field, name, NAME_RULE)
}

fn environment(field: &'static str, name: &str) -> Result<(), RegistryError> {
    let is_known = mesher_model::ENVIRONMENTS.contains(&name);
    require(is_known, field, name, "development|testing|acceptance|production or empty")
}

fn query_name(field: &'static str, name: &str) -> Result<(), RegistryError> {
    let fits = has_length(name, 1, MAX_QUERY_NAME) && grammar::is_query_name(name);
    require(fits, field, name, "Min: 1, Max: 289, a name or application:name")
}
