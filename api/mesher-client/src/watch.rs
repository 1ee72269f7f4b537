//! The registry's web socket for those who call others: it says when instances of what they call change.
//! It must not be relied on alone: what happened before it was open, or while it was broken, nobody tells.

use serde::Deserialize;

use crate::link::LinkEnd;
use crate::transport::escape;
use crate::web_socket::{self, Room, Socket};
use crate::{ClientError, ControlClient};

/// An event is one instance and some names.
const ROOM: Room = Room { read_buffer: 4 * 1024, message_max: 1024 * 1024 };

/// An open watch.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
}

/// What was heard of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Something changed about instances of this service.
    Changed {
        /// Its name.
        service: String,
    },
    /// A sign of life.
    Alive,
}

/// Source: Service Center v4, `WatchInstanceResponse`.
#[derive(Deserialize)]
struct Event {
    key: EventKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventKey {
    #[serde(default)]
    service_name: String,
}

impl ControlClient {
    /// Watches what the service of this id calls. A registry tells of those that it was asked for in its name.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn watch(&self, service_id: &str) -> Result<Watch, ClientError> {
        let project = self.transport.project();
        let path = format!("/v4/{project}/registry/microservices/{}/watcher", escape(service_id));
        Ok(Watch { socket: web_socket::open(&self.transport, path, ROOM).await? })
    }
}

impl Watch {
    /// Waits for what comes next. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// [`LinkEnd`]; the watch is of no use then. A registry that does not know the service says so in a text of its own.
    pub async fn next(&mut self) -> Result<Watched, LinkEnd> {
        let Some(text) = web_socket::next(&mut self.socket).await? else { return Ok(Watched::Alive) };
        match serde_json::from_str::<Event>(&text) {
            Ok(event) => Ok(Watched::Changed { service: event.key.service_name }),
            Err(_) => Err(LinkEnd::Garbage(text.chars().take(100).collect())),
        }
    }
}
