//! The calls of `/mesher/v1`: what proxies say of themselves, and the lists that the command prints.
//! It must not assume that they exist: an original registry answers 404 to all of them.

use std::io::Write;

use http::Method;
use mesher_model::mesh::{InstanceRow, Listing, ProxyRow, ServiceRow};
use serde::de::DeserializeOwned;

use crate::transport::{call, call_with, escape};
use crate::{ClientError, ControlClient};

/// Items asked for at a time; the most that one answer holds.
const PAGE_ITEMS: usize = 1000;

impl ControlClient {
    /// Tells the control plane of a proxy.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_unknown_path`] against an original registry.
    pub async fn announce_proxy(&self, proxy: &ProxyRow) -> Result<(), ClientError> {
        let path = format!("/mesher/v1/proxies/{}", escape(&proxy.id));
        self.transport.send(call_with(Method::PUT, path, proxy)).await.map(drop)
    }

    /// Tells the control plane that a proxy is gone.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn withdraw_proxy(&self, id: &str) -> Result<(), ClientError> {
        let path = format!("/mesher/v1/proxies/{}", escape(id));
        self.transport.send(call(Method::DELETE, path)).await.map(drop)
    }

    /// Writes a backup of the control plane's store into `sink`, and answers how many bytes it has. What was cut off is
    /// refused when it is restored.
    ///
    /// # Errors
    /// [`ClientError`]; also where `sink` fails.
    pub async fn backup(&self, sink: &mut impl Write) -> Result<u64, ClientError> {
        self.transport.download("/mesher/v1/backup", sink).await
    }

    /// Every service.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn services(&self) -> Result<Vec<ServiceRow>, ClientError> {
        self.every("services", "").await
    }

    /// Every instance, of one service where it is named.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn instances(&self, service: Option<&str>) -> Result<Vec<InstanceRow>, ClientError> {
        let filter = service.map(|service| format!("&service={}", escape(service))).unwrap_or_default();
        self.every("instances", &filter).await
    }

    /// Every proxy that the control plane heard of lately.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn proxies(&self) -> Result<Vec<ProxyRow>, ClientError> {
        self.every("proxies", "").await
    }

    async fn every<T: DeserializeOwned>(&self, kind: &str, filter: &str) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/mesher/v1/{kind}?limit={PAGE_ITEMS}{filter}{cursor}");
            let page: Listing<T> = self.transport.fetch(call(Method::GET, path)).await?;
            let is_empty = page.items.is_empty();
            items.extend(page.items);
            match page.next {
                Some(next) if !is_empty => cursor = format!("&next={}", escape(&next)),
                _ => return Ok(items),
            }
        }
    }
}
