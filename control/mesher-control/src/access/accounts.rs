//! `/v4/accounts` and `/v4/account-locks`, as HTTP.
//! It must not decide who may change whom; `mesher-access` does.

use axum::body::Body;
use axum::extract::Path;
use mesher_access::{AccessError, NewAccount, ROOT, check_password, hash_password};
use serde::{Deserialize, Serialize};

use super::gatekeeper::random;
use super::visit::{NotDone, Outcome, Visit, many, read};
use crate::{answer, own};

/// Most accounts that one request makes. The original's value.
const BATCH_MAX: usize = 20;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Batch {
    accounts: Vec<NewAccount>,
}

#[derive(Serialize)]
struct Batched {
    accounts: Vec<BatchedOne>,
}

#[derive(Serialize)]
struct BatchedOne {
    name: String,
    #[serde(flatten)]
    error: Option<mesher_model::ErrorBody>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PasswordChange {
    current_password: String,
    password: String,
}

/// `GET /v4/accounts`
pub(super) async fn list(visit: Visit) -> Outcome {
    Ok(many(visit.gatekeeper.with(|access, _| access.accounts())))
}

/// `GET /v4/accounts/{name}`
pub(super) async fn read_one(visit: Visit, Path(name): Path<String>) -> Outcome {
    let account = visit.gatekeeper.with(|access, _| access.account(&name))?;
    Ok(answer::json(&account))
}

/// `POST /v4/accounts`
pub(super) async fn create(visit: Visit, body: Body) -> Outcome {
    make(&visit, read(body).await?).await?;
    Ok(answer::empty())
}

/// `POST /v4/accounts/batch-create`
pub(super) async fn create_many(visit: Visit, body: Body) -> Outcome {
    let Batch { accounts } = read(body).await?;
    if !(1..=BATCH_MAX).contains(&accounts.len()) {
        return Err(AccessError::Invalid(format!("1 to {BATCH_MAX} accounts in one request")).into());
    }
    let mut made = Vec::with_capacity(accounts.len());
    for new in accounts {
        let name = new.name.clone();
        let error = match make(&visit, new).await {
            Ok(()) => None,
            Err(NotDone::Refused(error)) => Some(error.body()),
            Err(other) => return Err(other),
        };
        made.push(BatchedOne { name, error });
    }
    Ok(answer::json(&Batched { accounts: made }))
}

async fn make(visit: &Visit, mut new: NewAccount) -> Result<(), NotDone> {
    let caller = visit.caller()?;
    visit.gatekeeper.with(|access, _| access.check_new_account(caller, &new))?;
    let (password, salt) = (new.password.clone(), random()?);
    let hash = visit.gatekeeper.passwords.run(move || hash_password(&password, salt)).await?;
    visit
        .gatekeeper
        .change(|access, now| access.create_account(caller, &new, hash, own::fresh_id(), now))
        .await??;
    new.password.clear();
    Ok(())
}

/// `PUT /v4/accounts/{name}`
pub(super) async fn update(visit: Visit, Path(name): Path<String>, body: Body) -> Outcome {
    let (new, caller): (NewAccount, _) = (read(body).await?, visit.caller()?);
    visit.gatekeeper.change(|access, now| access.update_account(caller, &name, &new, now)).await??;
    Ok(answer::empty())
}

/// `DELETE /v4/accounts/{name}`
pub(super) async fn remove(visit: Visit, Path(name): Path<String>) -> Outcome {
    let caller = visit.caller()?;
    visit.gatekeeper.change(|access, _| access.remove_account(caller, &name)).await??;
    Ok(answer::empty())
}

/// `POST /v4/accounts/{name}/password`: one's own with the current one; another's only as an administrator, and that
/// of `root` never.
pub(super) async fn change_password(visit: Visit, Path(name): Path<String>, body: Body) -> Outcome {
    let PasswordChange { current_password, password } = read(body).await?;
    let is_own = visit.caller()?.name == name;
    let id = if is_own {
        prove(&visit, &name, current_password.clone()).await?
    } else {
        id_of_other(&visit, &name)?
    };
    check_password(&name, &password)?;
    if is_own && password == current_password {
        return Err(AccessError::SamePassword.into());
    }
    let salt = random()?;
    let hash = visit.gatekeeper.passwords.run(move || hash_password(&password, salt)).await?;
    visit.gatekeeper.change(|access, now| access.set_password(&name, &id, hash, now)).await??;
    Ok(answer::empty())
}

/// Has a caller prove its password; answers the id of its account. Failures count as those of logins do.
async fn prove(visit: &Visit, name: &str, password: String) -> Result<String, NotDone> {
    let challenge = visit.gatekeeper.with(|access, now| access.challenge(name, visit.from, now))?;
    let verify = move || (challenge.is_met_by(&password), challenge);
    let (is_right, challenge) = visit.gatekeeper.passwords.run(verify).await?;
    let wrong = AccessError::WrongCurrentPassword;
    visit.gatekeeper.with(|access, now| access.settle(&challenge, is_right, wrong, now))?;
    let id = challenge.account_id().ok_or_else(|| AccessError::AccountMissing(name.to_owned()))?;
    Ok(id.to_owned())
}

fn id_of_other(visit: &Visit, name: &str) -> Result<String, AccessError> {
    let caller = visit.caller()?;
    visit.gatekeeper.with(|access, _| {
        if !access.is_admin(caller) {
            let detail = "role has no permissions[account:update]".to_owned();
            return Err(AccessError::NoPermission(detail));
        }
        if name == ROOT {
            return Err(AccessError::BuiltInAccount(name.to_owned()));
        }
        access.account(name).map(|account| account.id)
    })
}

/// `GET /v4/account-locks`
pub(super) async fn locks(visit: Visit) -> Outcome {
    Ok(many(visit.gatekeeper.with(|access, now| access.locks(now))))
}
