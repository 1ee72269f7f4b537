//! The certificate of the API: read at start, and again when its files change.
//! It must keep serving with the last good one, and must say when what it serves with will be refused.

use std::sync::Arc;
use std::time::Duration;

use mesher_tls::{Keeper, TlsError};
use tracing::{error, info, warn};

use crate::TlsSettings;

/// Reads certificate and key.
pub(crate) fn open(settings: &TlsSettings) -> Result<(Arc<Keeper>, Duration), TlsError> {
    let keeper = Keeper::new(settings.files.clone())?;
    complain(&keeper);
    Ok((Arc::new(keeper), settings.look_every))
}

/// Looks at the files again and again; never done, and idle where there are none.
pub(crate) async fn renew(secure: Option<(Arc<Keeper>, Duration)>) {
    let Some((keeper, pause)) = secure else { return std::future::pending().await };
    let mut is_told = false;
    loop {
        tokio::time::sleep(pause).await;
        let looking = Arc::clone(&keeper);
        // Two small reads, but of a disk that may be slow.
        match tokio::task::spawn_blocking(move || looking.look_again()).await {
            Ok(Ok(is_new)) => {
                is_told = false;
                if is_new {
                    info!(file = %keeper.files().certificate.display(), "a new certificate is served");
                    complain(&keeper);
                }
            }
            Ok(Err(error)) if !is_told => {
                is_told = true;
                error!(%error, "the new certificate cannot be used; the last good one is served on");
            }
            // Told already, or the runtime ends.
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

fn complain(keeper: &Keeper) {
    if let Some(complaint) = keeper.complaint() {
        warn!(file = %keeper.files().certificate.display(), complaint, "a certificate that clients refuse is served");
    }
}
