//! Access control without a socket: what is allowed, what ends when, what is remembered.
//! They must not repeat the recorded answers of the original, which are replayed over HTTP.

mod accounts;
mod logins;
mod records;
mod rules;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::{Access, AccessError, Beginnings, Caller, Lifetime, NewAccount, Secret};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const GOOD: &str = "Pa55word!";

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_000_000 + seconds)
}

fn beginnings() -> Beginnings {
    Beginnings { ids: ["1", "2", "3"].map(str::to_owned), root_hash: Some("root".to_owned()) }
}

/// With `root`, and no password verified in earnest: a try is right where a test says so.
fn access() -> Access {
    let mut access = Access::new(Secret::new([7; 64]));
    assert!(access.complete(beginnings(), at(0)));
    access
}

fn log_in(access: &mut Access, name: &str, now: Duration) -> Result<Caller, AccessError> {
    let token = token(access, name, now)?;
    access.recognise(&token, now)
}

fn token(access: &mut Access, name: &str, now: Duration) -> Result<String, AccessError> {
    let challenge = access.challenge(name, HERE, now)?;
    access.log_in(&challenge, true, Lifetime::default(), now)
}

fn new(name: &str, roles: &[&str]) -> NewAccount {
    NewAccount {
        name: name.to_owned(),
        password: GOOD.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        status: String::new(),
    }
}

fn create(access: &mut Access, name: &str, roles: &[&str]) {
    let root = log_in(access, "root", at(0)).unwrap();
    access.create_account(&root, &new(name, roles), "hash".to_owned(), format!("id-{name}"), at(0)).unwrap();
}
