//! Keys of a configuration server, waited for and handed to the desk: from the link to the control plane, or asked for.
//! It must empty nothing because a server forgot, and must ask no server in step with other proxies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesher_client::{ClientError, ControlClient};
use mesher_model::key::KeyValue;
use mesher_model::rule::link::{KeyNews, KeyWish};

use super::desk::{CONFIG_CENTER, Desk, KIE};
use crate::backoff::Backoff;
use crate::bootstrap::{ConfigType, Identity};
use crate::status::Status;

/// How long a question to kie waits for a change.
const WAIT: Duration = Duration::from_secs(30);
/// The pause between two questions to kie: any change of a tenant may answer the next at once.
const PAUSE_KIE: Duration = Duration::from_millis(100);
/// The pause between two questions to a config-center, which never waits.
const PAUSE_CENTER: Duration = Duration::from_secs(5);
/// The revision of nothing.
const NO_REVISION: i64 = -1;
/// What a config-center is asked for at first.
const NO_ITEMS: &str = "null";
/// Types whose values are one text. Others hold many keys of an application.
const TEXT_TYPES: [&str; 4] = ["", "text", "string", "json"];

/// A configuration server that is asked for keys.
#[derive(Debug, Clone)]
pub(crate) struct KeySource {
    /// Of the server.
    pub(crate) client: ControlClient,
    /// What it speaks.
    pub(crate) speaks: ConfigType,
}

/// Go's words for labels, and Java's. Where both speak, Java's hold.
const SPELLINGS: [[&str; 2]; 2] = [["appId", "serviceName"], ["app", "service"]];

/// The labels that both spell alike.
const ENVIRONMENT: &str = "environment";
const VERSION: &str = "version";

/// Stands in the place of a service where config-center has the rules of a whole application, as Java Chassis reads them.
const DARK_LAUNCH: &str = "darklaunch";

/// How much of the configuration one question is about. The particular wins over the general.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All applications of an environment: config-center's scope `application`.
    Environment,
    /// An application, without a label for the environment: that of those which have none.
    Bare,
    /// An application in an environment.
    Application,
    /// A service, or the rules of its application, or a version.
    Service,
}

/// The parts of kie's configuration, the lower ones first.
const PARTS: [Question; 7] = [
    // It has no word that is spelled in two ways.
    Question { words: SPELLINGS[1], part: Part::Environment },
    Question { words: SPELLINGS[0], part: Part::Bare },
    Question { words: SPELLINGS[0], part: Part::Application },
    Question { words: SPELLINGS[0], part: Part::Service },
    Question { words: SPELLINGS[1], part: Part::Bare },
    Question { words: SPELLINGS[1], part: Part::Application },
    Question { words: SPELLINGS[1], part: Part::Service },
];

/// Reads keys for the life of the proxy.
pub(crate) async fn read(source: KeySource, status: Arc<Status>, desk: Desk) {
    if find_out(&source).await == ConfigType::ConfigCenter {
        return read_center(&source.client, &status, &desk).await;
    }
    for (rank, question) in PARTS.into_iter().enumerate() {
        let (client, status, desk) = (source.client.clone(), Arc::clone(&status), desk.clone());
        tokio::task::spawn_local(async move { question.ask_on(&client, &status, &desk, rank).await });
    }
}

