//! The variable parts of a path below `/mesher/v1`.
//! It must not refuse in any other form than the rest of this API.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::answer::MeshRefused;

/// The parts, in the order of the path.
#[derive(Debug)]
pub(crate) struct Place<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Place<T> {
    type Rejection = MeshRefused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, MeshRefused> {
        let Path(names) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| MeshRefused(400, "bad_path", "the path is no valid text".to_owned()))?;
        Ok(Self(names))
    }
}
