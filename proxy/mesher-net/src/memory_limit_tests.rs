//! Limits of groups as the system writes them, and memory that is used.
//! It must read no limit of the machine that it runs on.

use std::fs;
use std::path::Path;

use crate::memory_limit::{least_limit, own_memory};

fn write(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_least_limit_of_all_groups_counts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "a/memory.max", "max\n");
    write(root, "a/b/memory.max", "67108864\n");
    write(root, "a/c/memory.max", "1000\n");
    write(root, "memory/memory.limit_in_bytes", "9223372036854771712\n");
    write(root, "memory/d/memory.limit_in_bytes", "5000\n");
    write(root, "memory/d/e/memory.limit_in_bytes", "6000\n");
    for (membership, expected) in [
        ("0::/a/b\n", Some(67_108_864)),
        ("0::/a/b/inner\n", Some(67_108_864)),
        ("0::/a\n", None),
        ("0::/\n", None),
        ("4:memory:/d/e\n0::/\n", Some(5000)),
        ("4:cpu,memory:/d\n0::/a/c\n", Some(1000)),
        ("4:cpu:/d\n", None),
        ("4:memory:/of/the/machine\n", None),
        ("nonsense\n", None),
        ("", None),
    ] {
        assert_eq!(least_limit(root, membership), expected, "{membership:?}");
    }
    write(root, "memory.max", "2000\n");
    assert_eq!(least_limit(root, "0::/of/the/machine\n"), Some(2000));
}

#[test]
fn own_memory_grows_with_what_is_used() {
    let before = own_memory();
    let block = std::hint::black_box(vec![1_u8; 8 << 20]);
    let with = own_memory();
    assert!(before > 0 && with >= before + (4 << 20), "{before}, {with} with {} bytes", block.len());
}
