//! The client of the registry that Go Chassis uses, sc-client, called for everything that it can.
//! It must judge what the client made of the answers, not the answers themselves.

use mesher_verify::mesh::Control;
use mesher_verify::process::Process;
use serde_json::{Value, json};

use crate::builds;
use crate::sdk::go_command;

/// What sc-client saw, step by step.
struct Course(Vec<Value>);

impl Course {
    /// Takes the next step, which must be this one and must not have failed.
    #[track_caller]
    fn next(&mut self, step: &str) -> Value {
        let (value, error) = self.next_whole(step);
        assert_eq!(error, "", "{step}: {value}");
        value
    }

    /// Takes the next step, with its error.
    #[track_caller]
    fn next_whole(&mut self, step: &str) -> (Value, String) {
        assert!(!self.0.is_empty(), "the course ended before {step}");
        let seen = self.0.remove(0);
        assert_eq!(seen["step"], step, "{seen}");
        (seen["value"].clone(), seen["error"].as_str().unwrap_or_default().to_owned())
    }
}

#[test]
fn sc_client_is_served_in_everything_that_it_asks() {
    let Some(program) = builds::go() else { return };
    let control = Control::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = go_command(program, &control);
    command.arg("registry").env("CHASSIS_HOME", folder.path()).current_dir(folder.path());
    let ended = Process::run(&mut command);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.output, ended.errors);
    let lines = ended.output.lines().filter(|line| line.starts_with("{\"step\""));
    let mut course = Course(lines.map(|line| serde_json::from_str(line).unwrap()).collect());

    let provider = services(&mut course);
    schemas(&mut course);
    let instance = instance(&mut course);
    find(&mut course, &instance);
    change(&mut course, &instance);
    views(&mut course);
    leave(&mut course, &instance, &provider);
    assert!(course.0.is_empty(), "{:?}", course.0);
    // It spoke with this registry: nobody else took anything out of it.
    assert!(control.rows("services").is_empty());
    assert!(control.process.errors().contains(&provider), "{}", control.process.errors());
}

fn services(course: &mut Course) -> String {
    assert_eq!(course.next("absent"), "");
    let provider = course.next("provider");
    // The original computes the same: SHA-1 of the key of the index.
    assert_eq!(provider, "08fcbcb1a51192282ad7ce4da79d5a8362d93f98");
    assert_eq!(course.next("consumer").as_str().unwrap().len(), 40);
    assert_eq!(course.next("present"), provider);
    course.next("properties");
    let record = course.next("record");
    assert_eq!(
        (&record["serviceName"], &record["framework"]["name"]),
        (&"sc-provider".into(), &"sc-client".into())
    );
    assert_eq!(record["properties"], json!({"team": "blue"}));
    provider.as_str().unwrap().to_owned()
}

fn schemas(course: &mut Course) {
    course.next("schema added");
    let schema: Value = serde_json::from_str(course.next("schema").as_str().unwrap()).unwrap();
    assert_eq!(schema["schema"], "swagger: \"2.0\"\n");
    assert_eq!(course.next("schemas"), json!(["echo"]));
}

fn instance(course: &mut Course) -> String {
    assert_eq!(course.next("none found"), 0);
    course.next("watch");
    let instance = course.next("instance").as_str().unwrap().to_owned();
    assert_eq!(course.next("event of the instance"), json!(["CREATE", "sc-provider", instance, "UP"]));
    assert_eq!(course.next("heartbeat"), true);
    course.next("heartbeat by web socket");
    instance
}

fn find(course: &mut Course, instance: &str) {
    let found = course.next("found");
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    // Go Chassis leaves out instances without a version.
    assert_eq!((&found[0]["instanceId"], &found[0]["version"]), (&instance.into(), &"1.0.0".into()));
    assert_eq!(course.next("found again"), true, "nothing had changed");
    assert_eq!(course.next("found nobody"), true);
    let batch = course.next("batch");
    assert_eq!(batch["services"]["updated"][0]["index"], 0, "{batch}");
    assert_eq!(batch["services"]["updated"][0]["instances"][0]["instanceId"], instance, "{batch}");
    assert_eq!(batch["services"]["failed"][0]["indexes"], json!([1]), "{batch}");
    assert_eq!(course.next("instances")[0]["instanceId"], instance);
}

fn change(course: &mut Course, instance: &str) {
    course.next("instance properties");
    assert_eq!(course.next("event of the properties"), json!(["UPDATE", "sc-provider", instance, "UP"]));
    course.next("status");
    assert_eq!(course.next("event of the status"), json!(["UPDATE", "sc-provider", instance, "DOWN"]));
}

fn views(course: &mut Course) {
    let all = course.next("all services");
    for name in ["sc-provider", "sc-consumer"] {
        assert!(all.as_array().unwrap().contains(&name.into()), "{all}");
    }
    let applications = course.next("applications");
    assert!(applications.as_array().unwrap().contains(&"default".into()), "{applications}");
    let of = course.next("services with instances");
    assert!(of.as_array().unwrap().contains(&"sc-provider".into()), "{of}");
    assert_eq!(course.next("providers"), json!(["sc-provider"]));
}

fn leave(course: &mut Course, instance: &str, provider: &str) {
    course.next("instance gone");
    let event = course.next("event of the end");
    assert_eq!((&event[0], &event[2]), (&"DELETE".into(), &instance.into()));
    let (alive, error) = course.next_whole("heartbeat of nobody");
    assert_eq!(alive, false);
    // With this number SDKs register again.
    assert!(error.contains("400017"), "{error}");
    assert_eq!(course.next("service gone"), provider);
    course.next("service gone");
    assert_eq!(course.next("absent again"), "");
}
