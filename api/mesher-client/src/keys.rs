//! Keys of a configuration server: kie's, waited for, and config-center's items. Ours and the originals alike.
//! It must not decide what a key means, nor which of two that are equal holds.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Method};
use mesher_model::key::KeyValue;
use serde::Deserialize;
use serde_json::Value;

use crate::transport::{Call, call, escape};
use crate::{CALL_TIME_MAX, ClientError, ControlClient};

/// The answer's field with the revision of what it holds. Source: kie v1.
const REVISION_FIELD: &str = "x-kie-revision";
/// The request's field with the environment. Source: config-center v3.
const ENVIRONMENT_FIELD: HeaderName = HeaderName::from_static("x-environment");

/// Keys as they stood at a revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyList {
    /// Names the state, for the next question.
    pub revision: i64,
    /// All keys that were asked for.
    pub keys: Vec<KeyValue>,
}

/// The items of a dimension of a config-center.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ItemList {
    /// Names the state, for the next question.
    pub revision: String,
    /// Value by key, for each dimension that was asked for.
    pub items: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct KieList {
    #[serde(default)]
    data: Option<Vec<KeyValue>>,
}

impl ControlClient {
    /// The keys of kie under these labels, and no others where that `is_exact`. Where they still stand at the revision
    /// that was `seen`, the answer waits for a change, `wait` at the longest. `None`: nothing changed.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn keys(
        &self,
        labels: &[(&str, &str)],
        is_exact: bool,
        seen: i64,
        wait: Duration,
    ) -> Result<Option<KeyList>, ClientError> {
        let labels: String =
            labels.iter().map(|(name, value)| format!("label={name}:{}&", escape(value))).collect();
        let exact = if is_exact { "match=exact&" } else { "" };
        let path = format!(
            "/v1/{}/kie/kv?{labels}{exact}revision={seen}&wait={}s",
            self.transport.project(),
            wait.as_secs()
        );
        let call = Call { time_max: CALL_TIME_MAX + wait, ..call(Method::GET, path) };
        let Some((head, body)) = self.transport.send_unless_same(call).await? else { return Ok(None) };
        let KieList { data } = self.transport.read(&body)?;
        Ok(Some(KeyList { revision: revision(&head).unwrap_or(-1), keys: data.unwrap_or_default() }))
    }

    /// The items of a config-center that hold in a dimension and an environment. `None`: they still stand at the revision
    /// that was `seen`.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn items(
        &self,
        dimension: &str,
        environment: &str,
        seen: &str,
    ) -> Result<Option<ItemList>, ClientError> {
        let path = format!(
            "/v3/{}/configuration/items?dimensionsInfo={}&revision={}",
            self.transport.project(),
            escape(dimension),
            escape(seen)
        );
        let fields = vec![(ENVIRONMENT_FIELD, environment.to_owned())];
        let call = Call { fields, ..call(Method::GET, path) };
        let Some((_, body)) = self.transport.send_unless_same(call).await? else { return Ok(None) };
        let mut answer: BTreeMap<String, BTreeMap<String, Value>> = self.transport.read(&body)?;
        let revision = answer.remove("revision").and_then(|revision| revision.get("version").map(text));
        let items = answer.into_iter().map(|(dimension, items)| {
            (dimension, items.iter().map(|(key, value)| (key.clone(), text(value))).collect())
        });
        Ok(Some(ItemList { revision: revision.unwrap_or_default(), items: items.collect() }))
    }

    /// Whether the server speaks kie.
    ///
    /// # Errors
    /// [`ClientError`] where it does not answer.
    pub async fn speaks_kie(&self) -> Result<bool, ClientError> {
        self.answers("/v1/health").await
    }

    /// Whether the server speaks config-center.
    ///
    /// # Errors
    /// [`ClientError`] where it does not answer.
    pub async fn speaks_config_center(&self) -> Result<bool, ClientError> {
        self.answers("/v3/default/configuration/health?mode=readiness").await
    }

    async fn answers(&self, path: &str) -> Result<bool, ClientError> {
        match self.transport.send(call(Method::GET, path.to_owned())).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unknown_path() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn revision(head: &HeaderMap) -> Option<i64> {
    head.get(REVISION_FIELD)?.to_str().ok()?.trim().parse().ok()
}

/// Values are text; a server that sends something else means what it looks like.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
