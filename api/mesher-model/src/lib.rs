//! The contract between the planes: registry records, error codes and the shapes of `/mesher/v1`.
//! It must do no I/O, read no clock and know nothing of HTTP libraries: serde types and their grammar only.

pub mod access;
pub mod endpoint;
pub mod error;
pub mod explain;
pub mod instance;
pub mod key;
pub mod mesh;
pub mod microservice;
pub mod query;
pub mod rule;

pub use endpoint::{Endpoint, EndpointError};
pub use error::{ErrorBody, ErrorCode};
pub use instance::{DataCenterInfo, HealthCheck, Instance, InstanceStatus};
pub use microservice::{Framework, Microservice};

/// The name of the tenant, of the project and of the application wherever none is given.
pub const DEFAULT: &str = "default";

/// The environments that the registry knows; the empty one is an environment of its own.
///
/// Source: Service Center v4, `MicroService.environment`.
pub const ENVIRONMENTS: [&str; 5] = ["", "development", "testing", "acceptance", "production"];

/// Request header that names the tenant.
pub const DOMAIN_HEADER: &str = "x-domain-name";
/// Request header that carries the service id of the caller in every look-up.
pub const CONSUMER_HEADER: &str = "x-consumerid";
/// Response header that carries the revision of a look-up's result set.
pub const REVISION_HEADER: &str = "x-resource-revision";

/// Response header that names the control plane that answers: its data, wherever it runs. One that was started anew
/// without data, or restored from a backup, is another. An original Service Center sends none.
pub const CLUSTER_HEADER: &str = "x-mesher-cluster";

/// Instance property in which a Mesher proxy declares the ports of its application, as `rest:8080,tcp:5432`.
///
/// A port in a caller's URL may choose among these and no others.
pub const PORTS_PROPERTY: &str = "mesher.ports";

#[cfg(test)]
mod tests;
