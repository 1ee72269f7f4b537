//! Keys of a configuration server: found out what it speaks, waited for, handed to the desk.
//! It must empty nothing because a server forgot, and must ask no server in step with other proxies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_client::{ClientError, ControlClient, KeyList, KeyValue};

use super::desk::Desk;
use crate::backoff::Backoff;
use crate::bootstrap::{ConfigType, Identity};
use crate::status::{LinkState, Status};

/// How long a question to kie waits for a change.
const WAIT: Duration = Duration::from_secs(30);
/// The pause between two questions to kie: any change of a tenant may answer the next at once.
const PAUSE_KIE: Duration = Duration::from_millis(100);
/// The pause between two questions to a config-center, which never waits.
const PAUSE_CENTER: Duration = Duration::from_secs(5);
/// How often it is looked whether there is a server to ask.
const PAUSE_ABSENT: Duration = Duration::from_secs(1);
/// The revision of nothing.
const NO_REVISION: i64 = -1;
/// What a config-center is asked for at first.
const NO_ITEMS: &str = "null";
/// Types whose values are one text. Others hold many keys of an application.
const TEXT_TYPES: [&str; 4] = ["", "text", "string", "json"];

/// Where keys are read.
#[derive(Debug, Clone)]
pub(crate) struct KeySource {
    /// Of the configuration server.
    pub(crate) client: ControlClient,
    /// What it speaks.
    pub(crate) speaks: ConfigType,
    /// Whether it was named, and is not just the registry.
    pub(crate) is_named: bool,
}

/// Go's words for labels, and Java's. Where both speak, Java's hold.
const SPELLINGS: [[&str; 2]; 2] = [["appId", "serviceName"], ["app", "service"]];

/// How much of the configuration one question is about. The particular wins over the general.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Application,
    Service,
}

/// Reads keys for the life of the proxy.
pub(crate) async fn read(source: KeySource, status: Arc<Status>, desk: Desk) {
    if find_out(&source, &status).await == ConfigType::ConfigCenter {
        return read_center(&source.client, &status.bootstrap.identity, &desk).await;
    }
    let mut rank = 0;
    for words in SPELLINGS {
        for part in [Part::Application, Part::Service] {
            let own = status.bootstrap.identity.clone();
            let (client, desk) = (source.client.clone(), desk.clone());
            let question = Question { words, part, rank };
            rank += 1;
            tokio::task::spawn_local(async move { question.ask_on(&client, &own, &desk).await });
        }
    }
}

/// What the server speaks. A registry that is no control plane of ours is not asked: it has its own server for that.
async fn find_out(source: &KeySource, status: &Status) -> ConfigType {
    if source.speaks != ConfigType::Auto {
        return source.speaks;
    }
    let mut backoff = Backoff::default();
    loop {
        let mut pause = drawn(PAUSE_ABSENT);
        if source.is_named || status.rules().link == LinkState::Connected {
            match speaks(&source.client).await {
                Ok(Some(found)) => return found,
                Ok(None) => tracing::warn!(
                    "the configuration server speaks neither kie nor config-center; see MESHER_CONFIG_CENTER"
                ),
                Err(error) => tracing::debug!(%error, "the configuration server is away"),
            }
            pause = backoff.failed(fastrand::f64());
        }
        tokio::time::sleep(pause).await;
    }
}

async fn speaks(client: &ControlClient) -> Result<Option<ConfigType>, ClientError> {
    if client.speaks_kie().await? {
        return Ok(Some(ConfigType::Kie));
    }
    Ok(client.speaks_config_center().await?.then_some(ConfigType::ConfigCenter))
}

/// A random part of a pause.
fn drawn(pause: Duration) -> Duration {
    pause.mul_f32(0.5 + fastrand::f32() / 2.0)
}

