//! What is taken from the disk, and what is not.
//! It must show that no byte of a stored snapshot can change unseen.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::folder::Folder;
use super::format::{Owner, Rejection, Written, read};
use crate::bootstrap::{Bootstrap, Sources};
use crate::discovery::Known;
use crate::status::Addresses;

const KNOWN: &str = r#"{"services":[{"host":"calculator","name":"calculator","key":{"appId":"default","serviceName":"calculator"},"revision":"7","endpoints":[{"address":"10.0.0.7:30101","is_tcp":false,"instance":"i1","version":"0.0.1","ports":[8080],"rank":0,"idle_limit":{"secs":60,"nanos":0}}]}]}"#;

fn bootstrap(more: &[(&str, &str)]) -> Bootstrap {
    let mut sources = Sources::default();
    for (name, value) in [&[("MESHER_SERVICE", "webapp")], more].concat() {
        sources.environment.insert(name.to_owned(), value.to_owned());
    }
    Bootstrap::load(&sources).unwrap()
}

fn owner(more: &[(&str, &str)]) -> Owner {
    Owner::of(&bootstrap(more).identity)
}

fn known(text: &str) -> Known {
    serde_json::from_str(text).unwrap()
}

fn file() -> Vec<u8> {
    Written::of(&known(KNOWN)).file(&owner(&[]), 1_700_000_000)
}

fn addresses(outbound: &str, inbound: Option<&str>) -> Addresses {
    Addresses {
        outbound: outbound.parse().unwrap(),
        inbound: inbound.map(|address| address.parse().unwrap()),
        tcp_inbound: Vec::new(),
        tcp_outbound: Vec::new(),
        admin: "127.0.0.1:30102".parse().unwrap(),
    }
}

fn named(folder: &Path) -> Folder {
    let bootstrap = bootstrap(&[("MESHER_STATE_DIR", folder.to_str().unwrap())]);
    Folder::open(&bootstrap, &addresses("127.0.0.1:30101", None)).unwrap().unwrap()
}

#[test]
fn what_was_written_is_read_again() {
    let stored = read(&file(), &owner(&[])).unwrap();
    assert_eq!((stored.confirmed_at, stored.known.len()), (1_700_000_000, 1));
    assert_eq!(stored.digest(), Written::of(&known(KNOWN)).digest);
}

#[test]
fn rg_03_no_part_and_no_changed_bit_of_it_is_taken() {
    let (file, own) = (file(), owner(&[]));
    for length in 0..file.len() {
        assert!(read(&file[..length], &own).is_err(), "the first {length} bytes are taken");
    }
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&changed, &own).is_err(), "taken with bit {bit} changed");
    }
    let longer = [file.as_slice(), b"\n"].concat();
    assert!(matches!(read(&longer, &own), Err(Rejection::Length { .. })));
}

#[test]
fn rg_03_another_format_and_another_owner_are_told() {
    let text = String::from_utf8(file()).unwrap();
    let newer = text.replacen("mesher-snapshot 1 ", "mesher-snapshot 2 ", 1);
    let told = read(newer.as_bytes(), &owner(&[])).unwrap_err().to_string();
    assert_eq!(told, "it has format \"2\", this release reads format 1");
    for (name, value) in [
        ("MESHER_SERVICE", "other"),
        ("MESHER_APP", "other"),
        ("MESHER_ENVIRONMENT", "testing"),
        ("MESHER_PROJECT", "other"),
        ("MESHER_DOMAIN", "other"),
    ] {
        let told = read(text.as_bytes(), &owner(&[(name, value)])).unwrap_err();
        assert!(matches!(told, Rejection::OtherOwner { .. }), "{name}: {told}");
    }
    assert!(read(text.as_bytes(), &owner(&[("MESHER_VERSION", "9.9")])).is_ok(), "a new version goes on");
}

#[test]
fn the_generation_before_is_read_where_the_current_one_is_damaged() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("state");
    let folder = named(&path);
    let own = owner(&[]);
    assert!(folder.read(&own).is_none());
    let of = |time| Written::of(&known(KNOWN)).file(&own, time);
    folder.write(&of(1), false).unwrap();
    folder.write(&of(2), true).unwrap();
    let taken = |folder: &Folder| folder.read(&own).map(|(stored, current)| (stored.confirmed_at, current));
    assert_eq!(taken(&folder), Some((2, true)));
    fs::write(path.join("snapshot"), "damaged").unwrap();
    assert_eq!(taken(&folder), Some((1, false)));
    // What is damaged must not push out what is good.
    folder.write(&of(3), false).unwrap();
    fs::write(path.join("snapshot"), "").unwrap();
    assert_eq!(taken(&folder), Some((1, false)));
    fs::remove_file(path.join("snapshot")).unwrap();
    fs::write(path.join("snapshot.previous"), "damaged").unwrap();
    assert_eq!(taken(&folder), None);
}

#[test]
fn nobody_else_can_read_or_plant_one() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("a/b");
    let folder = named(&path);
    // A writer that died left this behind.
    fs::write(path.join("snapshot.new"), "half").unwrap();
    folder.write(&file(), false).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("snapshot"))), (0o700, 0o600));
    assert!(!path.join("snapshot.new").exists());
    fs::set_permissions(path.join("snapshot"), fs::Permissions::from_mode(0o602)).unwrap();
    assert!(folder.read(&owner(&[])).is_none(), "others could have written it");
    fs::rename(path.join("snapshot"), home.path().join("elsewhere")).unwrap();
    fs::set_permissions(home.path().join("elsewhere"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(home.path().join("elsewhere"), path.join("snapshot")).unwrap();
    assert!(folder.read(&owner(&[])).is_none(), "a link leads to what others may change");
}

#[test]
fn each_service_and_port_has_a_folder_of_its_own() {
    let home = TempDir::new().unwrap();
    let base = [("XDG_STATE_HOME", home.path().to_str().unwrap())];
    let opened = |more: &[(&str, &str)], outbound: &str, inbound: Option<&str>| {
        let bootstrap = bootstrap(&[&base, more].concat());
        let folder = Folder::open(&bootstrap, &addresses(outbound, inbound)).unwrap();
        folder.map(|folder| folder.path().strip_prefix(home.path()).unwrap().display().to_string())
    };
    let below = |name: &str| Some(format!("mesher/proxies/{name}"));
    assert_eq!(opened(&[], "127.0.0.1:30101", Some("10.0.0.1:30101")), below("webapp-30101"));
    let inbound = [("MESHER_INBOUND_LISTEN", "10.0.0.1:9000")];
    assert_eq!(opened(&inbound, "127.0.0.1:5", Some("10.0.0.1:9000")), below("webapp-9000"));
    assert_eq!(opened(&[], "127.0.0.1:30101", None), below("webapp-outbound-30101"));
    // Ports that the system chose are others the next time.
    assert_eq!(opened(&[], "127.0.0.1:40001", Some("127.0.0.1:40002")), None);
    assert_eq!(opened(&[("MESHER_STATE_DIR", "off")], "127.0.0.1:30101", None), None);
}

#[test]
fn a_folder_that_cannot_be_had_is_refused_where_it_was_named_and_done_without_where_it_was_not() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("state");
    let own = addresses("127.0.0.1:30101", None);
    let told = Folder::open(&bootstrap(&[("MESHER_STATE_DIR", below.to_str().unwrap())]), &own).unwrap_err();
    assert!(told.to_string().contains("name a folder that this user may write, or off"), "{told}");
    let without = Folder::open(&bootstrap(&[("XDG_STATE_HOME", file.to_str().unwrap())]), &own);
    assert!(without.unwrap().is_none());
}
