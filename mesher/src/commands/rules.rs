//! `mesher apply`, `delete`, `history`, `rollback`: rule documents changed, and looked back on.
//! It must overwrite nothing that changed after it was shown, and must say which proxies do not serve with a change.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mesher_client::{ControlClient, bases};
use mesher_model::rule::{
    Action, Behind, Change, Checked, Diagnostic, Document, Documents, Kind, PlannedStep, RuleKey, RuleRow,
    Severity,
};
use similar::TextDiff;

use crate::cli::{self, Form};
use crate::commands::get::{client, print};
use crate::failure::{Misconfigured, answer, tell};
use crate::table;

/// The largest file of documents that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The longest that one question about convergence waits: less than a call may take.
const QUESTION_SECONDS_MAX: u64 = 5;
/// Lines around a difference.
const CONTEXT_LINES: usize = 2;
/// Services whose proxies a change concerns that are named.
const SERVICES_SHOWN_MAX: usize = 5;

/// Writes documents.
pub(crate) fn apply(arguments: &cli::Apply) -> anyhow::Result<ExitCode> {
    let (name, text) = read(&arguments.file)?;
    let client = client(arguments.output.control.as_deref())?;
    mesher_net::worker::block_on(async {
        let planned = client.check_rules(&text).await?;
        tell_findings(&name, &planned.diagnostics)?;
        let is_dry = arguments.change.dry_run;
        let bases = bases(&planned);
        let done = if is_dry { planned } else { client.apply_rules(&Documents { text, bases }).await? };
        tell_of(&client, &done, &arguments.change, arguments.output.form).await
    })?
}

/// Removes a document.
pub(crate) fn delete(arguments: &cli::Delete) -> anyhow::Result<ExitCode> {
    let key = RuleKey {
        kind: kind(&arguments.kind)?,
        environment: arguments.env.clone(),
        application: arguments.app.clone(),
        name: arguments.name.clone(),
    };
    let client = client(arguments.output.control.as_deref())?;
    mesher_net::worker::block_on(async {
        if !arguments.dry_run {
            client.remove_rule(&key).await?;
        } else if !client.rules(None).await?.iter().any(|row| row.key == key) {
            bail!("there is no {} {:?}; `mesher get rules` lists what there is", key.kind, key.name);
        }
        let done = if arguments.dry_run { "would be removed" } else { "removed" };
        answer(&format!("{} {} {done}", key.kind, table::shown(&key.name)));
        Ok(ExitCode::SUCCESS)
    })?
}

/// Shows what was changed, or one change.
pub(crate) fn history(arguments: &cli::History) -> anyhow::Result<ExitCode> {
    let document = match (&arguments.kind, &arguments.name) {
        (Some(kind_text), Some(name)) => Some((kind(kind_text)?.as_str(), name.as_str())),
        _ => None,
    };
    let client = client(arguments.output.control.as_deref())?;
    mesher_net::worker::block_on(async {
        if let Some(revision) = arguments.revision {
            let change = client.change(revision).await?;
            return show_change(arguments.output.form, &change);
        }
        let changes = client.changes(document, arguments.limit.into()).await?;
        let heads = ["REVISION", "AT", "BY", "FROM", "ACTION", "KIND", "NAME", "APP", "SERVICE"];
        print(arguments.output.form, &changes, &heads, change_cells)
    })?
}

/// Brings all documents back to how they stood.
pub(crate) fn rollback(arguments: &cli::Rollback) -> anyhow::Result<ExitCode> {
    let client = client(arguments.output.control.as_deref())?;
    mesher_net::worker::block_on(async {
        let done = client.rollback(arguments.revision, arguments.change.dry_run).await?;
        tell_of(&client, &done, &arguments.change, arguments.output.form).await
    })?
}

/// Cells of `mesher get rules`.
pub(super) fn rule_cells(row: &RuleRow) -> Vec<String> {
    vec![
        row.key.kind.to_string(),
        row.key.name.clone(),
        row.key.application.clone(),
        row.key.environment.clone(),
        row.service.clone(),
        format!("r{}", row.changed_revision),
        row.changed_at.clone(),
        row.by.clone(),
    ]
}

fn change_cells(change: &Change) -> Vec<String> {
    let action = match change.rollback_to {
        Some(revision) => format!("{} (rollback to r{revision})", change.action.as_str()),
        None => change.action.as_str().to_owned(),
    };
    vec![
        format!("r{}", change.changed_revision),
        change.at.clone(),
        change.by.clone(),
        change.from.clone(),
        action,
        change.key.kind.to_string(),
        change.key.name.clone(),
        change.key.application.clone(),
        change.service.clone(),
    ]
}

fn kind(text: &str) -> anyhow::Result<Kind> {
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::parse(text).with_context(|| format!("unknown kind {text:?}; there are {}", known()))
}

/// A file, or standard input, with the name that findings are told under.
fn read(file: &str) -> anyhow::Result<(String, String)> {
    let mut text = Vec::new();
    let (name, read) = match file {
        "-" => ("standard input", std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut text)),
        path => {
            let opened = std::fs::File::open(path).with_context(|| format!("cannot open {path}"))?;
            (path, opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut text))
        }
    };
    read.with_context(|| format!("cannot read {name}"))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        bail!(Misconfigured(format!("{name} has more than {FILE_BYTES_MAX} bytes; cut it into several")));
    }
    let text = String::from_utf8(text).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Misconfigured(format!("{name} is not UTF-8: look at byte {place}"))
    })?;
    Ok((name.to_owned(), text))
}

