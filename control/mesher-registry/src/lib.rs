//! Service Center semantics without HTTP: services, instances, leases and find, as values in and values out.
//! It must do no I/O, own no runtime, read no clock and invent no ids: `now` and candidates for ids come in.

mod batch;
mod change;
mod dependencies;
mod edit;
mod error;
mod expiry;
mod find;
mod grammar;
mod identity;
mod instances;
mod lease;
mod moment;
mod own;
mod record;
mod registry;
mod schemas;
mod services;
mod space;
mod statistics;
mod store;
mod tags;
mod tenant;
mod validate;
mod version;

pub use batch::BatchFound;
pub use change::{Change, ChangeKind};
pub use dependencies::{DependencyRequest, ProviderName};
pub use edit::{Edit, Key, Place, SchemaContent, Stored};
pub use error::RegistryError;
pub use find::{FindRequest, Found, FoundInstance, ResultRevision};
pub use identity::service_id;
pub use moment::Moment;
pub use own::OwnService;
pub use record::{InstanceRecord, ServiceRecord};
pub use registry::{Limits, Registry};
pub use schemas::NewSchema;
pub use services::ExistenceRequest;
pub use statistics::Statistics;
pub use tenant::Tenant;
pub use version::Version;

#[cfg(test)]
mod tests;
