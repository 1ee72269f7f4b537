//! Calls that stay with one instance.
//! They must name sessions as Java Chassis ends them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mesher_model::rule::Sticky;

use crate::balance::{CallerSession, HashKey, Persistence, SessionToken};
use crate::{CallView, Caller, HeadView, Message};

const IDLE: Option<Duration> = Some(Duration::from_secs(30));
const FAILURES: Option<u32> = Some(5);

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_caller_stays_until_it_was_idle_for_too_long() {
    let session = CallerSession::default();
    assert_eq!(session.stays(at(1), IDLE, FAILURES), None);
    session.uses(at(1), 7);
    session.uses(at(31), 7);
    assert_eq!(session.stays(at(61), IDLE, FAILURES), Some(7), "each use begins the time anew");
    assert_eq!(session.stays(Duration::from_millis(61_001), IDLE, FAILURES), None);
    assert_eq!(session.stays(at(600), None, FAILURES), Some(7));
    // Another worker's clock was read earlier.
    assert_eq!(session.stays(at(30), IDLE, FAILURES), Some(7));
}

#[test]
fn a_caller_leaves_after_failures_one_after_the_other() {
    let session = CallerSession::default();
    session.uses(at(1), 0);
    (0..4).for_each(|_| session.ended(0, true));
    assert_eq!(session.stays(at(2), IDLE, FAILURES), Some(0));
    session.ended(0, false);
    (0..4).for_each(|_| session.ended(0, true));
    assert_eq!(session.stays(at(2), IDLE, FAILURES), Some(0), "an answer begins the count anew");
    session.ended(9, true);
    assert_eq!(session.stays(at(2), IDLE, FAILURES), Some(0), "failures of others do not count");
    session.ended(0, true);
    assert_eq!(session.stays(at(2), IDLE, FAILURES), None);
    assert_eq!(session.stays(at(2), IDLE, None), Some(0));
    session.uses(at(2), 1);
    assert_eq!(session.stays(at(2), IDLE, FAILURES), Some(1), "the next one begins without failures");
}

struct Head<'a>(&'a [(&'a str, &'a str)], IpAddr);

impl HeadView for Head<'_> {
    fn message(&self) -> Option<Message<'_>> {
        Some(Message { method: b"GET", path_and_query: b"/a?user=jason" })
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().filter(|(known, _)| *known == name).any(|(_, value)| holds(value.as_bytes()))
    }

    fn each_name(&self, _: &mut dyn FnMut(&[u8])) {}

    fn address(&self) -> Option<IpAddr> {
        Some(self.1)
    }
}

fn with<R>(fields: &[(&str, &str)], address: &str, use_it: impl FnOnce(&CallView<'_>) -> R) -> R {
    let properties = BTreeMap::new();
    let caller = Caller { service: "webapp", application: "default", version: "1", properties: &properties };
    use_it(&CallView { head: &Head(fields, address.parse().unwrap()), caller })
}

#[test]
fn a_cookie_or_a_header_names_an_instance_without_its_address() {
    let token = SessionToken::of("10.0.0.1:8080");
    let text = token.to_string();
    assert_eq!(text.len(), 16);
    let cookie = Persistence::Cookie { name: "session".into(), lifetime: None };
    let header = Persistence::Header { name: "x-session".into() };
    assert_eq!(
        cookie.field(token),
        Some(("set-cookie", format!("session={text}; Path=/; HttpOnly; SameSite=Lax")))
    );
    let lasting = Persistence::Cookie { name: "session".into(), lifetime: Some(at(3600)) };
    assert!(lasting.field(token).unwrap().1.ends_with("; Max-Age=3600"));
    assert_eq!(header.field(token), Some(("x-session", text.clone())));
    let sent = format!("a=1; session={text}; b=2");
    with(&[("cookie", &sent), ("x-session", &text)], "::1", |call| {
        assert_eq!(cookie.asked(call), Some(token));
        assert_eq!(header.asked(call), Some(token));
    });
    for strange in ["", "1", "zzzzzzzzzzzzzzzz", "+123456789abcdef", "0123456789abcdef0", "ABCDEF0123456789"]
    {
        with(&[("x-session", strange)], "::1", |call| assert_eq!(header.asked(call), None, "{strange:?}"));
    }
}

#[test]
fn keys_come_from_fields_cookies_parameters_and_addresses() {
    let key = |sticky: Sticky| HashKey::of_value(&sticky);
    let (header, cookie, parameter) = (
        Sticky::Header("X-User".to_owned()),
        Sticky::Cookie("user".to_owned()),
        Sticky::QueryParam("user".to_owned()),
    );
    let fields = [("x-user", "jason"), ("cookie", "user=jason")];
    let numbers = with(&fields, "10.0.0.1", |call| {
        [key(header.clone()).number(call), key(cookie).number(call), key(parameter).number(call)]
    });
    assert!(numbers[0].is_some() && numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    let address = HashKey::of_address();
    let of = |text| with(&[], text, |call| address.number(call));
    assert_eq!(of("10.0.0.1"), of("::ffff:10.0.0.1"), "an address in the clothes of IPv6 is the same");
    assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    with(&[], "::1", |call| assert_eq!(key(header).number(call), None));
}