/// What one part of kie's keys is asked with.
#[derive(Debug)]
struct Question {
    words: [&'static str; 2],
    part: Part,
    /// Its place among the parts, the lower ones below the higher.
    rank: usize,
}

impl Question {
    async fn ask_on(&self, client: &ControlClient, own: &Identity, desk: &Desk) {
        let [app, service] = self.words;
        let labels = match self.part {
            Part::Application => vec![(app, own.app.as_str()), ("environment", own.environment.as_str())],
            // With any environment and version: those that are ours are picked out of the answer.
            Part::Service => vec![(app, own.app.as_str()), (service, own.service.as_str())],
        };
        let (mut seen, mut holds_any, mut has_lost) = (NO_REVISION, false, false);
        let mut backoff = Backoff::default();
        loop {
            match client.keys(&labels, self.part == Part::Application, seen, WAIT).await {
                Ok(Some(list)) => {
                    backoff.reset();
                    let keys = self.usable(own, &list);
                    // A server that lost its keys begins to count anew, and says nothing of them until it has some.
                    has_lost = keys.is_empty() && (has_lost || (holds_any && list.revision < seen));
                    if has_lost {
                        tracing::warn!(
                            "the configuration server knows no key any more; keeping those that hold"
                        );
                    } else {
                        holds_any = !keys.is_empty();
                        desk.take_keys(self.rank, keys).await;
                    }
                    seen = list.revision;
                }
                Ok(None) => backoff.reset(),
                Err(error) => rest(&error, &mut backoff).await,
            }
            // Also where a server answers at once what it should have waited for.
            tokio::time::sleep(PAUSE_KIE).await;
        }
    }

    /// The keys that are about this very service, those with its version above the others, the newest last.
    fn usable(&self, own: &Identity, list: &KeyList) -> BTreeMap<String, String> {
        let is_text = |key: &&KeyValue| TEXT_TYPES.contains(&key.value_type.to_lowercase().as_str());
        let usable = list.keys.iter().filter(|key| key.is_enabled()).filter(is_text);
        let mut keys: Vec<_> = usable.filter_map(|key| Some((self.is_of_version(own, key)?, key))).collect();
        keys.sort_by_key(|(is_of_version, key)| (*is_of_version, key.update_time, key.update_revision));
        keys.into_iter().map(|(_, key)| (key.key.clone(), key.value.clone())).collect()
    }

    /// Whether a key is about our version; `None`: it is not about us at all.
    fn is_of_version(&self, own: &Identity, key: &KeyValue) -> Option<bool> {
        let labels = key.labels.as_ref()?;
        let [app, service] = self.words;
        for (name, value) in labels {
            let expected = match name.as_str() {
                "environment" => &own.environment,
                "version" => &own.version,
                name if name == app => &own.app,
                name if name == service => &own.service,
                _ => return None,
            };
            if value != expected {
                return None;
            }
        }
        let has_environment = own.environment.is_empty() || labels.contains_key("environment");
        has_environment.then(|| labels.contains_key("version"))
    }
}

/// Asks a config-center for what holds for this version.
async fn read_center(client: &ControlClient, own: &Identity, desk: &Desk) {
    let Identity { app, service, version, environment, .. } = own;
    let whole = format!("{service}@{app}#{version}");
    // From the general to the particular.
    let dimensions = ["application".to_owned(), format!("{service}@{app}"), whole.clone()];
    let (mut seen, mut backoff) = (NO_ITEMS.to_owned(), Backoff::default());
    loop {
        match client.items(&whole, environment, &seen).await {
            Ok(Some(list)) => {
                for (rank, dimension) in dimensions.iter().enumerate() {
                    desk.take_keys(rank, list.items.get(dimension).cloned().unwrap_or_default()).await;
                }
                seen = list.revision;
            }
            Ok(None) => {}
            Err(error) => {
                rest(&error, &mut backoff).await;
                continue;
            }
        }
        backoff.reset();
        tokio::time::sleep(drawn(PAUSE_CENTER)).await;
    }
}

/// Waits after a failure.
async fn rest(error: &ClientError, backoff: &mut Backoff) {
    tracing::debug!(%error, "the configuration server does not answer; keys hold on");
    tokio::time::sleep(backoff.failed(fastrand::f64())).await;
}
