//! Routes for a count: rules of every sort, of which only the last is about the calls of the run.
//! They must be written as people write them, and be in force before anything is counted.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::peers::{Binary, Registry};

/// Documents that one call of the command applies.
const AT_ONCE: usize = 100;
/// How long a proxy that runs fifty times slower may take to serve with them.
const WAIT: &str = "--wait=300s";

/// Puts each of these services under a route of so many rules, and waits until the proxy serves with all of them.
pub(super) fn apply(
    mesher: &Binary,
    registry: &Registry,
    folder: &Path,
    services: &[String],
    rules: usize,
) -> Result<()> {
    for (number, some) in services.chunks(AT_ONCE).enumerate() {
        let mut text = String::new();
        for service in some {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "---\n{}", document(service, rules));
        }
        let name = format!("rules-{rules}-{number}.yaml");
        write_and_apply(mesher, registry, (folder, &name), &text)?;
    }
    Ok(())
}

/// Puts a service under everything that guards a call, each rule for every call and with bounds that a run does not reach.
pub(super) fn guard(mesher: &Binary, registry: &Registry, folder: &Path, service: &str) -> Result<()> {
    write_and_apply(mesher, registry, (folder, "guards.yaml"), &guards(service))
}

fn write_and_apply(
    mesher: &Binary,
    registry: &Registry,
    (folder, name): (&Path, &str),
    text: &str,
) -> Result<()> {
    let file = folder.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    run(mesher, registry, &["apply", "-f", &file.to_string_lossy(), WAIT])
}

/// Takes the rules of these kinds away that are about a service.
pub(super) fn remove(mesher: &Binary, registry: &Registry, service: &str, kinds: &[&str]) -> Result<()> {
    kinds.iter().try_for_each(|kind| run(mesher, registry, &["delete", kind, service]))
}

fn run(mesher: &Binary, registry: &Registry, arguments: &[&str]) -> Result<()> {
    let control = format!("http://{}", registry.address);
    let output = Command::new(&mesher.file).args(arguments).args(["--control", &control]).output();
    let output = output.context("mesher cannot be started")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "mesher {}: {}", arguments.join(" "), words.trim());
    Ok(())
}

/// The kinds of [`guards`].
pub(super) const GUARDS: [&str; 5] = ["Route", "Retry", "Breaker", "RateLimit", "Balance"];

/// What guards every call to a service.
pub(super) fn guards(service: &str) -> String {
    let specs = [
        "{rules: [{matches: [{path: {type: PathPrefix, value: /}}], backends: [{}]}]}",
        "{codes: [503]}",
        "{failureRate: 50%, windowRequests: 100}",
        "{side: Consumer, limits: [{name: all, requests: 1000000, interval: 1s}]}",
        "{strategy: LeastRequest}",
    ];
    let document = |(kind, spec): (&str, &str)| {
        let spec = spec.replacen('{', &format!("{{service: {service}, "), 1);
        format!("---\napiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: {service}}}\nspec: {spec}\n")
    };
    GUARDS.into_iter().zip(specs).map(document).collect()
}

/// A route whose last rule is about every call, and whose others are about none of a run.
pub(super) fn document(service: &str, rules: usize) -> String {
    let mut text = format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: {service}}}\nspec:\n  service: {service}\n  rules:\n"
    );
    for number in 1..rules {
        let part = match number % 6 {
            0 => format!("headers: [{{name: x-user, value: user-{number}}}]"),
            1 => format!("path: {{type: PathPrefix, value: /part-{number}}}"),
            2 => format!(
                "headers: [{{name: x-group, type: RegularExpression, value: \"team-{number}-[a-z]+\"}}]"
            ),
            3 => format!("method: POST, path: {{type: Template, value: \"/users/{{id}}/part-{number}\"}}"),
            4 => format!("cookies: [{{name: tester, value: \"{number}\"}}]"),
            _ => format!("queryParams: [{{name: variant, value: \"{number}\"}}]"),
        };
        let _ = writeln!(text, "    - {{matches: [{{{part}}}], backends: [{{}}]}}");
    }
    text.push_str("    - {matches: [{path: {type: PathPrefix, value: /}}], backends: [{}]}\n");
    text
}
