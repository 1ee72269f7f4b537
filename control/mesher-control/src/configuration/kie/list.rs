//! The list of records, at once or once something changes: `GET …/kie/kv`.
//! It must miss no change between a look and the wait, nor one in the last moment of a wait.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mesher_config::{ConfigError, Found, KeyPattern, Labels, Page, Query, Status, Tenant, Topic};
use tokio::time::Instant;

use super::duration;
use super::view::{Many, View};
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::polls::{Asked as Polled, Poll, RECORDS_MAX, Told};
use crate::configuration::refused::Refused;

/// Carries the number of the domain's last change.
const REVISION_HEADER: HeaderName = HeaderName::from_static("x-kie-revision");
/// Names a session; its last poll is remembered.
const SESSION_HEADER: &str = "x-session-id";
const SESSION_GROUP_HEADER: &str = "x-session-group";
/// The longest text of a session that is remembered, in bytes.
const SESSION_TEXT_MAX: usize = 256;
/// The longest wait. The original's value.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// The largest page. The original's value.
const LIMIT_MAX: usize = 100;

/// What a caller asks for.
struct Asked {
    query: Query,
    /// The number that he was last told.
    known: Option<i64>,
    wait: Option<Duration>,
}

/// `GET /kie/kv`
pub(super) async fn list(call: Call) -> Outcome {
    let asked = Asked::read(&call)?;
    let tenant = call.tenant()?;
    let seen = match (asked.known, asked.wait) {
        (None, None) => Seen::News(look(&call, tenant, &asked.query)),
        (Some(known), None) => look_for_news(&call, tenant, &asked.query, known),
        (known, Some(wait)) => {
            let seen = wait_for_news(&call, tenant, &asked.query, (known, wait)).await?;
            // He may have lost his permission meanwhile.
            call.check_token()?;
            seen
        }
    };
    remember(&call, tenant, seen.found())?;
    Ok(seen.show(&call))
}

/// What a look found for a caller who knows something.
enum Seen {
    /// Something that he does not know.
    News(Found),
    /// Nothing; the number of the domain's last change.
    Same(u64),
}

impl Seen {
    const fn found(&self) -> Option<&Found> {
        match self {
            Self::News(found) => Some(found),
            Self::Same(_) => None,
        }
    }

    /// The number stands in a 304, too: one SDK takes the least of the numbers that several lists bring, and would pass
    /// over a change of one whose answer brings none.
    fn show(&self, call: &Call) -> Response {
        let (mut answer, revision) = match self {
            Self::News(found) => (call.answer(&Many::of(found, View::short)), found.revision),
            Self::Same(revision) => (StatusCode::NOT_MODIFIED.into_response(), *revision),
        };
        answer.headers_mut().insert(REVISION_HEADER, HeaderValue::from(revision));
        answer
    }
}

impl Asked {
    fn read(call: &Call) -> Result<Self, Refused> {
        let key = Some(call.parameter("key")).filter(|key| !key.is_empty());
        let value = Some(call.parameter("value")).filter(|value| !value.is_empty());
        let status = match call.parameter("status") {
            "" => None,
            word => Some(Status::parse(word).ok_or_else(|| Refused::invalid("status: enabled or disabled"))?),
        };
        let query = Query {
            topic: Topic::new(labels(call)?, call.parameter("match") == "exact")?,
            key: key.map(KeyPattern::parse),
            value: value.map(str::to_owned),
            status,
            page: page(call)?,
        };
        let wait = wait(call.parameter("wait"))?;
        if wait.is_some() && query.key.is_some() {
            return Err(Refused::invalid("can not accept key params, when using wait"));
        }
        Ok(Self { query, known: known(call.parameter("revision"))?, wait })
    }
}

fn labels(call: &Call) -> Result<Labels, Refused> {
    let mut labels = Labels::default();
    for pair in call.parameters("label") {
        let bad = || Refused::invalid("label: a name, a colon and a value; no name with two values");
        let (name, value) = pair.split_once(':').ok_or_else(bad)?;
        if labels.set(name, value).is_some_and(|before| before != value) {
            return Err(bad());
        }
    }
    Ok(labels)
}

