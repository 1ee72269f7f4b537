//! Who caused what is going on, for the length of a request.
//! It must not be believed from a header: the account is that of a token, the address that of the connection.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use mesher_access::Caller;

use crate::connection::Peer;

/// Who acts where nobody asked: leases that end, what is made at the first start.
const SELF: &str = "control-plane";
/// Who acts where no token is asked for.
const ANONYMOUS: &str = "anonymous";

tokio::task_local! {
    static ORIGIN: Origin;
}

/// Who, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Name of an account, `anonymous`, or `control-plane`.
    pub(crate) who: String,
    /// The other end of the connection.
    pub(crate) from: Option<SocketAddr>,
}

impl Origin {
    /// The control plane itself.
    pub(crate) fn own() -> Self {
        Self { who: SELF.to_owned(), from: None }
    }

    /// Of the request that is being answered; of the control plane itself outside of one.
    pub(crate) fn current() -> Self {
        ORIGIN.try_with(Clone::clone).unwrap_or_else(|_| Self::own())
    }

    /// The account; empty where nobody was asked for one.
    pub(crate) fn account(&self) -> &str {
        if self.who == ANONYMOUS { "" } else { &self.who }
    }

    fn of(request: &Request) -> Self {
        let caller = request.extensions().get::<Caller>();
        Self {
            who: caller.map_or_else(|| ANONYMOUS.to_owned(), |caller| caller.name.clone()),
            from: request.extensions().get::<Peer>().map(|peer| peer.0),
        }
    }
}

/// Keeps the origin of a request that may change something for all that is done for it. It stands behind the guard,
/// which knows the caller.
pub(crate) async fn attribute(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    ORIGIN.scope(Origin::of(&request), next.run(request)).await
}
