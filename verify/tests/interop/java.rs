//! Java Chassis 2 in a mesh: provider, consumer, with Go Chassis beside it, and all through a restart of the registry.
//! It must publish contracts for those who have none: Java Chassis 2 calls no service without one.

use serde_json::Value;

use crate::builds;
use crate::mesh::{Mesh, context, sdk_calls};
use crate::sdk::{Sdk, USER};
use crate::sidecar::{Sidecar, publish_contract};

#[test]
fn java_chassis_2_go_chassis_and_sidecars_call_each_other_and_outlive_the_registry() {
    let (Some(class_path), Some(program)) = (builds::java(), builds::go()) else { return };
    let mut mesh = Mesh::start();
    let mut java_provider = Sdk::java(class_path, &mesh.control, "java-provider");
    let mut java_consumer = Sdk::java(class_path, &mesh.control, "java-consumer");
    let mut go_provider = Sdk::go(program, &mesh.control, "go-provider");
    let mut go_consumer = Sdk::go(program, &mesh.control, "go-consumer");
    for sdk in [&mut java_provider, &mut java_consumer, &mut go_provider, &mut go_consumer] {
        sdk.wait_registered(&mesh.control);
    }
    let everyone = ["sidecar-provider", "java-provider", "java-consumer", "go-provider", "go-consumer"];
    mesh.wait_all(&everyone);
    all_call(&mesh, &java_consumer, &go_consumer);

    // What is known is called while the registry is away, and everyone comes back to it.
    mesh.restart_registry(|mesh| all_call(mesh, &java_consumer, &go_consumer));
    mesh.wait_all(&everyone);
    all_call(&mesh, &java_consumer, &go_consumer);
    publish_contract(&mesh.control, "newcomer");
    let newcomer = Sidecar::start(&mesh.control, "newcomer");
    assert_context(&sdk_calls(&java_consumer, newcomer.name));

    for sdk in [java_consumer, java_provider, go_consumer, go_provider] {
        mesh.stop(sdk);
    }
}

fn all_call(mesh: &Mesh, java_consumer: &Sdk, go_consumer: &Sdk) {
    mesh.sidecar_calls("java-provider");
    for provider in ["sidecar-provider", "java-provider", "go-provider"] {
        assert_context(&sdk_calls(java_consumer, provider));
    }
    sdk_calls(go_consumer, "java-provider");
}

/// Java Chassis sends what a user puts into the context in `x-cse-context`, with ids of the caller.
fn assert_context(seen: &[Value]) {
    for context in seen.iter().map(context) {
        assert_eq!(context["user"], USER, "{context}");
        for member in ["x-src-serviceId", "x-src-instanceId", "X-B3-TraceId"] {
            assert!(context[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {context}");
        }
    }
}
