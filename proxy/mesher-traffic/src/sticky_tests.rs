//! Who stays on which side, as weights move.
//! They must hold for every value and every pair of weights, not for one example.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mesher_model::rule::Document;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sticky::place_of;
use crate::{CallView, Caller, HeadView, Message, Policy};

/// A request with a target and fields.
struct Head<'a> {
    target: &'a str,
    fields: &'a [(&'a str, &'a str)],
}

impl HeadView for Head<'_> {
    fn message(&self) -> Option<Message<'_>> {
        Some(Message { method: b"GET", path_and_query: self.target.as_bytes() })
    }

    fn any_field(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.iter().filter(|(known, _)| *known == name).any(|(_, value)| holds(value.as_bytes()))
    }

    fn each_name(&self, see: &mut dyn FnMut(&[u8])) {
        self.fields.iter().for_each(|(name, _)| see(name.as_bytes()));
    }

    fn address(&self) -> Option<IpAddr> {
        None
    }
}

fn policy(sticky: &Value, weights: &[u32]) -> Policy {
    let backends: Vec<_> = weights
        .iter()
        .enumerate()
        .map(|(version, weight)| json!({"subset": {"version": version.to_string()}, "weight": weight}))
        .collect();
    let document: Document = serde_json::from_value(json!({
        "apiVersion": "mesher/v1", "kind": "Route", "metadata": {"name": "r"},
        "spec": {"service": "shop", "rules": [{"sticky": sticky, "backends": backends}]},
    }))
    .unwrap();
    Policy::compile([&document]).unwrap()
}

/// The backend that takes a call, as a place among those with a weight; the count is the last thing that is asked.
fn taker(policy: &Policy, target: &str, fields: &[(&str, &str)], count: u32) -> u16 {
    let properties = BTreeMap::new();
    let caller = Caller { service: "webapp", application: "default", version: "1", properties: &properties };
    let head = Head { target, fields };
    let view = CallView { head: &head, caller };
    policy.route.as_ref().unwrap().choose(&view, |_| count).unwrap().subset
}

/// Fixed for good: whoever changes this sends users to the other side with an update.
#[test]
fn a_value_has_its_place_for_good() {
    assert_eq!(place_of(b"jason"), 0x06b9_a6ea_cd7a_77b9);
    assert_eq!(place_of(b""), 0xe3b0_c442_98fc_1c14);
}

#[test]
fn calls_with_one_value_go_to_one_side_and_others_are_counted() {
    let header = policy(&json!({"header": "X-User"}), &[50, 50]);
    for user in 0..50 {
        let user = format!("user-{user}");
        let sides: Vec<_> = (0..20).map(|count| taker(&header, "/", &[("x-user", &user)], count)).collect();
        assert!(sides.iter().all(|side| *side == sides[0]), "{user}: {sides:?}");
    }
    for fields in [[].as_slice(), &[("x-user", "")], &[("cookie", "x-user=a")]] {
        let second: u16 = (0..100).map(|count| taker(&header, "/", fields, count)).sum();
        assert!((45..=55).contains(&second), "{fields:?}: {second}");
    }
    // The first value that is there counts, and names and values as documents and requests write them.
    let (cookie, parameter) =
        (policy(&json!({"cookie": "id"}), &[1, 1]), policy(&json!({"queryParam": "user id"}), &[1, 1]));
    for user in ["a", "b", "c", "d", "e", "f"] {
        let expected = taker(&header, "/", &[("x-user", user), ("x-user", "other")], 0);
        let in_cookie = format!("x=1; id={user}; y=2");
        assert_eq!(taker(&cookie, "/", &[("cookie", &in_cookie)], 0), expected, "{user}");
        let target = format!("/?a&user+id=&user%20id={user}");
        assert_eq!(taker(&parameter, &target, &[], 0), expected, "{user}");
    }
}

#[test]
fn users_are_spread_by_the_weights() {
    let policy = policy(&json!({"header": "x-user"}), &[60, 30, 10]);
    let mut counts = [0; 3];
    for user in 0..2000 {
        counts[usize::from(taker(&policy, "/", &[("x-user", &format!("user-{user}"))], 0))] += 1;
    }
    for (count, expected) in counts.into_iter().zip([1200_i32, 600, 200]) {
        assert!((count - expected).abs() < 80, "{counts:?}");
    }
}

proptest! {
    /// Of two backends, nobody leaves the one whose weight was raised, nor goes to the one whose weight was lowered.
    #[test]
    fn who_is_on_a_side_stays_while_its_weight_rises(first in 1_u32..1000, second in 1_u32..1000, more in 0_u32..1000, user in any::<u64>()) {
        let user = user.to_string();
        let at = |weights: [u32; 2]| taker(&policy(&json!({"header": "x-user"}), &weights), "/", &[("x-user", &user)], 0);
        let before = at([first, second]);
        if before == 1 {
            prop_assert_eq!(at([first, second + more]), 1);
        } else {
            prop_assert_eq!(at([first + more, second]), 0);
        }
        // Percentages that move from one to the other are the same thing.
        let moved = more.min(first - 1);
        if before == 1 {
            prop_assert_eq!(at([first - moved, second + moved]), 1);
        }
    }
}
