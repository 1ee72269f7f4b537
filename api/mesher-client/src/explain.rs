//! Why calls go where they go, asked of the control plane.
//! It must send no call of its own.

use http::Method;
use mesher_model::explain::{Asked, CallRow, Explanation};
use mesher_model::mesh::{Detail, Listing};

use crate::transport::{call, call_with, escape};
use crate::{ClientError, ControlClient};

impl ControlClient {
    /// What would become of a call.
    ///
    /// # Errors
    /// [`ClientError`]; 404 where no proxy of the caller is linked.
    pub async fn explain(&self, asked: &Asked) -> Result<Explanation, ClientError> {
        let call = call_with(Method::POST, "/mesher/v1/explain".to_owned(), asked);
        self.transport.fetch::<Detail<Explanation>>(call).await.map(|answer| answer.item)
    }

    /// What became of a call.
    ///
    /// # Errors
    /// [`ClientError`]; 404 where no proxy remembers it.
    pub async fn call(&self, id: &str) -> Result<Explanation, ClientError> {
        let path = format!("/mesher/v1/calls/{}", escape(id));
        self.transport.fetch::<Detail<Explanation>>(call(Method::GET, path)).await.map(|answer| answer.item)
    }

    /// Calls that proxies remember, newest first; of one service where one is named.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn calls(&self, service: Option<&str>, only_failed: bool) -> Result<Vec<CallRow>, ClientError> {
        let service = service.map(|service| format!("&service={}", escape(service))).unwrap_or_default();
        let outcome = if only_failed { "&outcome=failed" } else { "" };
        let path = format!("/mesher/v1/calls?limit=50{service}{outcome}");
        self.transport.fetch::<Listing<CallRow>>(call(Method::GET, path)).await.map(|page| page.items)
    }
}
