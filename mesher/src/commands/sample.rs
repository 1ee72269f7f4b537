//! `mesher sample`: the services of the demo.
//! They must need no setting but what any application beside a proxy gets.

use std::process::ExitCode;

use mesher_samples::{DEFAULT_PROVIDER, Kind, Sample, Settings};

use crate::cli::{self, SampleKind};
use crate::failure::answer;
use crate::signals;

/// Runs a sample until a signal ends it.
pub(crate) fn run(arguments: cli::Sample) -> anyhow::Result<ExitCode> {
    let (kind, service) = match arguments.kind {
        SampleKind::Calculator => (Kind::Calculator, "calculator"),
        SampleKind::Webapp => (Kind::Webapp, "webapp"),
    };
    let settings = Settings {
        listen: arguments.listen,
        service: service.to_owned(),
        version: arguments.sample_version,
        instance: arguments.instance,
        provider: Some(signals::variable("PROVIDER_ADDR").unwrap_or_else(|| DEFAULT_PROVIDER.to_owned())),
        proxy: signals::variable("http_proxy").or_else(|| signals::variable("HTTP_PROXY")),
        no_proxy: signals::variable("no_proxy").or_else(|| signals::variable("NO_PROXY")),
    };
    signals::leave_group_if(arguments.tied)?;
    mesher_net::worker::block_on(async {
        let sample = Sample::bind(kind, settings).await?;
        if arguments.print_addresses {
            answer(&serde_json::json!({"address": sample.address().to_string()}).to_string());
        }
        let shutdown = signals::shutdown()?;
        sample.serve(shutdown).await;
        anyhow::Ok(ExitCode::SUCCESS)
    })?
}
