//! Tokens and tries: what ends a token, what locks an account, what a forger meets.
//! They must not wait: time is an argument.

use std::net::Ipv6Addr;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use super::{HERE, access, at, create, log_in, new, token};
use crate::{AccessError, Challenge, Lifetime, LockStatus, NewAccount, hash_password};

#[test]
fn a_token_ends_with_its_time() {
    let mut access = access();
    let challenge = access.challenge("root", HERE, at(0)).unwrap();
    let lifetime = Lifetime::parse("15m").unwrap();
    let token = access.log_in(&challenge, true, lifetime, at(0)).unwrap();
    let caller = access.recognise(&token, at(899)).unwrap();
    assert_eq!(access.recognise(&token, at(900)), Err(AccessError::Expired));
    assert_eq!(access.check(&caller, at(899)), Ok(()));
    assert_eq!(access.check(&caller, at(900)), Err(AccessError::Expired));
}

#[test]
fn a_token_ends_when_its_account_changes() {
    type Deed = fn(&mut crate::Access, &crate::Caller) -> Result<(), AccessError>;
    let deeds: [(&str, Deed, u32); 4] = [
        ("roles", |access, root| access.update_account(root, "a", &new("a", &["admin"]), at(1)), 401_201),
        (
            "status",
            |access, root| {
                let new = NewAccount { status: "inactive".to_owned(), ..NewAccount::default() };
                access.update_account(root, "a", &new, at(1))
            },
            401_201,
        ),
        ("password", |access, _| access.set_password("a", "id-a", "other".to_owned(), at(1)), 401_201),
        ("removal", |access, root| access.remove_account(root, "a"), 401_206),
    ];
    for (name, deed, number) in deeds {
        let mut access = access();
        create(&mut access, "a", &["developer"]);
        let root = log_in(&mut access, "root", at(0)).unwrap();
        let token = token(&mut access, "a", at(0)).unwrap();
        let caller = access.recognise(&token, at(1)).unwrap();
        deed(&mut access, &root).unwrap();
        assert_eq!(access.recognise(&token, at(1)).unwrap_err().number(), number, "{name}");
        assert_eq!(access.check(&caller, at(1)).unwrap_err().number(), number, "{name}");
    }
}

#[test]
fn a_name_given_anew_is_another_account() {
    let mut access = access();
    create(&mut access, "a", &["developer"]);
    let root = log_in(&mut access, "root", at(0)).unwrap();
    let token = token(&mut access, "a", at(0)).unwrap();
    access.remove_account(&root, "a").unwrap();
    access
        .create_account(&root, &new("a", &["developer"]), "hash".to_owned(), "other".to_owned(), at(1))
        .unwrap();
    assert_eq!(access.recognise(&token, at(1)), Err(AccessError::AccountDeleted("a".to_owned())));
}

#[test]
fn an_account_that_changes_during_a_try_is_not_logged_in() {
    let mut access = access();
    create(&mut access, "a", &["developer"]);
    let challenge = access.challenge("a", HERE, at(0)).unwrap();
    access.set_password("a", "id-a", "other".to_owned(), at(0)).unwrap();
    let answer = access.log_in(&challenge, true, Lifetime::default(), at(0));
    assert_eq!(answer, Err(AccessError::WrongNameOrPassword));
}

#[test]
fn ad_03_an_inactive_account_looks_like_an_unknown_one() {
    let mut access = access();
    create(&mut access, "a", &["developer"]);
    let root = log_in(&mut access, "root", at(0)).unwrap();
    let inactive = NewAccount { status: "inactive".to_owned(), ..NewAccount::default() };
    access.update_account(&root, "a", &inactive, at(0)).unwrap();
    let challenge = access.challenge("a", HERE, at(0)).unwrap();
    assert_eq!(challenge.account_id(), None);
}

#[test]
fn a_forged_token_is_refused() {
    let mut access = access();
    let good = token(&mut access, "root", at(0)).unwrap();
    let claims = json!({"account": "root", "roles": ["admin"], "sub": "3", "generation": 1, "exp": u64::MAX});
    let of = |algorithm, key: &[u8]| {
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(key)).unwrap()
    };
    assert!(
        access.recognise(&of(Algorithm::HS512, &[7; 64]), at(0)).is_ok(),
        "the right key is the only lock"
    );
    // {"alg":"none"}, with and without a signature.
    let payload = good.split('.').nth(1).unwrap();
    let cut = &good[..good.len() - 2];
    let forged = [
        of(Algorithm::HS512, &[8; 64]),
        of(Algorithm::HS256, &[7; 64]),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJub25lIn0.{payload}.{}", good.rsplit('.').next().unwrap()),
        cut.to_owned(),
        String::new(),
        "..".to_owned(),
        "a.b.c.d".to_owned(),
        "x".repeat(1_000_000),
    ];
    for token in forged {
        assert_eq!(access.recognise(&token, at(0)).unwrap_err().number(), 401_201, "{token:.80}");
    }
}

