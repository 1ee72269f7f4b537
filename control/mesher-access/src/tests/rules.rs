//! Names and passwords: what may be one.
//! They must name both sides of each bound.

use proptest::prelude::*;

use crate::account::check_name;
use crate::check_password;

#[test]
fn passwords_have_rules() {
    for good in ["Pa55word!", "Dev1-pass!", "Aa1!aaaa", &format!("Aa1!{}", "x".repeat(28))] {
        check_password("root", good).unwrap();
    }
    let bad = [
        "weak",
        "pa55word!",
        "PA55WORD!",
        "Password!",
        "Pa55words",
        "Pa5 word!",
        "Pässword1!",
        "Aa1!aaa",
        "Pa55word\n!",
        &format!("Aa1!{}", "x".repeat(29)),
    ];
    for bad in bad {
        let told = check_password("root", bad).unwrap_err().to_string();
        assert!(!told.contains(bad), "a refusal never repeats a password");
    }
    assert!(check_password("Abc-12345", "Abc-12345").is_err());
    assert!(check_password("Abc-12345", "54321-cbA").is_err());
}

#[test]
fn names_have_rules() {
    for good in ["a", "A.b-c_d", "0", &"x".repeat(64)] {
        check_name("f", good).unwrap();
    }
    for bad in ["", "-a", "a-", ".", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
        assert!(check_name("f", bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_good_name_is_safe_in_a_key_and_a_line(name in ".{0,70}") {
        if check_name("f", &name).is_ok() {
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)));
        }
    }
}
