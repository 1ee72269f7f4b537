//! `/v4/roles`, as HTTP.
//! It must not decide which role may change; `mesher-access` does.

use axum::body::Body;
use axum::extract::Path;
use mesher_access::NewRole;

use super::visit::{Outcome, Visit, many, read};
use crate::{answer, own};

/// `GET /v4/roles`
pub(super) async fn list(visit: Visit) -> Outcome {
    Ok(many(visit.gatekeeper.with(|access, _| access.roles())))
}

/// `GET /v4/roles/{name}`
pub(super) async fn read_one(visit: Visit, Path(name): Path<String>) -> Outcome {
    let role = visit.gatekeeper.with(|access, _| access.role(&name))?;
    Ok(answer::json(&role))
}

/// `POST /v4/roles`
pub(super) async fn create(visit: Visit, body: Body) -> Outcome {
    let new: NewRole = read(body).await?;
    visit.gatekeeper.change(|access, now| access.create_role(new, own::fresh_id(), now)).await??;
    Ok(answer::empty())
}

/// `PUT /v4/roles/{name}`
pub(super) async fn update(visit: Visit, Path(name): Path<String>, body: Body) -> Outcome {
    let new: NewRole = read(body).await?;
    visit.gatekeeper.change(|access, now| access.update_role(&name, new, now)).await??;
    Ok(answer::empty())
}

/// `DELETE /v4/roles/{name}`
pub(super) async fn remove(visit: Visit, Path(name): Path<String>) -> Outcome {
    visit.gatekeeper.change(|access, _| access.remove_role(&name)).await??;
    Ok(answer::empty())
}
