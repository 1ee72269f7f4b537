//! Services files, good and bad.
//! It must show that nothing of a bad one is taken, and that its fault is found where it stands.

use std::fs;
use std::path::Path;

use mesher_model::query::ServiceKey;
use tempfile::TempDir;

use super::document::{Services, read};
use super::file::FileSource;
use crate::discovery::source::{Answer, Occasion, Source, Wanted};

const GOOD: &str = "services:
  billing:
    version: 1.2.0
    properties: {zone: a}
    endpoints:
      - address: rest://10.0.0.7:8080
      - address: tcp://[2001:db8::8]:5432
        version: 1.3.0
        properties: {zone: b}
  pay.bank.app:
    dns: rest+srv://_http._tcp.pay.example.com
  Ledger:
    dns: tcp://ledger.example.com:5432
";

fn services(text: &str) -> Result<Services, String> {
    read(Path::new("services.yaml"), text, "shop")
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn key(app: &str, name: &str) -> ServiceKey {
    ServiceKey { app_id: app.to_owned(), service_name: name.to_owned(), ..ServiceKey::default() }
}

#[test]
fn a_file_names_endpoints_and_names() {
    let services = services(GOOD).unwrap();
    let of = |app: &str, name: &str| services.get(&(app.to_owned(), name.to_owned())).unwrap();
    let billing = &of("shop", "billing").instances;
    assert_eq!((billing[0].version.as_str(), billing[1].version.as_str()), ("1.2.0", "1.3.0"));
    assert_eq!(
        (&billing[0].properties["zone"], &billing[1].properties["zone"]),
        (&"a".to_owned(), &"b".to_owned())
    );
    let pay = of("bank", "pay").lookup.clone().unwrap();
    assert_eq!((pay.protocol, pay.name.as_str(), pay.port), ("rest", "_http._tcp.pay.example.com", None));
    let ledger = of("shop", "ledger").lookup.clone().unwrap();
    assert_eq!((ledger.protocol, ledger.port), ("tcp", Some(5432)));
    assert!(services_of("services: {}").is_empty());
}

fn services_of(text: &str) -> Services {
    services(text).unwrap()
}

#[test]
fn what_is_wrong_is_told_with_line_and_column() {
    for (text, place, reason) in [
        ("", "services.yaml", "is empty"),
        ("# nothing\n", "services.yaml", "is empty"),
        ("services: [a\n", "services.yaml:", ""),
        ("servces: {}\n", "services.yaml:1:1", "servces"),
        ("services:\n  a:\n    endpoint: []\n", "services.yaml:3:5", "endpoint"),
        (
            "services:\n  a:\n    endpoints:\n      - address: 10.0.0.1:80\n",
            "services.yaml:4:18",
            "no scheme",
        ),
        (
            "services:\n  a:\n    endpoints:\n      - address: rest://h:80\n",
            "services.yaml:4:18",
            "no IP address",
        ),
        ("services:\n  a:\n    dns: ledger\n", "services.yaml:3:10", "rest+srv://NAME"),
        ("services:\n  a:\n    dns: rest://ledger:0\n", "services.yaml:3:10", "rest://NAME:PORT"),
        ("services:\n  \"a b\":\n    version: 1.0\n", "services.yaml:2:3", "a service is called by"),
        ("services:\n  a:\n    version: 1.0\n  A:\n    version: 1.0\n", "services.yaml:4:3", "named twice"),
    ] {
        let told = services(text).expect_err(text);
        assert!(told.contains(place) && told.contains(reason), "{text:?}: {told}");
    }
    // Cut off anywhere, it is refused, or it says less of the last service than all of it.
    for length in 1..GOOD.len() {
        if let Ok(services) = services(&GOOD[..length]) {
            assert!(services.len() <= 3, "{length}");
        }
    }
}

/// What the file says of billing after two looks: a change is taken once it has stayed.
fn look(file: &FileSource, revision: &str) -> Answer {
    let wanted =
        || vec![Wanted { keys: vec![key("shop", "billing")], revision: revision.to_owned(), is_known: true }];
    let mut last = None;
    for _ in 0..2 {
        let answers = mesher_net::worker::block_on(file.find(wanted(), Occasion::Regular)).unwrap().unwrap();
        last = answers.into_iter().next();
    }
    last.unwrap()
}

fn revision_of(answer: &Answer) -> String {
    match answer {
        Answer::Set { revision, .. } => revision.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_or_missing_file_keeps_what_it_said_before() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("services.yaml");
    fs::write(&path, GOOD).unwrap();
    let file = FileSource::open(&path, "shop").unwrap();
    let first = revision_of(&look(&file, ""));
    assert_eq!(look(&file, &first), Answer::Unchanged);
    for bad in ["", "services: [", "services:\n  billing:\n    endpoints:\n      - address: x\n"] {
        fs::write(&path, bad).unwrap();
        assert_eq!(look(&file, &first), Answer::Unchanged, "{bad:?}");
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(look(&file, &first), Answer::Unchanged);
    // A service that did not change keeps its revision, whatever becomes of others.
    fs::write(&path, GOOD.replace("ledger.example.com", "other.example.com")).unwrap();
    assert_eq!(look(&file, &first), Answer::Unchanged);
    fs::write(&path, GOOD.replace("10.0.0.7", "10.0.0.9")).unwrap();
    let second = look(&file, &first);
    assert_ne!(revision_of(&second), first);
    fs::write(&path, "services: {}\n").unwrap();
    assert_eq!(look(&file, &first), Answer::Unknown);
}

#[test]
fn a_bad_file_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("services.yaml");
    assert!(FileSource::open(&path, "shop").err().unwrap().to_string().contains("cannot be read"));
    fs::write(&path, "services:\n  a: 1\n").unwrap();
    let told = FileSource::open(&path, "shop").err().unwrap().to_string();
    assert!(told.contains("services.yaml:2:6"), "{told}");
}
