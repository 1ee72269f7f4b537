//! Durations in Go's spelling.
//! They must name what Go takes and what it does not.

use std::time::Duration;

use super::duration::parse;

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, milliseconds) in [
        ("0", 0),
        ("0s", 0),
        ("10s", 10_000),
        ("+1s", 1_000),
        ("100ms", 100),
        ("1m30s", 90_000),
        ("1.5s", 1_500),
        (".5s", 500),
        ("1.s", 1_000),
        ("1h1m1s1ms", 3_661_001),
        ("1000000ns", 1),
        ("1000us", 1),
        ("1000µs", 1),
        ("1000μs", 1),
        ("0.0000000001s", 0),
    ] {
        assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
    assert!(parse("99999999999999999999999h").unwrap() > Duration::from_secs(3600));
    for text in ["", "+", "-1s", "s", ".", ".s", "1", "1s2", "1 s", "1.2.3s", "1d", "nosuch", "1S", "١s"] {
        assert_eq!(parse(text), None, "{text}");
    }
}