/// Tells what was found in the text; an error among it ends the command.
fn tell_findings(name: &str, found: &[Diagnostic]) -> anyhow::Result<()> {
    for finding in found {
        let text = describe(name, finding);
        match finding.severity {
            Severity::Error => bail!(Misconfigured(text)),
            Severity::Warning => tell(&format!("warning: {text}")),
        }
    }
    Ok(())
}

fn describe(name: &str, finding: &Diagnostic) -> String {
    let message = table::shown(&finding.message);
    let Some((line, column)) = finding.line.zip(finding.column) else { return format!("{name}: {message}") };
    let Some(text) = &finding.text else { return format!("{name}:{line}:{column}: {message}") };
    let indent = " ".repeat(usize::try_from(column).unwrap_or(1).saturating_sub(1).min(text.len()));
    format!("{name}:{line}:{column}: {message}\n  | {}\n  | {indent}^", table::shown(text))
}

/// Tells what was done, or would be, and waits for those whom it concerns.
async fn tell_of(
    client: &ControlClient,
    done: &Checked,
    change: &cli::Change,
    form: Form,
) -> anyhow::Result<ExitCode> {
    show(form, done, change.dry_run)?;
    if change.dry_run { Ok(ExitCode::SUCCESS) } else { wait(client, done, change.wait).await }
}

fn show(form: Form, checked: &Checked, is_dry: bool) -> anyhow::Result<()> {
    match form {
        Form::Json => answer(&serde_json::to_string_pretty(checked)?),
        Form::Yaml => answer(serde_saphyr::to_string(checked)?.trim_end()),
        Form::Table => {
            for step in &checked.steps {
                answer(&line(step, is_dry));
                if is_dry {
                    answer(&difference(step.before.as_ref(), step.after.as_ref())?);
                }
            }
            if checked.steps.is_empty() {
                answer("nothing to change");
            }
        }
    }
    Ok(())
}

fn line(step: &PlannedStep, is_dry: bool) -> String {
    let done = match (step.action, is_dry) {
        (Action::None, _) => "stands so already".to_owned(),
        (action, true) => format!("would be {}d", action.as_str()),
        (action, false) => format!("{}d at r{}", action.as_str(), step.changed_revision.unwrap_or_default()),
    };
    let count = step.affected;
    let proxies = if count == 1 { "1 proxy".to_owned() } else { format!("{count} proxies") };
    let concerns = if is_dry { "would concern" } else { "concerns" };
    let name = table::shown(&step.base.key.name);
    format!(
        "{} {name} {done}; it {concerns} {proxies}{}",
        step.base.key.kind,
        beside(&step.affected_services)
    )
}

/// Whose proxies they are.
fn beside(services: &[String]) -> String {
    let Some(shown) =
        services.get(..services.len().min(SERVICES_SHOWN_MAX)).filter(|shown| !shown.is_empty())
    else {
        return String::new();
    };
    let others = if services.len() > shown.len() { " and others" } else { "" };
    format!(": of {}{others}", table::shown(&shown.join(", ")))
}

fn difference(before: Option<&Document>, after: Option<&Document>) -> anyhow::Result<String> {
    let text = |document: Option<&Document>| document.map_or(Ok(String::new()), serde_saphyr::to_string);
    let (before, after) = (text(before)?, text(after)?);
    let difference = TextDiff::from_lines(&before, &after);
    let shown = difference.unified_diff().context_radius(CONTEXT_LINES).to_string();
    let lines: Vec<_> = shown.lines().map(|line| format!("  {}", table::shown(line))).collect();
    Ok(lines.join("\n"))
}

fn show_change(form: Form, change: &Change) -> anyhow::Result<ExitCode> {
    match form {
        Form::Json => answer(&serde_json::to_string_pretty(change)?),
        Form::Yaml => answer(serde_saphyr::to_string(change)?.trim_end()),
        Form::Table => {
            let Change { changed_revision, at, action, key, .. } = change;
            let by = if change.by.is_empty() { "somebody" } else { &change.by };
            let from = &change.from;
            let who = table::shown(&format!("by {by} from {from}"));
            answer(&format!("r{changed_revision} {at} {who}: {} {} {}", action.as_str(), key.kind, key.name));
            answer(&difference(change.before.as_ref(), change.after.as_ref())?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until all proxies that a change concerns serve with it; says which do not.
async fn wait(client: &ControlClient, done: &Checked, limit: Option<Duration>) -> anyhow::Result<ExitCode> {
    let Some(limit) = limit else { return Ok(ExitCode::SUCCESS) };
    let begun = Instant::now();
    let mut is_behind = false;
    for revision in done.steps.iter().filter_map(|step| step.changed_revision) {
        let converged = loop {
            let left = limit.saturating_sub(begun.elapsed());
            let seconds = left.as_secs_f64().ceil() as u64;
            let state = client.convergence(revision, seconds.min(QUESTION_SECONDS_MAX)).await?;
            if state.done || left.is_zero() || (state.waiting.is_empty() && !state.refused.is_empty()) {
                break state;
            }
        };
        for behind in converged.refused.iter().chain(&converged.waiting) {
            tell(&lagging(revision, behind));
        }
        is_behind |= !converged.done;
    }
    if is_behind {
        tell("mesher: the change is made, but not every proxy serves with it");
        return Ok(ExitCode::FAILURE);
    }
    tell(&format!("all serve with it after {:.1} s", begun.elapsed().as_secs_f64()));
    Ok(ExitCode::SUCCESS)
}

fn lagging(revision: u64, behind: &Behind) -> String {
    let Behind { instance, service, serving, link, .. } = behind;
    let reason =
        behind.reason.as_ref().map_or_else(|| link.clone(), |reason| format!("refused it: {reason}"));
    table::shown(&format!("r{revision}: {service} {instance} serves with r{serving}; {reason}"))
}
