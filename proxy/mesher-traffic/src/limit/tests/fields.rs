//! What a refused caller is told, letter for letter.
//! They must fit the grammar of structured fields, whatever a limit is called.

use std::time::Duration;

use crate::limit::fields::{policy, seconds, standing};

#[test]
fn seconds_are_whole_and_never_none() {
    let table = [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_500, 60)];
    for (millis, expected) in table {
        assert_eq!(seconds(Duration::from_millis(millis)), expected, "{millis} ms");
    }
}

#[test]
fn fields_are_those_of_the_draft() {
    assert_eq!(policy("all", 100, Duration::from_secs(60)), "\"all\";q=100;w=60");
    assert_eq!(policy("all", 5, Duration::from_millis(1_500)), "\"all\";q=5");
    assert_eq!(standing("all", 0, Duration::from_millis(2_100)), "\"all\";r=0;t=3");
    assert_eq!(policy("a\"b\\\u{e9}\r\n", 1, Duration::from_secs(1)), "\"a\\\"b\\\\???\";q=1;w=1");
}
