//! Go Chassis 2 in a mesh: provider, consumer, and both through a restart of the registry.
//! It must leave what Java adds to `java`.

use crate::builds;
use crate::mesh::{Mesh, sdk_calls};
use crate::sdk::{Sdk, USER};
use crate::sidecar::Sidecar;

#[test]
fn go_chassis_and_sidecars_call_each_other_and_outlive_the_registry() {
    let Some(program) = builds::go() else { return };
    let mut mesh = Mesh::start();
    let mut provider = Sdk::go(program, &mesh.control, "go-provider");
    let mut consumer = Sdk::go(program, &mesh.control, "go-consumer");
    for sdk in [&mut provider, &mut consumer] {
        sdk.wait_registered(&mesh.control);
    }
    let everyone = ["sidecar-provider", "go-provider", "go-consumer"];
    mesh.wait_all(&everyone);
    all_call(&mesh, &consumer);

    // What is known is called while the registry is away, and everyone comes back to it.
    mesh.restart_registry(|mesh| all_call(mesh, &consumer));
    mesh.wait_all(&everyone);
    all_call(&mesh, &consumer);
    let newcomer = Sidecar::start(&mesh.control, "newcomer");
    assert_user(&sdk_calls(&consumer, newcomer.name));

    mesh.stop(consumer);
    mesh.stop(provider);
}

fn all_call(mesh: &Mesh, consumer: &Sdk) {
    mesh.sidecar_calls("sidecar-provider");
    mesh.sidecar_calls("go-provider");
    for provider in ["sidecar-provider", "go-provider"] {
        assert_user(&sdk_calls(consumer, provider));
    }
}

/// Go Chassis sends what a user puts into the context as fields of their own.
fn assert_user(seen: &[serde_json::Value]) {
    assert!(seen.iter().all(|seen| seen["user"] == USER), "{seen:?}");
}
