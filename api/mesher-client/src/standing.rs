//! What is remembered of the addresses: which one answered last, for which control plane, and which are left alone.
//! It must remember nothing of what was answered, and must send nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::fmt::rfc2822;
use mesher_model::CLUSTER_HEADER;
use tokio::time::Instant;

use crate::REST_MAX;

/// The longest id of a control plane, in bytes. A longer one is none.
const CLUSTER_BYTES_MAX: usize = 64;

/// How the addresses stand. They are named by their place in the list.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// The address that answered last; the next call begins there.
    preferred: usize,
    /// The control plane that is spoken with, and the address that answered for it last.
    cluster: Option<(usize, HeaderValue)>,
    /// Addresses that asked to be left alone, and until when they are.
    rests: BTreeMap<usize, Instant>,
}

impl Standing {
    /// The address that is asked first.
    pub(crate) fn preferred(&self) -> usize {
        self.held().preferred
    }

    /// How long an address is still left alone.
    pub(crate) fn rest(&self, index: usize) -> Option<Duration> {
        let until = self.held().rests.get(&index).copied()?;
        Some(until.saturating_duration_since(Instant::now())).filter(|rest| !rest.is_zero())
    }

    /// The address in use and its control plane, where this answer of an address is of another one. The address itself may
    /// be another than it was: it was restarted without data, or restored. An answer without an id is an original
    /// registry's, and is compared with nothing.
    pub(crate) fn differing(
        &self,
        index: usize,
        cluster: Option<&HeaderValue>,
    ) -> Option<(usize, HeaderValue)> {
        let known = self.held().cluster.clone();
        known
            .zip(cluster)
            .filter(|((at, known), cluster)| *at != index && known != *cluster)
            .map(|(known, _)| known)
    }

    /// An address answered with this head: whether it wants to be left alone.
    pub(crate) fn heard(&self, index: usize, status: StatusCode, head: &HeaderMap) {
        let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let rest = Some(head).filter(|_| asks).and_then(|head| retry_after(head, SystemTime::now()));
        // An answer to what was sent before, or to what was urgent, ends no rest.
        if let Some(rest) = rest {
            self.held().rests.insert(index, Instant::now() + rest);
        }
    }

    /// The answer of an address counts.
    pub(crate) fn answered(&self, index: usize, cluster: Option<HeaderValue>) {
        let mut held = self.held();
        held.preferred = index;
        if let Some(cluster) = cluster {
            held.cluster = Some((index, cluster));
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing here is left half-changed by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The control plane that an answer comes from.
pub(crate) fn cluster(head: &HeaderMap) -> Option<HeaderValue> {
    let cluster = head.get(CLUSTER_HEADER)?;
    let is_id = (1..=CLUSTER_BYTES_MAX).contains(&cluster.len()) && cluster.to_str().is_ok();
    is_id.then(|| cluster.clone())
}

/// An id as a message shows it.
pub(crate) fn shown(cluster: Option<&HeaderValue>) -> String {
    cluster.and_then(|cluster| cluster.to_str().ok()).unwrap_or_default().to_owned()
}

/// How long the next question is to wait (RFC 9110 §10.2.3): seconds, or a date, which is compared with the answer's own
/// where that has one, since clocks differ.
fn retry_after(head: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = head.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = if is_number {
        // More digits than fit are more than the most.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let said_at = head.get(DATE).and_then(|date| moment(date.to_str().ok()?)).unwrap_or(now);
        moment(text)?.duration_since(said_at).unwrap_or_default()
    };
    Some(rest.min(REST_MAX))
}

/// An HTTP date in the only form that is written today (RFC 9110 §5.6.7).
fn moment(text: &str) -> Option<SystemTime> {
    let seconds = rfc2822::parse(text.trim()).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn head(fields: &[(http::HeaderName, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn rg_09_a_rest_is_read_as_seconds_or_as_a_date_and_is_bounded() {
        let now = moment(DAY).unwrap();
        let rest = |text: &str| retry_after(&head(&[(RETRY_AFTER, text)]), now).map(|rest| rest.as_secs());
        for (text, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("3600", Some(60)),
            ("99999999999999999999999", Some(60)),
            ("Sun, 06 Nov 1994 08:49:42 GMT", Some(5)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:00 GMT", Some(60)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 99 Nov 1994 08:49:42 GMT", None),
        ] {
            assert_eq!(rest(text), seconds, "{text:?}");
        }
        let later = now + Duration::from_secs(1_000_000);
        let with_date = head(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:42 GMT"), (DATE, DAY)]);
        assert_eq!(
            retry_after(&with_date, later),
            Some(Duration::from_secs(5)),
            "by the clock of who said it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rg_09_a_rest_ends_by_itself() {
        let standing = Standing::default();
        let busy = head(&[(RETRY_AFTER, "30")]);
        for status in [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR] {
            standing.heard(0, status, &busy);
            assert_eq!(standing.rest(0), None, "{status}");
        }
        standing.heard(0, StatusCode::TOO_MANY_REQUESTS, &busy);
        assert_eq!((standing.rest(0), standing.rest(1)), (Some(Duration::from_secs(30)), None));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(standing.rest(0), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(standing.rest(0), None);
        standing.heard(0, StatusCode::SERVICE_UNAVAILABLE, &busy);
        standing.heard(0, StatusCode::OK, &HeaderMap::new());
        assert!(standing.rest(0).is_some(), "an answer to what was sent before says nothing of it");
    }

    #[test]
    fn rg_16_an_id_is_short_and_can_be_shown() {
        let found = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).unwrap();
            cluster(&HeaderMap::from_iter([(http::HeaderName::from_static(CLUSTER_HEADER), value)]))
        };
        assert!(found(b"1f").is_some() && found(&[b'x'; CLUSTER_BYTES_MAX]).is_some());
        assert!(found(b"").is_none() && found(&[0xff]).is_none() && found(&[b'x'; 65]).is_none());
    }
}
