//! Tables for taking a source apart.
//! Must not test rules.

use crate::tidy::purity::grouped_imports;
use crate::tidy::scan::{line_at, scan, words};

#[test]
fn comments_and_literals_leave_the_code() {
    for (text, code) in [
        ("a // b", "a     "),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("a \"b // \\\" c\" d", "a             d"),
        ("a r#\"b \" c\"# d", "a            d"),
        ("a br\"b\\\" d", "a        d"),
        ("a 'b' '\\'' 'c", "a          'c"),
        ("&'a str + '\"' + \"x\"", "&'a str +     +    "),
        ("r#type \"x\"", "r#type    "),
        ("for\"x\"", "for   "),
        ("a \"unfinished", "a            "),
        ("a /* unfinished", "a              "),
        ("'é' é \"é\" b", "    é     b"),
    ] {
        assert_eq!(scan(text).code, code, "{text}");
    }
}

#[test]
fn comments_stand_alone_in_their_own_copy() {
    let scanned = scan("a \"// no\" // yes\n/* and\nthis */ b");
    assert_eq!(words(&scanned.comments).map(|(_, word)| word).collect::<Vec<_>>(), ["yes", "and", "this"]);
    assert_eq!(words(&scanned.code).collect::<Vec<_>>(), [(1, "a"), (3, "b")]);
}

#[test]
fn lines_are_counted_from_one() {
    assert_eq!((line_at("a\nb\nc", 0), line_at("a\nb\nc", 2), line_at("a\nb\nc", 4)), (1, 2, 3));
}

#[test]
fn grouped_imports_are_written_out() {
    let code = "use a::b;\nuse std::{\n    fmt,\n    io::{self, Write},\n    net::{ip::{V4, V6}, TcpStream},\n};\nreuse {x}";
    let paths: Vec<_> = grouped_imports(code).into_iter().map(|(_, path)| path).collect();
    let expected = [
        "std::fmt",
        "std::io::self",
        "std::io::Write",
        "std::net::ip::V4",
        "std::net::ip::V6",
        "std::net::TcpStream",
    ];
    assert_eq!(paths, expected);
}
