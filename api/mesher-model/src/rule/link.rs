//! What control plane and proxy say to each other on the native link, one JSON text for each message.
//! It must stay readable for adjacent releases: unknown members, kinds of resource and messages are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::{RuleKey, Target};
use crate::explain::{CallFilter, CallRow, Explanation, Question};
use crate::key::KeyValue;
use crate::mesh::ProxyRow;

/// The form of the messages. Another one is refused with the close code [`UNKNOWN_FORMAT`].
pub const FORMAT: u32 = 1;
/// The close code for a peer of another form (private use, RFC 6455 §7.4.2).
pub const UNKNOWN_FORMAT: u16 = 4002;
/// The longest message of a proxy, in bytes.
pub const PROXY_MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Services that one message of a proxy may name: the names of each may have three times 253 bytes.
pub const TARGETS_AT_ONCE_MAX: usize = 300;
/// Sets of labels that one proxy may ask for.
pub const KEY_LABELS_MAX: usize = 32;
/// The longest message of the control plane, in bytes.
pub const CONTROL_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// All of a limit that the whole mesh shares, in the parts that it is divided into.
pub const LIMIT_WHOLE: u32 = 1_000_000_000;
/// Limits that one message may name, and of which one proxy may tell.
pub const LIMITS_AT_ONCE_MAX: usize = 128;
/// The longest name of a limit within what is said about a service, in bytes: those of a document, of a part of it, and of
/// a service.
pub const LIMIT_NAME_BYTES_MAX: usize = 3 * 253 + 2;
/// How often a proxy tells what it wanted of a limit, while it wants any.
pub const DEMAND_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
/// How often the control plane asks whether the proxy is there, by a ping that both sides hear of.
pub const PING: std::time::Duration = std::time::Duration::from_secs(15);
/// How long a peer may be silent: three pings.
pub const SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(45);

/// What a proxy says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ProxySays {
    /// The first message.
    Hello {
        /// [`FORMAT`].
        format: u32,
        /// Who speaks.
        row: Box<ProxyRow>,
        /// The kinds of documents that it can use.
        kinds: Vec<String>,
        /// The services whose documents it wants; those that do not fit come with a further message.
        targets: Vec<Target>,
        /// The revision that it serves with; 0 for none.
        serving: u64,
        /// The history that this revision belongs to; empty for none.
        epoch: String,
        /// The keys that it wants to hear of as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<KeyWish>,
    },
    /// It wants the documents of more services. Answered by an update that names them.
    Subscribe {
        /// Those services.
        targets: Vec<Target>,
    },
    /// It serves with an update.
    Accepted {
        /// The update's.
        nonce: u64,
        /// The revision that it serves with now.
        serving: u64,
    },
    /// What it answers to a question.
    Told {
        /// The question's.
        number: u64,
        /// The answer.
        answer: Box<Told>,
    },
    /// It ends: its last word. Nobody is to wait for it.
    Goodbye,
    /// It does not serve with an update, and goes on with what it has.
    Refused {
        /// The update's.
        nonce: u64,
        /// The revision that it serves with.
        serving: u64,
        /// Why.
        reason: String,
    },
    /// What it wanted lately of limits that the whole mesh shares: every [`DEMAND_PAUSE`] while it wants any, and once when
    /// it has ceased to. Answered by [`ControlSays::Slices`].
    Demand {
        /// At most [`LIMITS_AT_ONCE_MAX`].
        limits: Vec<Demand>,
    },
    /// Something that another release says.
    #[serde(other)]
    Unknown,
}

/// What the control plane says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum ControlSays {
    /// Documents that changed, or all of those that were subscribed to.
    Update(Update),
    /// The keys that were asked for, all of them: after the hello, and after each change of one.
    Keys(KeyNews),
    /// Instances of a service that the proxy asked for changed: it had better look.
    Moved,
    /// Which parts of limits are its own from now on. They hold until others are told.
    Slices {
        /// Those that changed, or were asked for.
        slices: Vec<Slice>,
    },
    /// A question, answered by [`ProxySays::Told`].
    Ask {
        /// Names it in the answer.
        number: u64,
        /// The question.
        ask: Ask,
    },
    /// Something that another release says.
    #[serde(other)]
    Unknown,
}

/// What a proxy is asked. It sends nothing for it but what it would ask of a registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Ask {
    /// What would become of a call.
    Question(Question),
    /// What became of the call with this id.
    Call {
        /// The id, as people write it.
        id: String,
    },
    /// Which calls it remembers.
    Calls(CallFilter),
    /// Something that another release asks.
    #[serde(other)]
    Unknown,
}

/// What a proxy answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Told {
    /// Of a call, or of a question.
    Explanation(Box<Explanation>),
    /// Calls, newest first.
    Calls {
        /// Those calls.
        rows: Vec<CallRow>,
    },
    /// It knows nothing of it, and why.
    Nothing {
        /// A sentence.
        reason: String,
    },
    /// Something that another release answers.
    #[serde(other)]
    Unknown,
}

/// A limit that the whole mesh shares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LimitKey {
    /// What it is about: something that the proxy has subscribed to.
    pub target: Target,
    /// Its name there, at most [`LIMIT_NAME_BYTES_MAX`].
    pub limit: String,
}

/// What a proxy wants of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The limit.
    #[serde(flatten)]
    pub key: LimitKey,
    /// The calls that it counted, let them pass or not, in parts of [`LIMIT_WHOLE`] of what the limit allows in that time.
    pub wanted: u64,
    /// Among how many proxies the limit was divided when it last heard of it; 0 where it never has.
    #[serde(default)]
    pub proxies: u32,
}

/// The part of a limit that is one proxy's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// The limit.
    #[serde(flatten)]
    pub key: LimitKey,
    /// In parts of [`LIMIT_WHOLE`].
    pub parts: u32,
    /// Among how many proxies it is divided.
    pub proxies: u32,
}

/// One delivery. It is taken as a whole or not at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Names this delivery in the answer to it.
    pub nonce: u64,
    /// Names the history that revisions belong to: one that was restored from a backup has another.
    pub epoch: String,
    /// Up to where it tells.
    pub revision: u64,
    /// The services of which it brings everything; what is held of them and is not here is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Whether the control plane has any document at all. One that has none empties nothing.
    #[serde(default)]
    pub is_empty: bool,
    /// Documents as they stand now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Resource>,
    /// Documents that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<RemovedResource>,
}

/// Which keys a proxy wants to hear of: those under exactly these labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyWish {
    /// The project that they stand in.
    pub project: String,
    /// Sets of labels, at most [`KEY_LABELS_MAX`].
    pub labels: Vec<BTreeMap<String, String>>,
}

/// Keys as they stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyNews {
    /// The number of the last change of any key.
    pub revision: i64,
    /// All that were asked for and may be seen.
    pub keys: Vec<KeyValue>,
}

/// A document on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its kind. Whoever does not know it passes it over.
    pub kind: String,
    /// The revision that it was last changed at.
    pub revision: u64,
    /// The document itself.
    pub document: Value,
}

/// A document that is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemovedResource {
    /// Its kind.
    pub kind: String,
    /// Its environment.
    pub env: String,
    /// Its application.
    pub app: String,
    /// Its name.
    pub name: String,
    /// The revision up to which that is so.
    pub revision: u64,
}

impl RemovedResource {
    /// What is said of a removed document.
    #[must_use]
    pub fn new(key: &RuleKey, revision: u64) -> Self {
        Self {
            kind: key.kind.to_string(),
            env: key.environment.clone(),
            app: key.application.clone(),
            name: key.name.clone(),
            revision,
        }
    }
}
