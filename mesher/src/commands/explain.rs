//! `mesher explain`: where a call would go, and what became of one.
//! It must send no call, and nothing that the network sends may control the terminal.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use mesher_model::explain::{Asked, CallRow, Caller, Explanation, HeaderField, Question};

use crate::cli::{self, Form};
use crate::commands::get::{client, print};
use crate::failure::answer;

/// Explains one call, or lists those that can be explained.
pub(crate) fn run(arguments: &cli::Explain) -> anyhow::Result<ExitCode> {
    let client = client(arguments.output.control.as_deref())?;
    let form = arguments.output.form;
    let asked = asked(arguments)?;
    mesher_net::worker::block_on(async {
        match (asked, &arguments.call) {
            (Some(asked), _) => tell(form, &client.explain(&asked).await?),
            (None, Some(id)) => tell(form, &client.call(id.trim()).await?),
            (None, None) => {
                let calls = client.calls(None, arguments.failed).await?;
                let heads = ["CALL", "AT", "FROM", "DIRECTION", "REQUEST", "END", "TIME"];
                print(form, &calls, &heads, cells)
            }
        }
    })?
}

/// The question, where one is asked.
fn asked(arguments: &cli::Explain) -> anyhow::Result<Option<Asked>> {
    let (Some(from), Some(to)) = (&arguments.from, &arguments.to) else { return Ok(None) };
    let call = arguments.call.as_deref().unwrap_or("GET /").trim();
    let (method, path) = match call.split_once(char::is_whitespace) {
        Some((method, path)) => (method, path.trim()),
        None if call.starts_with('/') => ("GET", call),
        None => bail!("{call:?} is no call; write it as 'GET /path'"),
    };
    if !path.starts_with('/') {
        bail!("{path:?} is no path: it begins with a slash, as in 'GET /path'");
    }
    let headers = arguments.headers.iter().map(|field| header(field)).collect::<anyhow::Result<_>>()?;
    let question = Question {
        to: to.clone(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        address: arguments.address,
    };
    let from = Caller { service: from.clone(), app: arguments.app.clone(), env: arguments.env.clone() };
    Ok(Some(Asked { from, question }))
}

fn header(field: &str) -> anyhow::Result<HeaderField> {
    let (name, value) = field
        .split_once(':')
        .with_context(|| format!("{field:?} is no header field; write it as 'name: value'"))?;
    Ok(HeaderField { name: name.trim().to_owned(), value: value.trim().to_owned() })
}

fn tell(form: Form, told: &Explanation) -> anyhow::Result<ExitCode> {
    answer(&match form {
        Form::Table => told.to_string(),
        Form::Json => serde_json::to_string_pretty(told)?,
        Form::Yaml => serde_saphyr::to_string(told)?.trim_end().to_owned(),
    });
    Ok(ExitCode::SUCCESS)
}

fn cells(row: &CallRow) -> Vec<String> {
    let CallRow { proxy, direction, request, call } = row;
    vec![
        call.id.clone(),
        call.at.clone(),
        format!("{} {}", proxy.service, proxy.version),
        direction.clone(),
        request.words(),
        call.end(),
        format!("{:.1} ms", call.elapsed_ms),
    ]
}