/// The part of a list that a call asks for.
pub(super) fn page(call: &Call) -> Result<Page, Refused> {
    let limit = match call.parameter("limit") {
        "" => None,
        text => {
            let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
            Some(limit.ok_or_else(|| Refused::invalid("invalid limit number"))?)
        }
    };
    let offset = match call.parameter("offset") {
        "" => 0,
        text => text.parse().map_err(|_| Refused::invalid("invalid offset number"))?,
    };
    Ok(Page { offset, limit })
}

fn known(text: &str) -> Result<Option<i64>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Refused::invalid("revision param must be a number"))
}

fn wait(text: &str) -> Result<Option<Duration>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    let wait =
        duration::parse(text).ok_or_else(|| Refused::invalid(format!("time: invalid duration {text:?}")))?;
    if wait > WAIT_MAX {
        let form = "wait param should be formed with number and time unit like 5s,100ms, and less than 5m"
            .to_owned();
        return Err(ConfigError::Wait(form).into());
    }
    Ok(Some(wait))
}

fn look(call: &Call, tenant: Tenant<'_>, query: &Query) -> Found {
    call.control()
        .look_at_config(|configuration| configuration.keys().find(tenant, query, |record| call.sees(record)))
}

fn look_for_news(call: &Call, tenant: Tenant<'_>, query: &Query, known: i64) -> Seen {
    call.control().look_at_config(|configuration| {
        let keys = configuration.keys();
        if keys.has_news(tenant, &query.topic, known) {
            Seen::News(keys.find(tenant, query, |record| call.sees(record)))
        } else {
            Seen::Same(keys.revision(tenant.domain()))
        }
    })
}

/// Waits for a change. Who names no number waits for the next one.
async fn wait_for_news(
    call: &Call,
    tenant: Tenant<'_>,
    query: &Query,
    (known, wait): (Option<i64>, Duration),
) -> Result<Seen, Refused> {
    let control = call.control();
    let deadline = Instant::now() + wait;
    let waiter = control.waiters().join(tenant, &query.topic, call.account())?;
    let known = known.unwrap_or_else(|| {
        let revision = control.look_at_config(|configuration| configuration.keys().revision(tenant.domain()));
        i64::try_from(revision).unwrap_or(i64::MAX)
    });
    let mut closing = control.watchers.closing();
    loop {
        // Had before the look: a change in between is told.
        let told = waiter.told();
        let seen = look_for_news(call, tenant, query, known);
        if seen.found().is_some() || Instant::now() >= deadline {
            return Ok(seen);
        }
        let ended = async { drop(closing.wait_for(|is_closing| *is_closing).await) };
        tokio::select! {
            () = told => {}
            // The look after this one is the last.
            () = tokio::time::sleep_until(deadline) => {}
            () = ended => return Ok(seen),
        }
    }
}

/// Keeps the poll of a caller who names a session.
fn remember(call: &Call, tenant: Tenant<'_>, found: Option<&Found>) -> Result<(), Refused> {
    let (session, group) = (call.header(SESSION_HEADER)?, call.header(SESSION_GROUP_HEADER)?);
    if session.is_empty() {
        return Ok(());
    }
    let short = |text: &str| -> String { text.chars().take(SESSION_TEXT_MAX).collect() };
    let told = found.into_iter().flat_map(|found| &found.records).take(RECORDS_MAX);
    call.control().polls.remember(Poll {
        session_id: short(session),
        session_group: short(group),
        domain: tenant.domain().to_owned(),
        project: tenant.project().to_owned(),
        polling_data: Polled {
            revision: call.parameter("revision").to_owned(),
            wait: call.parameter("wait").to_owned(),
            labels: call.parameters("label").map(str::to_owned).collect(),
        },
        ip: call.address(),
        user_agent: short(call.user_agent()),
        url_path: format!("GET {}", call.path()),
        response_code: found.map_or(StatusCode::NOT_MODIFIED, |_| StatusCode::OK).as_u16(),
        response_body: told
            .map(|record| Told {
                id: record.id.clone(),
                key: record.key.clone(),
                update_revision: record.update_revision,
            })
            .collect(),
        timestamp: call.control().now_moment().unix.as_secs(),
    });
    Ok(())
}
