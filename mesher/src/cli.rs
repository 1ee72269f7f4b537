//! The arguments of every command.
//! It must not act on them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::flags::SettingFlags;

/// A service mesh for fleets that are not all on Kubernetes and not all in one language.
#[derive(Debug, Parser)]
#[command(name = "mesher", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A whole mesh on this machine: control plane, sample services, a proxy each, a trickle of traffic
    Demo(Demo),
    /// The control plane: registry, read API, status page
    Control(Control),
    /// The proxy beside an application
    Proxy(Proxy),
    /// An application together with its proxy
    Run(Run),
    /// Looks at services, instances, proxies or rules
    Get(Get),
    /// Writes rule documents: all of a file, or none
    Apply(Apply),
    /// Removes a rule document; ends with 1 where there is none
    Delete(Delete),
    /// Shows how rule documents were changed, and by whom
    History(History),
    /// Brings all rule documents back to how they stood at a revision
    Rollback(Rollback),
    /// Says where a call would go and why, or what became of one; sends nothing
    Explain(Explain),
    /// Checks a settings file
    Config(Config),
    /// Prints a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the version
    Version,
    /// One of the sample services of the demo
    #[command(hide = true)]
    Sample(Sample),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Prints one JSON line with all addresses when everything is ready, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
    /// Ends by itself after this time: 30s, 5m, 1h
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Keeps the control plane's records in this directory, for the next demo; nothing is kept without it
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Sends no calls of its own
    #[arg(long)]
    pub(crate) no_traffic: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Control {
    #[command(subcommand)]
    pub(crate) action: Option<ControlAction>,
    /// Keeps everything in this directory, which only its owner may enter [env: MESHER_DATA_DIR] [default: mesher under
    /// $XDG_DATA_HOME or ~/.local/share; /var/lib/mesher for root]
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Keeps nothing beyond the life of the process
    #[arg(long)]
    pub(crate) in_memory: bool,
    /// Where it answers [env: MESHER_CONTROL_LISTEN] [default: 127.0.0.1:30100]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Opens a further door to the same, for clients that expect kie there [env: MESHER_KIE_LISTEN] [default: closed]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) kie_listen: Option<SocketAddr>,
    /// Opens a further door to the same, for clients that expect config-center there [env:
    /// MESHER_CONFIG_CENTER_LISTEN] [default: closed]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) config_center_listen: Option<SocketAddr>,
    /// Names that a browser may use for it, beside addresses and localhost
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Speaks TLS with the certificate in this file, PEM; read again when it changes [env: MESHER_CONTROL_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM [env: MESHER_CONTROL_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Takes a free port where the address's port is taken, and leaves a further door closed where its port is
    #[arg(long, hide = true)]
    pub(crate) any_port: bool,
    /// Prints {"control":"http://…"}, or https, as one line once it listens
    #[arg(long)]
    pub(crate) print_addresses: bool,
    /// Leaves the terminal's group: who started it ends it
    #[arg(long, hide = true)]
    pub(crate) tied: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ControlAction {
    /// Writes all that is kept into one new file: of the control plane that runs, or of a directory whose owner is stopped
    Backup {
        /// The new file
        file: PathBuf,
        /// The data directory of a control plane that does not run
        #[arg(long, value_name = "DIR", conflicts_with = "control")]
        data_dir: Option<PathBuf>,
        /// Address of the control plane that runs [env: MESHER_CONTROL] [default: http://127.0.0.1:30100]
        #[arg(long, value_name = "URL")]
        control: Option<String>,
    },
    /// Fills a new data directory from a backup
    Restore {
        /// The backup
        file: PathBuf,
        /// The new directory; one that is there must be empty
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Proxy {
    /// A settings file (mesher.yaml); the environment and flags win over it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the proxy stands
    #[arg(long, value_enum, default_value_t = Mode::Sidecar)]
    pub(crate) mode: Mode,
    /// Prints the addresses as one JSON line once it listens
    #[arg(long)]
    pub(crate) print_addresses: bool,
    /// Leaves the terminal's group: who started it ends it
    #[arg(long, hide = true)]
    pub(crate) tied: bool,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Beside one application
    Sidecar,
    /// Once for all applications of a host (not in this release)
    PerHost,
    /// At the edge of the mesh (not in this release)
    Edge,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Name of the service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    /// Version of the service
    #[arg(long = "version", value_name = "VERSION", default_value = "0.0.1")]
    pub(crate) service_version: String,
    /// A port that the application listens on: 8080, rest:8080, tcp:5432. Without one, no instance is registered
    #[arg(long = "port", value_name = "[PROTOCOL:]PORT")]
    pub(crate) ports: Vec<String>,
    /// Registry addresses [env: MESHER_REGISTRY]
    #[arg(long, value_name = "URL")]
    pub(crate) registry: Option<String>,
    /// A loopback address whose connections go to a TCP service: 127.0.0.1:6379=cache
    #[arg(long = "tcp-outbound", value_name = "LISTEN=SERVICE")]
    pub(crate) tcp_outbound: Vec<String>,
    /// Writes the proxy's addresses as JSON to this file once it listens
    #[arg(long, value_name = "FILE")]
    pub(crate) addresses_to: Option<PathBuf>,
    /// The application and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    /// What to look at
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// Only this service
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Services with their versions and instances
    Services,
    /// Instances with their endpoints
    Instances,
    /// Proxies with their addresses, and the rules they serve with
    Proxies,
    /// Rule documents
    Rules,
}

/// How a change is made.
#[derive(Debug, Args)]
pub(crate) struct Change {
    /// Shows what would be done, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Waits until every proxy that the change concerns serves with it; names those that do not, and fails
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "5s", value_parser = parse_duration)]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The documents, YAML or JSON; - reads standard input
    #[arg(short = 'f', long = "file", value_name = "FILE")]
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its kind
    pub(crate) kind: String,
    /// Its name
    pub(crate) name: String,
    /// Its application
    #[arg(long, value_name = "NAME", default_value = mesher_model::DEFAULT)]
    pub(crate) app: String,
    /// Its environment
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) env: String,
    /// Only looks whether it is there
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only documents of this kind
    #[arg(requires = "name")]
    pub(crate) kind: Option<String>,
    /// Only the document of this name
    pub(crate) name: Option<String>,
    /// Only this change, with its difference
    #[arg(long, value_name = "REVISION", conflicts_with = "kind")]
    pub(crate) revision: Option<u64>,
    /// How many changes, newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The revision whose state comes back
    pub(crate) revision: u64,
    #[command(flatten)]
    pub(crate) change: Change,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --to: the calls that proxies remember, newest first; with an id: that one.\n\n\
    mesher explain --from webapp --to calculator 'GET /bmi?height=1.8' -H 'x-user: jason'\n\
    mesher explain 4f1c2a9d03b7e611"
)]
pub(crate) struct Explain {
    /// A method and a path, as 'GET /path'; or the id of a call, from the access log or from an answer
    #[arg(value_name = "CALL")]
    pub(crate) call: Option<String>,
    /// The service that would call
    #[arg(long, value_name = "SERVICE", requires = "to")]
    pub(crate) from: Option<String>,
    /// The host that it would call: a service, or any other
    #[arg(long, value_name = "HOST", requires = "from")]
    pub(crate) to: Option<String>,
    /// A header field of the call
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", requires = "to")]
    pub(crate) headers: Vec<String>,
    /// The address that it would call from
    #[arg(long, value_name = "ADDRESS", requires = "to")]
    pub(crate) address: Option<std::net::IpAddr>,
    /// The application of the service that would call
    #[arg(long, value_name = "NAME", default_value = mesher_model::DEFAULT)]
    pub(crate) app: String,
    /// The environment of that service
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) env: String,
    /// Of the calls that are remembered, only those that failed
    #[arg(long, conflicts_with_all = ["call", "to"])]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Form of the output
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Form::Table)]
    pub(crate) form: Form,
    /// Address of the control plane [env: MESHER_CONTROL] [default: http://127.0.0.1:30100]
    #[arg(long, value_name = "URL")]
    pub(crate) control: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people
    Table,
    /// JSON for programs
    Json,
    /// YAML
    Yaml,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Validates a settings file; errors show file, line, column and the text
    Check {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// Which one
    #[arg(value_enum)]
    pub(crate) kind: SampleKind,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The version that it says it has
    #[arg(long = "version", value_name = "VERSION", default_value = "0.0.1")]
    pub(crate) sample_version: String,
    /// The instance that it says it is
    #[arg(long, default_value = "")]
    pub(crate) instance: String,
    /// Prints its address once it listens
    #[arg(long)]
    pub(crate) print_addresses: bool,
    /// Leaves the terminal's group: who started it ends it
    #[arg(long)]
    pub(crate) tied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SampleKind {
    /// Computes the body-mass index
    Calculator,
    /// The page that asks the calculator
    Webapp,
}

/// `30s`, `5m`, `1h`, `500ms`; a bare number is seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| "write for example 30s, 5m or 1h".to_owned())?;
    let seconds =
        |factor: u64| number.checked_mul(factor).map(Duration::from_secs).ok_or("too long".to_owned());
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        _ => Err(format!("{unit:?} is no unit of time; write for example 30s, 5m or 1h")),
    }
}
