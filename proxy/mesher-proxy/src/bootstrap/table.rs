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
    "MESHER_KIE_LISTEN",
    "MESHER_CONFIG_CENTER_LISTEN",
    "MESHER_CONTROL_CA",
    "MESHER_CONTROL_TOKEN",
    "MESHER_CONTROL_ACCOUNT",
    "MESHER_CONTROL_PASSWORD_FILE",
    "MESHER_CONTROL_TLS_CERT",
    "MESHER_CONTROL_TLS_KEY",
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
        "registry addresses, comma between, or `off` where `services_file` says who is where; `http://127.0.0.1:30100`",
    ),
    built(
        "services_file",
        "MESHER_SERVICES_FILE",
        &[],
        "file of services beside those of the registry, watched while the proxy runs; none",
    ),
    built(
        "config_center",
        "MESHER_CONFIG_CENTER",
        &["CSE_CONFIG_CENTER_ADDR", "PAAS_CSE_CC_ENDPOINT"],
        "configuration addresses, comma between; the registry's, where that is a control plane of ours",
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
    built(
        "state_dir",
        "MESHER_STATE_DIR",
        &[],
        "folder of this proxy alone in which the last good snapshot is kept, or `off`; one for each service and port under `$XDG_STATE_HOME/mesher`, else `/var/lib/mesher`",
    ),
    built("workers", "MESHER_WORKERS", &[], "data threads; the processors that the process may use"),
    built(
        "tcp_outbound",
        "MESHER_TCP_OUTBOUND",
        &[],
        "`LISTEN=SERVICE`, comma between: loopback addresses that lead to a TCP service",
    ),
    built(
        "health_check",
        "MESHER_HEALTH_CHECK",
        &[],
        "how the application is checked while it runs: a path, which its first HTTP port answers with 200 to 399 (`/health`); `tcp`: every declared port accepts connections; `off`. An application that fails it is `DOWN` in the registry",
    ),
    built("health_check_interval", "MESHER_HEALTH_CHECK_INTERVAL", &[], "how often, `10s`"),
    built("health_check_time_max", "MESHER_HEALTH_CHECK_TIME_MAX", &[], "how long one check may take, `1s`"),
    built(
        "health_check_unhealthy",
        "MESHER_HEALTH_CHECK_UNHEALTHY",
        &[],
        "bad checks in a row until the instance is `DOWN`, `3`; the first check of all decides alone",
    ),
    built(
        "health_check_healthy",
        "MESHER_HEALTH_CHECK_HEALTHY",
        &[],
        "good checks in a row until it is `UP` again, `2`",
    ),
    built("region", "MESHER_REGION", &[], "region of the instance; empty"),
    built("zone", "MESHER_ZONE", &[], "zone of the instance; empty"),
    built(
        "config_type",
        "MESHER_CONFIG_TYPE",
        &[],
        "what the configuration address speaks: `kie`, `config-center`; `auto` finds out",
    ),
    built("domain", "MESHER_DOMAIN", &[], "tenant, `default`"),
    built(
        "registry_ca",
        "MESHER_REGISTRY_CA",
        &[],
        "file in PEM with the authority of an `https://` registry's certificate; the system's",
    ),
    built(
        "registry_account",
        "MESHER_REGISTRY_ACCOUNT",
        &[],
        "account at a registry with access control; needs `registry_password_file`",
    ),
    built("registry_password_file", "MESHER_REGISTRY_PASSWORD_FILE", &[], "file with the account's password"),
    built(
        "registry_token_file",
        "MESHER_REGISTRY_TOKEN_FILE",
        &[],
        "file with a token for the registry, kept fresh by others, in place of an account",
    ),
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
        "head_bytes_max",
        "MESHER_HEAD_BYTES_MAX",
        &[],
        "largest head, of requests (431) and of answers (502), in bytes, 256 to 1048576; `65536`",
    ),
    built(
        "head_fields_max",
        "MESHER_HEAD_FIELDS_MAX",
        &[],
        "most fields of one head, 1 to 256; up to three that another proxy may have added do not count; `100`",
    ),
    built(
        "body_bytes_max",
        "MESHER_BODY_BYTES_MAX",
        &[],
        "largest body of a request, in bytes, or `off` (413); `off`: bodies are streamed, not held",
    ),
    built(
        "head_time_max",
        "MESHER_HEAD_TIME_MAX",
        &[],
        "from the first byte of a head to its last, and the wait for a connection's first byte (408), `10s`",
    ),
    built(
        "idle_time_max",
        "MESHER_IDLE_TIME_MAX",
        &[],
        "a caller's connection without a request, after at least one, `300s`",
    ),
    built(
        "sender_rate_min",
        "MESHER_SENDER_RATE_MIN",
        &[],
        "least that a caller must send of a body, in bytes a second, or `off` (408); `512`",
    ),
    built(
        "reader_rate_min",
        "MESHER_READER_RATE_MIN",
        &[],
        "least that a caller must read of an answer, in bytes a second, or `off` (the connection ends); `512`",
    ),
    built("rate_window", "MESHER_RATE_WINDOW", &[], "the time over which both rates are measured, `30s`"),
    built(
        "connect_time_max",
        "MESHER_CONNECT_TIME_MAX",
        &[],
        "one attempt to connect to an endpoint (504), `1s`",
    ),
    built(
        "response_time_max",
        "MESHER_RESPONSE_TIME_MAX",
        &[],
        "from the last byte of a request that was sent to the head of its answer (504), `300s`",
    ),
    built(
        "stall_time_max",
        "MESHER_STALL_TIME_MAX",
        &[],
        "silence of an upstream in the middle of its answer (the answer is cut off), `300s`",
    ),
    built(
        "connections_max",
        "MESHER_CONNECTIONS_MAX",
        &[],
        "connections of callers for each listener; more wait in the backlog, `20000`",
    ),
    built(
        "upstream_connections_max",
        "MESHER_UPSTREAM_CONNECTIONS_MAX",
        &[],
        "connections to one endpoint, for each worker, `4096`",
    ),
    built(
        "upstream_queue_max",
        "MESHER_UPSTREAM_QUEUE_MAX",
        &[],
        "calls that wait for a connection to one endpoint, for each worker; more are refused (503), `10000`",
    ),
    built(
        "upstream_queue_time_max",
        "MESHER_UPSTREAM_QUEUE_TIME_MAX",
        &[],
        "how long a call waits for a connection (503), `1s`",
    ),
    built(
        "upstream_age_max",
        "MESHER_UPSTREAM_AGE_MAX",
        &[],
        "how long an upstream connection is used for further calls; up to a tenth less, at random, `30m`",
    ),
    built(
        "upgrade_idle_time_max",
        "MESHER_UPGRADE_IDLE_TIME_MAX",
        &[],
        "silence of both sides after an upgrade, for example to WebSocket, `1h`",
    ),
    built(
        "memory_max",
        "MESHER_MEMORY_MAX",
        &[],
        "how much memory of its own the proxy may have, in bytes or as `64MiB`, or `off`: from 92 % of it connections are not kept, from 95 % new calls are refused (503), from 98 % few connections are accepted at once; the limit of its control group, where there is one",
    ),
    built(
        "lag_max",
        "MESHER_LAG_MAX",
        &[],
        "how late the work of a data thread may be for a whole second, or `off`: from then on it refuses new calls (503) until it has caught up, `500ms`",
    ),
    built(
        "handlers",
        "MESHER_HANDLERS",
        &[],
        "`NAME@CHAIN[:BEHIND]`, comma between: where handlers of this build's own stand, CHAIN being `consumer` or `provider`, BEHIND the handler above it, `metrics`; none",
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
