//! Runs a control plane on the address given as the only argument, `127.0.0.1:30100` without one.
//! It must not grow options: the command has them.

use mesher_control::{Server, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = Settings::default();
    if let Some(listen) = std::env::args().nth(1) {
        settings.listen = listen.parse()?;
    }
    let server = Server::bind(settings).await?;
    server.serve(std::future::pending()).await?;
    Ok(())
}
