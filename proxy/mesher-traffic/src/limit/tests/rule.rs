//! Limits of documents: which calls they count, whose count it is, and that all of them have to agree.
//! They must charge nobody for a call that does not pass.

use std::net::IpAddr;
use std::time::Duration;

use mesher_model::rule::Document;
use mesher_model::rule::link::LIMIT_WHOLE;

use super::Draws;
use crate::limit::{Counter, Limits, check, look};
use crate::{CallView, Caller, HeadView, Message, Policy};

struct Head {
    path: &'static str,
    fields: Vec<(&'static str, &'static str)>,
}

impl HeadView for Head {
    fn message(&self) -> Option<Message<'_>> {
        Some(Message { method: b"GET", path_and_query: self.path.as_bytes() })
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().any(|(known, value)| *known == name && holds(value.as_bytes()))
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.fields.iter().for_each(|(name, _)| see(name.as_bytes()));
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }
}

fn hash(text: &[u8]) -> u64 {
    text.iter().fold(7, |hash, byte| Draws(hash ^ u64::from(*byte)).next())
}

fn policy(limits: &str) -> Policy {
    let document = format!(
        r#"{{"apiVersion": "mesher/v1", "kind": "RateLimit", "metadata": {{"name": "calm"}},
            "spec": {{"service": "calculator", "limits": {limits}}}}}"#
    );
    let document: Document = serde_json::from_str(&document).unwrap();
    Policy::compile([&document]).unwrap()
}

fn limits(policy: &Policy, before: Option<&Limits>) -> Limits {
    Limits::new(policy.limits.as_ref().unwrap(), before, Counter::new)
}

/// How many of `count` calls pass at once.
fn pass(limits: &Limits, (caller, head): (&str, &Head), count: usize) -> usize {
    let call = CallView { head, caller: Caller::named(caller) };
    let now = Duration::from_secs(100);
    (0..count).filter(|_| check(limits, &call, &hash, now).is_ok()).count()
}

fn head(path: &'static str) -> Head {
    Head { path, fields: Vec::new() }
}

#[test]
fn every_limit_has_to_let_a_call_pass_and_none_is_charged_for_one_that_does_not() {
    let policy = policy(
        r#"[{"name": "all", "requests": 10}, {"name": "slow", "matches": [{"path": {"value": "/slow"}}], "requests": 2}]"#,
    );
    let limits = limits(&policy, None);
    assert_eq!(pass(&limits, ("webapp", &head("/slow/a")), 5), 2);
    // Two of ten are spent, and not five.
    assert_eq!(pass(&limits, ("webapp", &head("/quick")), 20), 8);
    let call = CallView { head: &head("/slow"), caller: Caller::named("webapp") };
    let now = Duration::from_secs(100);
    let denial = check(&limits, &call, &hash, now).unwrap_err();
    assert_eq!(&*denial.rule, "RateLimit calm, limit all");
    assert_eq!((denial.policy.as_str(), denial.standing.as_str()), ("\"all\";q=10;w=1", "\"all\";r=0;t=1"));
    assert_eq!(denial.retry_after, Duration::from_millis(100));
    let told: Vec<_> = look(&limits, &call, &hash, now)
        .iter()
        .map(|(entry, standing)| (entry.item.to_string(), standing.remaining))
        .collect();
    assert_eq!(told, [("10 requests in 1s".to_owned(), 0), ("2 requests in 1s".to_owned(), 0)]);
}

#[test]
fn each_caller_and_each_value_has_the_limit_for_itself() {
    let policy = policy(
        r#"[{"name": "each", "requests": 3, "per": "Caller"}, {"name": "users", "requests": 2, "per": {"header": "X-User"}}]"#,
    );
    let limits = limits(&policy, None);
    let user = |name| Head { path: "/", fields: vec![("x-user", name)] };
    assert_eq!(pass(&limits, ("webapp", &user("jason")), 5), 2);
    assert_eq!(pass(&limits, ("webapp", &user("ann")), 5), 1, "its caller has one left");
    assert_eq!(pass(&limits, ("shop", &user("ann")), 5), 1, "she has one left");
    assert_eq!(pass(&limits, ("shop", &head("/")), 5), 2, "those without a value count together");
}

#[test]
fn a_limit_that_says_the_same_goes_on_counting() {
    let of = |requests: u32| {
        policy(&format!(r#"[{{"name": "a", "requests": 3}}, {{"name": "b", "requests": {requests}}}]"#))
    };
    let first = limits(&of(1000), None);
    assert_eq!(pass(&first, ("webapp", &head("/")), 2), 2);
    let second = limits(&of(2000), Some(&first));
    assert_eq!(pass(&second, ("webapp", &head("/")), 9), 1);
}

#[test]
fn a_limit_of_the_mesh_has_a_name_and_a_share() {
    let policy = policy(r#"[{"name": "all", "requests": 80, "scope": "Mesh"}]"#);
    let limits = limits(&policy, None);
    let (entry, counter) = limits.all().next().unwrap();
    let key = entry.item.mesh.as_ref().unwrap();
    assert_eq!((key.target.service.as_str(), key.limit.as_str()), ("provider:calculator", "calm/all"));
    let Counter::Shared(share) = &**counter else { panic!("no share") };
    assert_eq!(share.parts(), LIMIT_WHOLE / 8);
    assert_eq!(pass(&limits, ("webapp", &head("/")), 50), 10);
    assert_eq!(share.take_asked(), 50);
}
