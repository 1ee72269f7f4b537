//! Every setting of a proxy: its names, and whether this release has its feature.
//! It must stay the only list: parsing, errors, suggestions and the reference all read it.

/// Whether a setting can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It works.
    Built,
    /// Its feature is not there yet; setting it is refused. The text names the feature.
    NotBuilt(&'static str),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file.
    pub key: &'static str,
    /// Its native name in the environment.
    pub variable: &'static str,
    /// Other names in the environment that mean the same, in the order in which they are asked.
    pub aliases: &'static [&'static str],
    /// Whether it works.
    pub state: State,
    /// What it means, with its default.
    pub meaning: &'static str,
}

const fn built(
    key: &'static str,
    variable: &'static str,
    aliases: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting { key, variable, aliases, state: State::Built, meaning }
}

const fn later(
    key: &'static str,
    variable: &'static str,
    aliases: &'static [&'static str],
    feature: &'static str,
) -> Setting {
    Setting { key, variable, aliases, state: State::NotBuilt(feature), meaning: feature }
}

/// Variables that belong to the control plane or to the command, so that they are not taken for misspelt settings.
pub(super) const FOREIGN_VARIABLES: &[&str] = &[
    "MESHER_CONTROL",
    "MESHER_CONTROL_LISTEN",
    "MESHER_DATA_DIR",
    "MESHER_ETCD",
    "MESHER_ACCESS_CONTROL",
    "MESHER_ROOT_PASSWORD",
    "MESHER_LOG",
    "MESHER_SKIP_REPORT",
];

/// All settings, in the order of the reference.
pub const SETTINGS: &[Setting] = &[
    built("service", "MESHER_SERVICE", &["SERVICE_NAME", "CAS_COMPONENT_NAME"], "service name; required"),
    built(
        "version",
        "MESHER_VERSION",
        &["VERSION", "SERVICE_VERSION", "CAS_INSTANCE_VERSION"],
        "version, `0.0.1`",
    ),
    built("app", "MESHER_APP", &["APP_ID", "CAS_APPLICATION_NAME"], "application of the service, `default`"),
    built(
        "ports",
        "MESHER_PORTS",
        &["SERVICE_PORTS", "SPECIFIC_ADDR"],
        "where the local application listens: `rest:8080,tcp:5432`; a bare number is `rest`",
    ),
    built(
        "registry",
        "MESHER_REGISTRY",
        &["CSE_REGISTRY_ADDR", "PAAS_CSE_SC_ENDPOINT", "PAAS_CSE_ENDPOINT"],
        "registry addresses, comma between, `http://127.0.0.1:30100`",
    ),
    later(
        "config_center",
        "MESHER_CONFIG_CENTER",
        &["CSE_CONFIG_CENTER_ADDR", "PAAS_CSE_CC_ENDPOINT"],
        "configuration addresses",
    ),
    built(
        "outbound_listen",
        "MESHER_OUTBOUND_LISTEN",
        &[],
        "loopback address for the application's calls, `127.0.0.1:30101`",
    ),
    built(
        "inbound_listen",
        "MESHER_INBOUND_LISTEN",
        &[],
        "address for calls to the application; the advertised host, port 30101, or a free port on loopback",
    ),
    built(
        "advertise",
        "MESHER_ADVERTISE",
        &[],
        "`HOST[:PORT]` that others reach this instance by; the host is found from the route to the registry",
    ),
    built(
        "environment",
        "MESHER_ENVIRONMENT",
        &["ENVIRONMENT"],
        "`development`, `testing`, `acceptance`, `production`; empty",
    ),
    built("project", "MESHER_PROJECT", &["CSE_PROJECT_ID"], "project segment of the API paths, `default`"),
    later("monitor", "MESHER_MONITOR", &["CSE_MONITOR_SERVER_ADDR"], "pushing metric data to a monitor"),
    built("properties", "MESHER_PROPERTIES", &["MD"], "instance properties, `k=v|k=v`"),
    built("node_ip", "HOSTING_SERVER_IP", &[], "recorded as the instance property `nodeIP`"),
    built("admin_listen", "MESHER_ADMIN_LISTEN", &[], "address of the admin, `127.0.0.1:30102`"),
    later("state_dir", "MESHER_STATE_DIR", &[], "keeping the last good snapshot on disk"),
    built("workers", "MESHER_WORKERS", &[], "data threads; the processors that the process may use"),
    built(
        "tcp_outbound",
        "MESHER_TCP_OUTBOUND",
        &[],
        "`LISTEN=SERVICE`, comma between: loopback addresses that lead to a TCP service",
    ),
    built("region", "MESHER_REGION", &[], "region of the instance; empty"),
    built("zone", "MESHER_ZONE", &[], "zone of the instance; empty"),
    later("config_type", "MESHER_CONFIG_TYPE", &[], "configuration servers of another kind"),
    built("domain", "MESHER_DOMAIN", &[], "tenant, `default`"),
    later("registry_ca", "MESHER_REGISTRY_CA", &[], "TLS towards the registry"),
    later("registry_account", "MESHER_REGISTRY_ACCOUNT", &[], "an account at the registry"),
    later("registry_password_file", "MESHER_REGISTRY_PASSWORD_FILE", &[], "an account at the registry"),
    built(
        "access_log",
        "MESHER_ACCESS_LOG",
        &[],
        "which calls are logged: `off`, `failures`, `all`; `failures`",
    ),
    later("access_log_format", "MESHER_ACCESS_LOG_FORMAT", &[], "other access log formats"),
    later("access_log_ratio", "MESHER_ACCESS_LOG_RATIO", &[], "sampling of the access log"),
    later("grpc_listen", "MESHER_GRPC_LISTEN", &[], "the gRPC listener"),
    later("trace_ratio", "MESHER_TRACE_RATIO", &[], "tracing"),
    later("metrics_histogram", "MESHER_METRICS_HISTOGRAM", &[], "other histogram forms"),
    later("metrics_compat", "MESHER_METRICS_COMPAT", &[], "metrics under older names"),
    built(
        "drain_notice",
        "MESHER_DRAIN_NOTICE",
        &[],
        "how long callers get to learn that an instance has left, before its calls in flight are waited for, `2s`",
    ),
    built(
        "when_taken",
        "MESHER_WHEN_TAKEN",
        &[],
        "what to do when a listening port is taken: `fail`, `any-port`; `fail`",
    ),
    built(
        "handover",
        "MESHER_HANDOVER",
        &[],
        "path of a Unix socket over which a newly started proxy takes the place of the running one; none",
    ),
];

/// The setting with this key.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The known word that is nearest to a misspelt one, if any is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}
