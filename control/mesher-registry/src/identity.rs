//! What makes a service the service it is, and the id that follows from it.
//! It must not depend on anything that a restart changes: users keep these ids in dashboards and other registries.

use std::fmt::Write as _;

use mesher_model::Microservice;
use sha1::{Digest, Sha1};

use crate::Tenant;

/// The id of a service that brings none: lower-case hex SHA-1 of its index key in the original's store.
///
/// Source: Service Center `server/plugin/uuid`, kind `context`. The hash names, it does not protect.
#[must_use]
pub fn service_id(tenant: Tenant<'_>, service: &Microservice) -> String {
    let Microservice { environment, app_id, service_name, version, .. } = service;
    let key = format!(
        "/cse-sr/ms/indexes/{}/{}/{environment}/{app_id}/{service_name}/{version}",
        tenant.domain(),
        tenant.project()
    );
    Sha1::digest(key.as_bytes()).iter().fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Key of an index by name or alias. No part may hold a slash; the grammars see to that.
pub(crate) fn index_key(environment: &str, app: &str, name: &str) -> String {
    [environment, app, name].join("/")
}

/// `environment/application/name/version`, as messages word it.
pub(crate) fn describe(service: &Microservice) -> String {
    [&*service.environment, &service.app_id, &service.service_name, &service.version].join("/")
}
