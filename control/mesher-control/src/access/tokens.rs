//! `/v4/token` and `/v4/self-perms`: logging in, and what one may do then.
//! It must answer an unknown name as it answers a wrong password, after as much work.

use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use mesher_access::{AccessError, Lifetime, Permission};
use mesher_model::access::{LoginAnswer, LoginRequest};
use serde::Serialize;
use tracing::{info, warn};

use super::visit::{Outcome, Visit, read};
use crate::answer;

#[derive(Serialize)]
struct OwnPermissions {
    perms: Vec<Permission>,
}

/// `POST /v4/token`
pub(super) async fn create(visit: Visit, body: Body) -> Outcome {
    let LoginRequest { name, password, token_expiration_time } = read(body).await?;
    let lifetime = Lifetime::parse(&token_expiration_time)?;
    let challenge = visit.gatekeeper.with(|access, now| access.challenge(&name, visit.from, now))?;
    let verify = move || (challenge.is_met_by(&password), challenge);
    let (is_right, challenge) = visit.gatekeeper.passwords.run(verify).await?;
    let token = visit.gatekeeper.with(|access, now| {
        let token = access.log_in(&challenge, is_right, lifetime, now);
        let is_blocked = token.is_err() && access.is_blocked(&name, visit.from, now);
        token.map_err(|error| (error, is_blocked))
    });
    match token {
        Ok(token) => {
            info!(account = ?name, from = %visit.from, "logged in");
            Ok(([(CACHE_CONTROL, "no-store")], answer::json(&LoginAnswer { token })).into_response())
        }
        Err((error, is_blocked)) => {
            // What was typed may be a password: nothing of an unknown name is written.
            warn!(account = known(&visit, &name), from = %visit.from, is_blocked, "a login failed");
            Err(error.into())
        }
    }
}

fn known<'a>(visit: &Visit, name: &'a str) -> &'a str {
    let is_known = visit.gatekeeper.with(|access, _| access.account(name).is_ok());
    if is_known { name } else { "(unknown)" }
}

/// `GET /v4/self-perms`
pub(super) async fn permissions(visit: Visit) -> Result<Response, super::visit::NotDone> {
    let caller = visit.caller()?;
    let perms = visit.gatekeeper.with(|access, _| access.permissions(caller));
    Ok::<_, AccessError>(answer::json(&OwnPermissions { perms })).map_err(Into::into)
}
