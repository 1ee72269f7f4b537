//! Handlers of one's own: what a crate outside of this workspace writes to look at calls, change them, or refuse them.
//! It must show no inside of the proxy: what stands here holds from one release to the next, until [`VERSION`] changes.
//!
//! ```
//! use mesher_proxy::handler::{Call, Handler, Refusal, Registration};
//!
//! /// Lets nobody in who does not say for which team.
//! struct Team;
//!
//! impl Handler for Team {
//!     fn request(&self, call: &mut Call<'_>) -> Result<(), Refusal> {
//!         match call.field("x-team") {
//!             Some(_) => Ok(()),
//!             None => Err(Refusal::new(403, "say for which team you call: x-team")),
//!         }
//!     }
//! }
//!
//! // mesher::main_with(vec![Registration::new("team", || Box::new(Team))])
//! # let _ = Registration::new("team", || Box::new(Team));
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mesher_model::rule::{FieldFault, check_field_name, check_field_value};
use mesher_traffic::HeadView;

use crate::request::invocation::{Code, Direction as Way, Invocation, Outcome};
use crate::worker::Worker;

/// The version of what stands here. It changes where a handler has to be changed for a release.
pub const VERSION: u32 = 1;

/// A handler. There is one for each worker thread: it needs no lock, and what it remembers is of that worker's calls alone.
///
/// Its methods are called on the path of every call that passes it, and must not wait for anything. Bodies are streamed past
/// it; it sees none.
pub trait Handler {
    /// Sees a call on its way down the chain, once, whatever tries it takes. An error answers the call.
    ///
    /// # Errors
    /// What the caller gets in place of an answer.
    fn request(&self, _call: &mut Call<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// Sees what came of a try on its way up: the status of an answer, or the word for what failed.
    fn response(&self, _call: &Call<'_>, _reply: Reply) {}

    /// Sees how the call ended, once.
    fn finish(&self, _ended: &Ended<'_>) {}
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A call of the local application.
    Consumer,
    /// A call to the local application.
    Provider,
}

/// A call on its way.
pub struct Call<'c> {
    invocation: &'c mut Invocation,
    head: Option<&'c dyn HeadView>,
    worker: &'c Worker,
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Call").field("id", &self.id()).field("service", &self.service()).finish()
    }
}

impl<'c> Call<'c> {
    pub(crate) fn new(
        worker: &'c Worker,
        invocation: &'c mut Invocation,
        head: Option<&'c dyn HeadView>,
    ) -> Self {
        Self { invocation, head, worker }
    }

    /// What names the call in answers, in logs and for `mesher explain`.
    #[must_use]
    pub fn id(&self) -> String {
        self.invocation.id.to_string()
    }

    /// Whose call it is.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.invocation.direction {
            Way::Outbound => Direction::Consumer,
            Way::Inbound => Direction::Provider,
        }
    }

    /// The service that is called, or the host outside of the mesh.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.invocation.cluster().name
    }

    /// The service that calls, as far as it is known; nobody has proved it.
    #[must_use]
    pub fn caller(&self) -> &str {
        match self.invocation.direction {
            Way::Outbound => &self.worker.shared.bootstrap.identity.service,
            Way::Inbound => self.invocation.caller.as_deref().unwrap_or_default(),
        }
    }

    /// The method; `None` for a flow of bytes.
    #[must_use]
    pub fn method(&self) -> Option<&[u8]> {
        Some(self.head?.message()?.method)
    }

    /// The path, as it was sent, and behind a `?` the query; `None` for a flow of bytes.
    #[must_use]
    pub fn path_and_query(&self) -> Option<&[u8]> {
        Some(self.head?.message()?.path_and_query)
    }

    /// The first value of a header field, whose name is compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Vec<u8>> {
        let (name, mut first) = (name.to_ascii_lowercase(), None);
        self.head?.any_field(&name, &mut |value| {
            first = Some(value.to_vec());
            true
        });
        first
    }

    /// Puts a header field in place of all of its name. It holds for every try.
    ///
    /// # Errors
    /// [`FieldFault`], where no field can be that, or the mesh writes it itself.
    pub fn set_field(&mut self, name: &str, value: &str) -> Result<(), FieldFault> {
        self.remove_field(name)?;
        check_field_value(value)?;
        let edits = self.invocation.edits.get_or_insert_default();
        edits.added.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        edits.added.push((name.into(), value.into()));
        Ok(())
    }

    /// Leaves out all header fields of a name.
    ///
    /// # Errors
    /// As [`Self::set_field`].
    pub fn remove_field(&mut self, name: &str) -> Result<(), FieldFault> {
        check_field_name(name)?;
        let edits = self.invocation.edits.get_or_insert_default();
        if !edits.left_out.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            edits.left_out.push(name.into());
        }
        Ok(())
    }
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// An answer with this status.
    Status(u16),
    /// A flow of bytes was connected.
    Connected,
    /// It failed; the word is that of the metric `mesher_failures_total`.
    Failed(&'static str),
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'e> {
    /// What names it.
    pub id: &'e str,
    /// The service that was called.
    pub service: &'e str,
    /// The status that the caller got; `None` where it got none.
    pub status: Option<u16>,
    /// What failed, as a word, where something did.
    pub failure: Option<&'static str>,
    /// From the arrival of the call to its end.
    pub elapsed: Duration,
}

impl<'e> Ended<'e> {
    pub(crate) fn new(id: &'e str, call: &'e Invocation, outcome: &Outcome, elapsed: Duration) -> Self {
        let status = match outcome.code {
            Code::Status(status) => Some(status),
            _ => None,
        };
        let failure = outcome.failure.map(|(_, kind)| kind.as_str());
        Self { id, service: &call.cluster().name, status, failure, elapsed }
    }
}

/// Why a call gets no answer but this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: u16,
    pub(crate) detail: String,
}

impl Refusal {
    /// A status from 400 to 599, and a sentence for the caller that says how to mend it. Another status becomes 403.
    #[must_use]
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        let status = if matches!(status, 400..=599) { status } else { 403 };
        Self { status, detail: detail.into() }
    }
}

/// Makes the handler of a worker.
type Make = Arc<dyn Fn() -> Box<dyn Handler> + Send + Sync>;

/// A handler that a build brings along. It stands in a chain where the setting `handlers` puts it.
#[derive(Clone)]
pub struct Registration {
    pub(crate) name: &'static str,
    pub(crate) make: Make,
}

impl Registration {
    /// A handler under the name by which settings, metrics and explanations know it: lower-case letters, digits, `_` and `-`.
    #[must_use]
    pub fn new(name: &'static str, make: impl Fn() -> Box<dyn Handler> + Send + Sync + 'static) -> Self {
        Self { name, make: Arc::new(make) }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Registration").field("name", &self.name).finish_non_exhaustive()
    }
}
