//! Rules about source files: purity, `unsafe`, names, heads, lengths and leftovers.
//! Must not depend on the order of rules.

use super::{file, found, found_in_model, package};
use crate::tidy::sources::check_lengths_but;
use crate::tidy::tree::{SourceFile, Tree};

#[test]
fn a_pure_crate_mentions_no_world() {
    for text in [
        "use std::fs;",
        "use std::{fmt, fs::File};",
        "use std::{fmt, net::{IpAddr, TcpStream}};",
        "let stream = std::net::TcpStream::connect(address);",
        "let socket = std::net::UdpSocket::bind(address);",
        "let level = std::env::var(\"LEVEL\");",
        "std::thread::yield_now();",
        "std::io::stdout().flush();",
        "let now = Instant::now();",
        "let now = std::time::SystemTime::now();",
        "let age = begin.elapsed();",
    ] {
        assert_eq!(found_in_model(text), ["lib.rs:2 purity"], "{text}");
    }
}

#[test]
fn a_pure_crate_may_speak_of_the_world() {
    for text in [
        "/// The caller passes `Instant::now()`.\nfn decide(now: Instant) {}",
        "let text = \"std::fs\";",
        "use std::{fmt, net::{IpAddr, SocketAddr}};",
        "use std::io::{self, Write};",
        "fn reuse(fs: u8) {}",
    ] {
        assert_eq!(found_in_model(text), [""; 0], "{text}");
    }
}

#[test]
fn other_crates_and_tests_may_use_the_world() {
    let packages = vec![package("api/mesher-model", "mesher-model", &[]), package("xtask", "xtask", &[])];
    let clock = "let now = Instant::now();";
    let files = vec![file("api/mesher-model/src/tests.rs", clock), file("xtask/src/steps.rs", clock)];
    assert_eq!(found(packages, files), [""; 0]);
}

#[test]
fn unsafe_code_has_one_home() {
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe impl Send for T {}",
        "#[unsafe(no_mangle)]",
        "#![allow(unsafe_code)]",
        "#[expect(unsafe_code, reason = \"fast\")]",
        "#[cfg_attr(unix, allow(clippy::all, unsafe_code))]",
    ] {
        let path = "proxy/mesher-proxy/src/lib.rs";
        assert_eq!(found(vec![], vec![file(path, text)]), [format!("{path}:2 unsafe")], "{text}");
        assert_eq!(found(vec![], vec![file("proxy/mesher-net/src/socket.rs", text)]), [""; 0], "{text}");
    }
    for text in ["// never unsafe", "let word = \"unsafe\";", "#![forbid(unsafe_code)]", "fn is_unsafe() {}"]
    {
        assert_eq!(found(vec![], vec![file("mesher/src/main.rs", text)]), [""; 0], "{text}");
    }
}

#[test]
fn a_module_is_called_by_what_it_holds() {
    for path in [
        "mesher/src/utils.rs",
        "mesher/src/helpers/mod.rs",
        "mesher/tests/common/mod.rs",
        "mesher/src/misc.rs",
    ] {
        assert_eq!(found(vec![], vec![file(path, "")]), [format!("{path}:1 name")]);
    }
    assert_eq!(
        found(vec![], vec![file("mesher/src/main.rs", "\nmod util {}")]),
        ["mesher/src/main.rs:3 name"]
    );
    assert_eq!(found(vec![], vec![file("mesher/src/commons.rs", "fn helper() {}")]), [""; 0]);
}

#[test]
fn a_file_begins_with_its_job() {
    for text in ["", "use std::fmt;\n", "// A comment.\n", "\n//! Late.\n", "/// Of something else.\n"] {
        let file = SourceFile::new("mesher/src/main.rs".to_owned(), text.to_owned());
        assert_eq!(found(vec![], vec![file]), ["mesher/src/main.rs:1 head"], "{text:?}");
    }
}

#[test]
fn a_long_file_is_noted_then_refused_unless_listed() {
    let tree = |path: &str, lines: usize| Tree {
        packages: vec![],
        files: vec![file(path, &"\n".repeat(lines - 1))],
    };
    let path = "mesher/src/main.rs";
    let listed = [(path, "one table")];
    let kinds = |tree: &Tree, listed: &[(&str, &str)]| -> Vec<bool> {
        check_lengths_but(tree, listed).iter().map(|each| each.is_warning).collect()
    };
    assert_eq!(kinds(&tree(path, 400), &[]), [false; 0]);
    assert_eq!(kinds(&tree(path, 401), &[]), [true]);
    assert_eq!(kinds(&tree(path, 600), &[]), [true]);
    assert_eq!(kinds(&tree(path, 601), &[]), [false]);
    assert_eq!(kinds(&tree("mesher/src/tests.rs", 600), &[]), [false; 0], "tests stand apart");
    assert_eq!(kinds(&tree("mesher/src/tests.rs", 601), &[]), [false]);
    assert_eq!(kinds(&tree(path, 900), &listed), [false; 0]);
    assert_eq!(kinds(&tree(path, 300), &listed), [false], "a stale entry");
}

#[test]
fn nothing_is_left_unfinished() {
    for text in [
        "// TODO: later",
        "/// FIXME(ann): wrong",
        "/* TODO(ann) */",
        "fn f() { todo!() }",
        "fn f() { unimplemented! () }",
        "#[test] #[ignore]",
    ] {
        assert_eq!(found_in_model(text), ["lib.rs:2 leftover"], "{text}");
    }
    for text in
        ["// TODO(ann, #12): later", "let text = \"TODO\";", "#[ignore = \"needs root\"]", "// todo list"]
    {
        assert_eq!(found_in_model(text), [""; 0], "{text}");
    }
}
