//! Access control over HTTP: what stands before all routes, and the routes of tokens, accounts and roles.
//! It must not hold logic; where access control is off, none of this is there, so that `POST /v4/token` answers 404.
//!
//! | file | holds |
//! |---|---|
//! | `gatekeeper` | the state behind a lock, the door to it |
//! | `passwords` | the queue before the costly hashes |
//! | `guard` | what every request passes |
//! | `rules` | which permission which route needs |
//! | `subjects` | the services that a request is about |
//! | `visit` | what a handler here knows of its request |
//! | `tokens`, `accounts`, `roles` | the routes |

mod accounts;
mod gatekeeper;
mod guard;
mod passwords;
mod roles;
pub(crate) mod rules;
mod subjects;
mod tokens;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use crate::control::Control;

pub(crate) use gatekeeper::Gatekeeper;
pub(crate) use guard::admit;

pub(crate) fn routes() -> Router<Arc<Control>> {
    let mut router = Router::new()
        .route("/v4/token", only(post(tokens::create)))
        .route("/v4/self-perms", only(get(tokens::permissions)))
        .route("/v4/account-locks", only(get(accounts::locks)))
        .route("/v4/accounts/batch-create", only(post(accounts::create_many)));
    // Releases 1.4 of the original had the singular.
    for (accounts, account, password) in [
        ("/v4/accounts", "/v4/accounts/{name}", "/v4/accounts/{name}/password"),
        ("/v4/account", "/v4/account/{name}", "/v4/account/{name}/password"),
    ] {
        let one = get(accounts::read_one).put(accounts::update).delete(accounts::remove);
        router = router
            .route(accounts, only(get(accounts::list).post(accounts::create)))
            .route(account, only(one))
            .route(password, only(post(accounts::change_password)));
    }
    for (roles, role) in [("/v4/roles", "/v4/roles/{name}"), ("/v4/role", "/v4/role/{name}")] {
        let one = get(roles::read_one).put(roles::update).delete(roles::remove);
        router = router.route(roles, only(get(roles::list).post(roles::create))).route(role, only(one));
    }
    router
}

/// Every other method is answered as the original does.
fn only(methods: MethodRouter<Arc<Control>>) -> MethodRouter<Arc<Control>> {
    methods.fallback(visit::not_allowed)
}
