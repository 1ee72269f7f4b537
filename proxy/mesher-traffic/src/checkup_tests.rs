//! Rows of checks, and what follows from them.
//! Each row must be one that a check on the network can give.

use crate::checkup::{Checkup, Thresholds};

#[test]
fn a_row_decides_and_one_check_does_not() {
    let rows: [(&str, &str); 6] = [
        ("----", "++--"),
        ("--+--+--+", "+++++++++"),
        ("---+-+-+", "++------"),
        ("---++", "++--+"),
        ("---+++--", "++--++++"),
        ("+++++", "+++++"),
    ];
    for (checks, expected) in rows {
        let mut checkup = Checkup::new(Thresholds::default(), true);
        let believed: String = checks
            .chars()
            .map(|check| {
                let before = checkup.is_healthy();
                let changed = checkup.seen(check == '+');
                assert_eq!(changed.is_some(), before != checkup.is_healthy());
                if checkup.is_healthy() { '+' } else { '-' }
            })
            .collect();
        assert_eq!(believed, expected, "{checks}");
    }
}

#[test]
fn thresholds_of_nothing_are_of_one() {
    let mut checkup = Checkup::new(Thresholds { healthy: 0, unhealthy: 0 }, false);
    assert_eq!(checkup.seen(true), Some(true));
    assert_eq!(checkup.seen(false), Some(false));
}
