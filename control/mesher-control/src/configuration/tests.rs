//! The parts of the configuration servers that need no socket: who is woken, what is remembered.
//! They must look from the inside only where no answer shows it.

use mesher_config::{Configuration, Draft, Edit, Labels, Tenant, Topic};

use super::polls::{Poll, Polls, Wanted};
use super::waiters::Waiters;

fn labels(text: &str) -> Labels {
    text.split(',').filter_map(|pair| pair.split_once('=')).collect()
}

/// The edit of a new record under these labels.
fn edit(tenant: Tenant<'_>, under: &str) -> Edit {
    let labels = labels(under).iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let draft = Draft { key: "k".to_owned(), labels, ..Draft::default() };
    let mut configuration = Configuration::default();
    configuration.keys_mut().create(tenant, draft, std::time::Duration::ZERO).unwrap();
    configuration.take_edits().into_iter().find(Edit::is_asked_for).unwrap()
}

#[tokio::test]
async fn a_change_wakes_those_whose_topic_admits_it() {
    let other = Tenant::new("default", "other").unwrap();
    for (selector, is_exact, under, tenant, is_woken) in [
        ("app=a", true, "app=a", Tenant::DEFAULT, true),
        ("app=a", true, "app=a,service=s", Tenant::DEFAULT, false),
        ("app=a", false, "app=a,service=s", Tenant::DEFAULT, true),
        ("", false, "app=b", Tenant::DEFAULT, true),
        ("app=a", false, "app=b", Tenant::DEFAULT, false),
        ("app=a", true, "app=a", other, false),
        ("", false, "app=a", other, false),
    ] {
        let waiters = Waiters::default();
        let topic = Topic::new(labels(selector), is_exact).unwrap();
        let waiter = waiters.join(Tenant::DEFAULT, &topic, None).unwrap();
        let told = waiter.told();
        waiters.wake(&edit(tenant, under));
        let woken = tokio::time::timeout(std::time::Duration::ZERO, told).await.is_ok();
        assert_eq!(woken, is_woken, "{selector} {is_exact} {under}");
    }
}

#[tokio::test]
async fn a_change_after_the_look_and_before_the_wait_is_told() {
    let waiters = Waiters::default();
    let topic = Topic::new(labels("app=a"), true).unwrap();
    let waiter = waiters.join(Tenant::DEFAULT, &topic, None).unwrap();
    let told = waiter.told();
    waiters.wake(&edit(Tenant::DEFAULT, "app=a"));
    told.await;
    // The one before is of no interest any more.
    let next = waiter.told();
    assert!(tokio::time::timeout(std::time::Duration::ZERO, next).await.is_err());
}

#[test]
fn places_are_bounded_and_come_back() {
    let waiters = Waiters::default();
    let topic = Topic::new(Labels::default(), false).unwrap();
    let join = |account| waiters.join(Tenant::DEFAULT, &topic, account);
    let mut all: Vec<_> = (0..4_000).map(|_| join(Some("one")).unwrap()).collect();
    assert!(join(Some("one")).is_err(), "one account takes half of the places");
    all.extend((0..4_000).map(|_| join(None).unwrap()));
    assert!(join(None).is_err());
    assert_eq!(waiters.count(), 8_000);
    all.pop();
    assert!(join(None).is_ok());
    drop(all);
    assert_eq!(waiters.count(), 0);
    assert!(waiters.is_idle(), "nothing is kept of those who left");
}

#[test]
fn polls_are_bounded() {
    let polls = Polls::default();
    for number in 0..1_500_u64 {
        polls.remember(Poll {
            session_id: number.to_string(),
            domain: "default".to_owned(),
            project: "default".to_owned(),
            timestamp: number,
            ..Poll::default()
        });
    }
    let all = polls.find("default", "default", &Wanted::default());
    assert_eq!((all.len(), all[0].session_id.as_str(), all[999].session_id.as_str()), (1_000, "1499", "500"));
    let one = Wanted { session_id: "700", ..Wanted::default() };
    assert_eq!(polls.find("default", "default", &one).len(), 1);
    assert!(polls.find("other", "default", &Wanted::default()).is_empty());
}
