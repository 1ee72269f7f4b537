//! The registry's calls, as a proxy needs them.
//! It must not hold state: what was registered is the caller's to remember.

use http::Method;
use mesher_model::instance::{InstanceEnvelope, InstanceIdAnswer};
use mesher_model::microservice::{ServiceEnvelope, ServiceIdAnswer};
use mesher_model::query::{BatchFind, FindService};
use mesher_model::{ErrorCode, Instance, Microservice};

use crate::found::{self, FoundInstances};
use crate::transport::{Call, call, call_with, escape};
use crate::{ClientError, ControlClient};

/// What makes a service the same service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// Its application.
    pub app: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its environment.
    pub environment: String,
}

impl ControlClient {
    /// The id of a service, or `None` where it is not registered.
    ///
    /// # Errors
    /// [`ClientError`] where there was no answer, or another refusal.
    pub async fn find_service(&self, identity: &ServiceIdentity) -> Result<Option<String>, ClientError> {
        let path = self.transport.registry_path(&format!(
            "/existence?type=microservice&appId={}&serviceName={}&version={}&env={}",
            escape(&identity.app),
            escape(&identity.name),
            escape(&identity.version),
            escape(&identity.environment),
        ));
        match self.transport.fetch::<ServiceIdAnswer>(call(Method::GET, path)).await {
            Ok(answer) => Ok(Some(answer.service_id)),
            Err(error) if error.is(ErrorCode::ServiceNotExists) || error.is(ErrorCode::VersionNotExists) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a service, or finds the one of the same identity. Returns its id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn create_service(&self, service: Microservice) -> Result<String, ClientError> {
        let path = self.transport.registry_path("/microservices");
        let body = ServiceEnvelope { service };
        Ok(self.transport.fetch::<ServiceIdAnswer>(call_with(Method::POST, path, &body)).await?.service_id)
    }

    /// Registers an instance. Returns its id; an instance that is alive under this id keeps its content.
    ///
    /// # Errors
    /// [`ClientError`]; 400012 where the service is gone.
    pub async fn register_instance(
        &self,
        service_id: &str,
        instance: Instance,
    ) -> Result<String, ClientError> {
        let path = self.transport.registry_path(&format!("/microservices/{}/instances", escape(service_id)));
        let body = InstanceEnvelope { instance };
        Ok(self.transport.fetch::<InstanceIdAnswer>(call_with(Method::POST, path, &body)).await?.instance_id)
    }

    /// Renews an instance's lease. `is_urgent`: the lease would end otherwise, so that it is sent to a registry that asked
    /// to be left alone, too.
    ///
    /// # Errors
    /// [`ClientError`]; 400017 where the instance is gone and must register again.
    pub async fn heartbeat(
        &self,
        service_id: &str,
        instance_id: &str,
        is_urgent: bool,
    ) -> Result<(), ClientError> {
        let path = self.instance_path(service_id, instance_id, "/heartbeat");
        self.transport.send(Call { is_urgent, ..call(Method::PUT, path) }).await.map(drop)
    }

    /// Changes the status of an instance: `UP`, `DOWN` and the others that the registry knows.
    ///
    /// # Errors
    /// [`ClientError`]; 400017 where the instance is gone and must register again.
    pub async fn set_instance_status(
        &self,
        service_id: &str,
        instance_id: &str,
        status: &str,
    ) -> Result<(), ClientError> {
        let path = self.instance_path(service_id, instance_id, &format!("/status?value={}", escape(status)));
        self.transport.send(call(Method::PUT, path)).await.map(drop)
    }

    /// Removes an instance. One that is gone already counts as removed. It is sent to a registry that asked to be left
    /// alone, too: nobody may find an instance that ends.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn unregister_instance(&self, service_id: &str, instance_id: &str) -> Result<(), ClientError> {
        let path = self.instance_path(service_id, instance_id, "");
        match self.transport.send(Call { is_urgent: true, ..call(Method::DELETE, path) }).await {
            Err(error) if error.is(ErrorCode::InstanceNotExists) || error.is(ErrorCode::ServiceNotExists) => {
                Ok(())
            }
            answer => answer.map(drop),
        }
    }

    /// Looks several services up at once, each against the revision that the caller has.
    ///
    /// # Errors
    /// [`ClientError`]; services that are not found are in the answer, not an error, and an instance that cannot be read
    /// costs nothing but itself.
    pub async fn find_instances(
        &self,
        consumer: &str,
        services: Vec<FindService>,
    ) -> Result<FoundInstances, ClientError> {
        let path = self.transport.registry_path("/instances/action?type=query");
        let body = BatchFind { services, ..BatchFind::default() };
        let mut request = call_with(Method::POST, path, &body);
        request.consumer = Some(consumer).filter(|consumer| !consumer.is_empty());
        let answer: found::Answer = self.transport.fetch(request).await?;
        answer.read()
    }

    fn instance_path(&self, service_id: &str, instance_id: &str, rest: &str) -> String {
        let (service, instance) = (escape(service_id), escape(instance_id));
        self.transport.registry_path(&format!("/microservices/{service}/instances/{instance}{rest}"))
    }
}