fn fail(access: &mut crate::Access, name: &str, now: u64) -> Result<String, AccessError> {
    let challenge = access.challenge(name, HERE, at(now))?;
    access.log_in(&challenge, false, Lifetime::default(), at(now))
}

#[test]
fn ad_03_three_failures_lock_an_account_for_one_address_and_a_quarter_of_an_hour() {
    let mut access = access();
    for _ in 0..3 {
        assert_eq!(fail(&mut access, "root", 0), Err(AccessError::WrongNameOrPassword));
    }
    assert_eq!(token(&mut access, "root", at(0)), Err(AccessError::Blocked));
    let elsewhere = Ipv6Addr::LOCALHOST.into();
    assert!(access.challenge("root", elsewhere, at(0)).is_ok(), "another address is not locked");
    let mapped = "::ffff:127.0.0.1".parse().unwrap();
    assert!(access.challenge("root", mapped, at(0)).is_err(), "the same address in another spelling is");
    assert_eq!(access.locks(at(0))[0].status, LockStatus::Banned);
    assert_eq!(token(&mut access, "root", at(899)), Err(AccessError::Blocked));
    assert!(token(&mut access, "root", at(900)).is_ok());
}

#[test]
fn tries_that_were_begun_together_do_not_pass_the_lock() {
    let mut access = access();
    let tries: Vec<Challenge> = (0..10).map(|_| access.challenge("root", HERE, at(0)).unwrap()).collect();
    let mut answers: Vec<_> = tries[..9]
        .iter()
        .map(|challenge| access.log_in(challenge, false, Lifetime::default(), at(0)))
        .collect();
    answers.push(access.log_in(&tries[9], true, Lifetime::default(), at(0)));
    assert!(answers[..3].iter().all(|answer| *answer == Err(AccessError::WrongNameOrPassword)));
    assert!(answers[3..].iter().all(|answer| *answer == Err(AccessError::Blocked)), "{answers:?}");
}

#[test]
fn ad_03_failures_are_forgotten_and_their_number_is_bounded() {
    let mut access = access();
    fail(&mut access, "root", 0).unwrap_err();
    fail(&mut access, "root", 0).unwrap_err();
    fail(&mut access, "root", 1_200).unwrap_err();
    assert_eq!(access.locks(at(1_200))[0].status, LockStatus::Attempted, "the first two are forgotten");
    for _ in 0..3 {
        let _ = fail(&mut access, "root", 1_200);
    }
    for number in 0..10_100 {
        fail(&mut access, &format!("n{number}"), 1_201).unwrap_err();
    }
    assert_eq!(access.locks(at(1_201)).len(), 10_000);
    assert!(access.is_blocked("root", HERE, at(1_201)), "a flood of names does not free a blocked one");
}

#[test]
fn only_the_right_password_of_a_known_account_is_right() {
    let mut access = access();
    access.set_password("root", "3", hash_password("Pa55word!", [1; 16]), at(0)).unwrap();
    let known = access.challenge("root", HERE, at(0)).unwrap();
    assert!(known.is_met_by("Pa55word!"));
    assert!(!known.is_met_by("Pa55word?"));
    assert!(!known.is_met_by(""));
    let unknown = access.challenge("nobody", HERE, at(0)).unwrap();
    assert!(!unknown.is_met_by("Pa55word!"));
    assert_ne!(hash_password("Pa55word!", [1; 16]), hash_password("Pa55word!", [2; 16]));
}

/// The hash that stands in for an unknown name must be read, or its comparison would cost nothing.
#[test]
fn ad_03_nobodys_hash_costs_as_much_as_anybodys() {
    let own = hash_password("Pa55word!", [1; 16]);
    let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
    assert_eq!(cost(crate::password::NOBODYS), cost(&own));
    let read = argon2::password_hash::phc::PasswordHash::new(crate::password::NOBODYS).unwrap();
    assert_eq!(read.hash.map(|hash| hash.as_bytes().len()), Some(32));
}

#[test]
fn a_lifetime_has_bounds() {
    for good in ["15m", "24h", "1h30m", "900s", ""] {
        assert!(Lifetime::parse(good).is_ok(), "{good}");
    }
    for bad in ["14m", "25h", "1", "h", "-1h", "1d", "99999999999999999999h", "é", "1h "] {
        assert!(Lifetime::parse(bad).is_err(), "{bad}");
    }
}
