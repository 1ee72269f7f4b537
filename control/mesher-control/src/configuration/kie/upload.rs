//! Many records at once: `…/kie/file`.
//! It must refuse the whole where the caller may not touch a part of it.

use std::collections::BTreeMap;

use axum::body::Body;
use mesher_access::Verb;
use mesher_config::{Draft, NotUploaded, Override, Uploaded};
use serde::{Deserialize, Serialize};

use super::records::read;
use super::view::View;
use crate::configuration::Outcome;
use crate::configuration::call::Call;
use crate::configuration::refused::Refused;

/// Bound of a body with many records, in bytes.
const UPLOAD_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Upload {
    data: Vec<Draft>,
}

#[derive(Serialize)]
struct Done<'a> {
    success: Vec<View<'a>>,
    failure: Vec<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    key: &'a str,
    labels: &'a BTreeMap<String, String>,
    error_code: u32,
    error_message: String,
}

impl<'a> Failure<'a> {
    fn of(NotUploaded { draft, error }: &'a NotUploaded) -> Self {
        Self {
            key: &draft.key,
            labels: &draft.labels,
            error_code: error.number(),
            error_message: error.to_string(),
        }
    }
}

/// `POST /kie/file?override=`
pub(super) async fn upload(call: Call, body: Body) -> Outcome {
    let choice = Override::parse(call.parameter("override"))
        .ok_or_else(|| Refused::invalid("query parameter 'override' must be force, abort or skip"))?;
    let Upload { data } = read(&call, body, UPLOAD_MAX).await?;
    for draft in &data {
        // A draft whose labels break the rules is refused in its turn.
        let Ok(labels) = draft.checked_labels() else { continue };
        call.permit(Verb::Create, &labels)?;
        if choice == Override::Force {
            call.permit_also(Verb::Update, &labels)?;
        }
    }
    let tenant = call.tenant()?;
    let uploaded = call
        .control()
        .with_config(|configuration, now| configuration.keys_mut().upload(tenant, data, choice, now));
    let Uploaded { success, failure } = uploaded.await?;
    Ok(call.answer(&Done {
        success: success.iter().map(|record| View::short(record)).collect(),
        failure: failure.iter().map(Failure::of).collect(),
    }))
}