/// What the server speaks.
async fn find_out(source: &KeySource) -> ConfigType {
    if source.speaks != ConfigType::Auto {
        return source.speaks;
    }
    let mut backoff = Backoff::default();
    loop {
        match speaks(&source.client).await {
            Ok(Some(found)) => return found,
            Ok(None) => tracing::warn!(
                "the configuration server speaks neither kie nor config-center; see MESHER_CONFIG_CENTER"
            ),
            Err(error) => tracing::debug!(%error, "the configuration server is away"),
        }
        tokio::time::sleep(backoff.failed(fastrand::f64())).await;
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

/// Keys as the link to the control plane brings them.
#[derive(Debug)]
pub(crate) struct LinkedKeys {
    own: Identity,
    memory: Memory,
}

impl LinkedKeys {
    pub(crate) fn new(own: Identity) -> Self {
        Self { own, memory: Memory::default() }
    }

    /// What the control plane is asked for.
    pub(super) fn wish(&self) -> KeyWish {
        let labels = PARTS.iter().flat_map(|part| part.label_sets(&self.own)).collect();
        KeyWish { project: self.own.project.clone(), labels }
    }

    /// Takes all keys as they stand now. Answers what of them cannot be used, where they are taken.
    pub(super) async fn take(&mut self, news: &KeyNews, desk: &Desk) -> Option<Vec<String>> {
        let parts = PARTS.map(|part| part.usable(&self.own, &news.keys));
        if self.memory.admits(parts.iter().all(BTreeMap::is_empty), news.revision) {
            return Some(desk.take_keys(KIE, parts.into_iter().enumerate()).await);
        }
        None
    }
}

/// What is remembered of a server's answers: one that lost its keys begins to count anew, and says nothing of them until
/// it has some.
#[derive(Debug)]
struct Memory {
    seen: i64,
    holds_any: bool,
    has_lost: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { seen: NO_REVISION, holds_any: false, has_lost: false }
    }
}

impl Memory {
    /// Whether an answer counts. One without keys does not, after the server lost them.
    fn admits(&mut self, is_empty: bool, revision: i64) -> bool {
        self.has_lost = is_empty && (self.has_lost || (self.holds_any && revision < self.seen));
        self.seen = revision;
        if self.has_lost {
            tracing::warn!("the configuration server knows no key any more; keeping those that hold");
        } else {
            self.holds_any = !is_empty;
        }
        !self.has_lost
    }
}

/// One part of kie's keys.
#[derive(Debug, Clone, Copy)]
struct Question {
    words: [&'static str; 2],
    part: Part,
}

impl Question {
    async fn ask_on(self, client: &ControlClient, status: &Status, desk: &Desk, rank: usize) {
        let own = &status.bootstrap.identity;
        let [app, service] = self.words;
        let (app, environment) = ((app, own.app.as_str()), (ENVIRONMENT, own.environment.as_str()));
        let labels = match self.part {
            Part::Environment => vec![environment],
            Part::Bare if own.environment.is_empty() => vec![app],
            Part::Bare => return,
            Part::Application => vec![app, environment],
            // With any environment and version: those that are ours are picked out of the answer.
            Part::Service => vec![app, (service, own.service.as_str())],
        };
        let (mut memory, mut backoff) = (Memory::default(), Backoff::default());
        loop {
            match client.keys(&labels, self.part != Part::Service, memory.seen, WAIT).await {
                Ok(Some(list)) => {
                    backoff.reset();
                    let keys = self.usable(own, &list.keys);
                    if memory.admits(keys.is_empty(), list.revision) {
                        status.keys_are(desk.take_keys(KIE, [(rank, keys)]).await);
                    }
                }
                Ok(None) => backoff.reset(),
                Err(error) => rest(&error, &mut backoff).await,
            }
            // Also where a server answers at once what it should have waited for.
            tokio::time::sleep(PAUSE_KIE).await;
        }
    }

    /// The sets of labels whose keys are about this very service.
    fn label_sets(self, own: &Identity) -> Vec<BTreeMap<String, String>> {
        let [app, service] = self.words;
        let app = (app, own.app.as_str());
        let environment = (ENVIRONMENT, own.environment.as_str());
        // No environment may be left out or be empty; another one has to be there.
        let (none, may_lack) = (Vec::new(), own.environment.is_empty());
        let environments = if may_lack { vec![vec![environment], none] } else { vec![vec![environment]] };
        let sets: Vec<Vec<(&str, &str)>> = match self.part {
            Part::Environment => environments,
            Part::Bare if may_lack => vec![vec![app]],
            Part::Bare => Vec::new(),
            Part::Application => vec![vec![app, environment]],
            Part::Service => {
                let (named, rules) = ((service, own.service.as_str()), (service, DARK_LAUNCH));
                let bases = [vec![app, named], vec![app, rules], vec![app, named, (VERSION, &own.version)]];
                environments
                    .iter()
                    .flat_map(|end| bases.clone().map(|base| [&base, &end[..]].concat()))
                    .collect()
            }
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        sets.into_iter().map(|set| set.into_iter().map(owned).collect()).collect()
    }

    /// The place of labels among those of one part: those of a version are above the rules of the application, and these
    /// above those of the service, as Java Chassis has it.
    fn level(self, labels: &BTreeMap<String, String>) -> u8 {
        let is_of_rules = labels.get(self.words[1]).is_some_and(|service| service == DARK_LAUNCH);
        if labels.contains_key(VERSION) { 2 } else { u8::from(is_of_rules) }
    }

    /// The keys that are about this very service, those with its version above the others, the newest last.
    fn usable(self, own: &Identity, keys: &[KeyValue]) -> BTreeMap<String, String> {
        let is_text = |key: &&KeyValue| TEXT_TYPES.contains(&key.value_type.to_lowercase().as_str());
        let sets = self.label_sets(own);
        let usable = keys.iter().filter(|key| key.is_enabled()).filter(is_text);
        let mut keys: Vec<_> = usable
            .filter_map(|key| Some((key, key.labels.as_ref().filter(|labels| sets.contains(labels))?)))
            .collect();
        keys.sort_by_key(|(key, labels)| (self.level(labels), key.update_time, key.update_revision));
        keys.into_iter().map(|(key, _)| (key.key.clone(), key.value.clone())).collect()
    }
}

/// Asks a config-center for what holds for this version.
async fn read_center(client: &ControlClient, status: &Status, desk: &Desk) {
    let Identity { app, service, version, environment, .. } = &status.bootstrap.identity;
    let whole = format!("{service}@{app}#{version}");
    // From the general to the particular.
    let dimensions =
        ["application".to_owned(), format!("{service}@{app}"), format!("{DARK_LAUNCH}@{app}"), whole.clone()];
    let (mut seen, mut backoff) = (NO_ITEMS.to_owned(), Backoff::default());
    loop {
        match client.items(&whole, environment, &seen).await {
            Ok(Some(mut list)) => {
                let parts =
                    dimensions.each_ref().map(|dimension| list.items.remove(dimension).unwrap_or_default());
                // What another server told a process before this one is gone with it.
                let parts = parts.into_iter().chain(std::iter::repeat(BTreeMap::new())).take(PARTS.len());
                let parts = parts.enumerate();
                status.keys_are(desk.take_keys(CONFIG_CENTER, parts).await);
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
