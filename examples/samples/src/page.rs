//! Renders the web page: one template, filled once, every value escaped.
//! Must not let a value become markup, whoever it came from.

use http::StatusCode;

use crate::bmi::{HEIGHT, Measure, WEIGHT};
use crate::identity::Identity;
use crate::reply::Reply;

const TEMPLATE: &str = include_str!("../page/page.html");
pub(crate) const CSS: &str = include_str!("../page/page.css");
pub(crate) const SCRIPT: &str = include_str!("../page/page.js");
pub(crate) const ICON: &str = include_str!("../page/icon.svg");

/// The whole page: the form with the values given, and the answer where there is one.
pub(crate) fn render(identity: &Identity, height: &str, weight: &str, reply: Option<&Reply>) -> String {
    let answer = match reply {
        None => String::new(),
        Some(reply) if reply.status == StatusCode::OK && reply.body.contains_key("result") => success(reply),
        Some(reply) => failure(reply),
    };
    let start = |measure: &Measure| measure.range.start().to_string();
    let end = |measure: &Measure| measure.range.end().to_string();
    fill(TEMPLATE, |name| match name {
        "height" => escape(height),
        "weight" => escape(weight),
        "height-min" => start(&HEIGHT),
        "height-max" => end(&HEIGHT),
        "weight-min" => start(&WEIGHT),
        "weight-max" => end(&WEIGHT),
        "service" => escape(&identity.service),
        "version" => escape(&identity.version),
        "instance" => escape(&identity.instance),
        "answer" => answer.clone(),
        _ => String::new(),
    })
}

fn success(reply: &Reply) -> String {
    let field = |name| escape(&reply.text(name));
    let (result, service, version, instance) =
        (field("result"), field("service"), field("version"), field("instance"));
    format!(
        "<p class=\"result\">Body mass index <output for=\"height weight\">{result}</output></p>\n\
         <p>Answered by <b id=\"answered-by\">{service} {version}</b>, instance <code>{instance}</code>.</p>"
    )
}

/// A fault of the input is told as what to change; any other failure with all that is known about it.
fn failure(reply: &Reply) -> String {
    let detail = escape(&reply.text("detail"));
    if reply.status == StatusCode::BAD_REQUEST && !detail.is_empty() {
        return format!("<p class=\"failure\">Please check the values: {detail}.</p>");
    }
    let status = escape(&reply.status.to_string());
    let rows: String = ["error", "detail", "service", "invocation"]
        .into_iter()
        .map(|name| (name, escape(&reply.text(name))))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n"))
        .collect();
    format!(
        "<p class=\"failure\">No result: the call to the calculator ended with {status}.</p>\n<dl>{rows}</dl>"
    )
}

/// Replaces each `{{name}}` of a template; what is put in is not looked at again.
fn fill(template: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, text) = part.split_once("}}").unwrap_or((part, ""));
        filled.push_str(&value_of(name));
        filled.push_str(text);
    }
    filled
}

/// Text as HTML text or as a quoted attribute's value.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
