//! Rules about crates: edges, manifests, purity of what they depend on, and their names.
//! Must not read files.

use super::{found, package};
use crate::tidy::tree::{Dependency, Package};

fn workspace(changed: Package) -> Vec<Package> {
    let mut all = vec![
        package("api/mesher-model", "mesher-model", &["serde"]),
        package("proxy/mesher-codec", "mesher-codec", &["httparse"]),
        package("proxy/mesher-traffic", "mesher-traffic", &["mesher-model"]),
        package("proxy/mesher-net", "mesher-net", &["tokio"]),
        package("proxy/mesher-proxy", "mesher-proxy", &["mesher-net", "mesher-codec", "mesher-traffic"]),
        package("control/mesher-registry", "mesher-registry", &["mesher-model"]),
        package("control/mesher-control", "mesher-control", &["mesher-registry", "mesher-traffic"]),
        package("examples/samples", "mesher-samples", &["axum"]),
        package("mesher", "mesher", &["mesher-proxy", "mesher-control", "mesher-samples"]),
        package("verify/testkit", "mesher-testkit", &["mesher-model"]),
        package("verify/e2e", "mesher-e2e", &["mesher-testkit"]),
        package("verify/codec-checks", "mesher-codec-checks", &["mesher-codec", "hyper"]),
        package("xtask", "xtask", &["toml"]),
    ];
    all.retain(|package| package.name != changed.name);
    all.push(changed);
    all
}

#[test]
fn the_drawing_itself_is_in_order() {
    assert_eq!(found(workspace(package("xtask", "xtask", &["toml"])), vec![]), [""; 0]);
}

#[test]
fn an_edge_that_is_not_in_the_drawing_is_found() {
    for (folder, name, used) in [
        ("api/mesher-model", "mesher-model", "mesher-traffic"),
        ("proxy/mesher-codec", "mesher-codec", "mesher-model"),
        ("proxy/mesher-proxy", "mesher-proxy", "mesher-registry"),
        ("control/mesher-control", "mesher-control", "mesher-net"),
        ("examples/samples", "mesher-samples", "mesher-model"),
        ("mesher", "mesher", "mesher-testkit"),
        ("mesher", "mesher", "xtask"),
        ("verify/e2e", "mesher-e2e", "mesher-proxy"),
        ("verify/e2e", "mesher-e2e", "mesher-codec"),
        ("verify/codec-checks", "mesher-codec-checks", "mesher-net"),
        ("xtask", "xtask", "mesher-model"),
    ] {
        let expected = format!("{folder}/Cargo.toml:10 edge");
        assert_eq!(found(workspace(package(folder, name, &[used])), vec![]), [expected], "{name} {used}");
    }
}

#[test]
fn tests_have_no_edges_of_their_own() {
    let mut codec = package("proxy/mesher-codec", "mesher-codec", &["mesher-net"]);
    codec.dependencies[0].is_dev = true;
    assert_eq!(found(workspace(codec), vec![]), ["proxy/mesher-codec/Cargo.toml:10 edge"]);
}

#[test]
fn a_crate_outside_the_drawing_is_found() {
    let stranger = package("proxy/mesher-cache", "mesher-cache", &[]);
    assert_eq!(found(workspace(stranger), vec![]), ["proxy/mesher-cache/Cargo.toml:2 edge"]);
}

#[test]
fn a_heavy_dependency_has_one_owner() {
    let first = package("proxy/mesher-net", "mesher-net", &["rustls"]);
    assert_eq!(found(workspace(first), vec![]), [""; 0]);
    let mut both = workspace(package("control/mesher-control", "mesher-control", &["rustls"]));
    both[3].dependencies.push(Dependency { name: "rustls".to_owned(), is_dev: false });
    assert_eq!(found(both, vec![]), ["control/mesher-control/Cargo.toml:10 edge"]);
}

#[test]
fn a_pure_crate_gets_no_runtime_but_its_tests_may() {
    for name in ["tokio", "socket2", "fastrand", "uuid", "axum"] {
        let mut codec = package("proxy/mesher-codec", "mesher-codec", &[name]);
        assert_eq!(found(vec![codec], vec![]), ["proxy/mesher-codec/Cargo.toml:10 purity"], "{name}");
        codec = package("proxy/mesher-codec", "mesher-codec", &[name]);
        codec.dependencies[0].is_dev = true;
        assert_eq!(found(vec![codec], vec![]), [""; 0], "{name}");
    }
}

#[test]
fn a_manifest_inherits_lints_fields_and_versions() {
    for (from, to, line) in [
        ("[lints]\nworkspace = true\n", "", 1),
        ("[lints]\nworkspace = true\n", "[lints.rust]\nunsafe_code = \"allow\"\n", 1),
        ("\nversion.workspace = true", "\nversion = \"1.0.0\"", 3),
        ("publish.workspace = true\n", "", 1),
        ("toml = { workspace = true }", "toml = \"1.2\"", 10),
        ("toml = { workspace = true }", "toml = { version = \"1.2\", default-features = false }", 10),
        ("toml = { workspace = true }", "toml = { git = \"ssh://somewhere/toml\" }", 10),
        ("toml = { workspace = true }", "toml = { path = \"../toml\" }", 10),
        ("[lints]", "[target.'cfg(unix)'.dev-dependencies]\nnix = \"1\"\n[lints]", 13),
        ("[package]", "package", 1),
    ] {
        let mut xtask = package("xtask", "xtask", &["toml"]);
        assert!(xtask.manifest.contains(from), "{from}");
        xtask.manifest = xtask.manifest.replace(from, to);
        assert_eq!(found(vec![xtask], vec![]), [format!("xtask/Cargo.toml:{line} manifest")], "{to}");
    }
}

#[test]
fn a_crate_is_not_called_by_a_word_that_says_nothing() {
    let package = package("verify/testkit-utils", "testkit-utils", &[]);
    assert_eq!(found(vec![package], vec![]), ["verify/testkit-utils/Cargo.toml:2 name"]);
}
