//! The tags of a service, as HTTP: `…/tags`.
//! It must not validate what the registry validates.

use std::collections::BTreeMap;

use axum::body::Body;
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::call::{Call, read};
use crate::answer;

/// Bound of a body of tags, in bytes: a hundred of the longest fit.
const MAX_TAGS: usize = 16 * 1024;

#[derive(Default, Deserialize)]
#[serde(default)]
struct TagsBody {
    tags: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Tags<'a> {
    tags: BTreeMap<&'a String, &'a String>,
}

/// `GET /microservices/{service}/tags`
pub(super) async fn list(call: Call) -> Outcome {
    call.run(|registry, tenant, _| {
        let record = registry.service(tenant, call.service())?;
        Ok(answer::json(&Tags { tags: record.tags().collect() }))
    })
    .await
}

/// `POST /microservices/{service}/tags`
pub(super) async fn replace(call: Call, body: Body) -> Outcome {
    let TagsBody { tags } = read(body, MAX_TAGS).await?;
    call.run(|registry, tenant, now| registry.replace_tags(tenant, call.service(), tags, now)).await?;
    Ok(answer::empty())
}

/// `PUT /microservices/{service}/tags/{key}?value=`
pub(super) async fn update(call: Call) -> Outcome {
    let (key, value) = (call.tags(), call.parameter("value"));
    call.run(|registry, tenant, now| registry.update_tag(tenant, call.service(), key, value, now)).await?;
    Ok(answer::empty())
}

/// `DELETE /microservices/{service}/tags/{key,…}`
pub(super) async fn remove(call: Call) -> Outcome {
    call.run(|registry, tenant, now| registry.remove_tags(tenant, call.service(), call.tags(), now)).await?;
    Ok(answer::empty())
}
