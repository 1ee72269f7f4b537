//! The configurations of nginx, HAProxy and Envoy: one worker, kept connections, no limit that a scenario could meet.
//! It must give each what an experienced operator would give it: a peer that is set up badly proves nothing.

use serde_json::{Value, json};

/// Connections that a proxy may hold on either side: the usual hard limit of open files is 20,000.
const CONNECTIONS_MAX: u32 = 9_900;

/// nginx. Answers are never put into files: that would measure the disk.
pub(super) fn nginx(listen: u16, backend: u16) -> String {
    format!(
        "daemon off; master_process on; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 19900; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; tcp_nodelay on;
  client_body_buffer_size 64k; client_max_body_size 0; proxy_max_temp_file_size 0;
  client_body_temp_path body; proxy_temp_path proxy;
  upstream b {{
    server 127.0.0.1:{backend};
    keepalive 20000; keepalive_requests 1000000000; keepalive_timeout 3600s;
  }}
  server {{
    listen 127.0.0.1:{listen} backlog=4096 reuseport;
    location / {{
      proxy_pass http://b; proxy_http_version 1.1;
      proxy_set_header Connection \"\"; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_request_buffering off;
    }}
  }}
}}
"
    )
}

/// HAProxy.
pub(super) fn haproxy(listen: u16, backend: u16) -> String {
    format!(
        "global
  maxconn {CONNECTIONS_MAX}
  nbthread 1
  tune.bufsize 16384
defaults
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 3600s
  mode http
  option forwardfor
  http-reuse always
frontend f
  bind 127.0.0.1:{listen} backlog 4096
  default_backend b
backend b
  server s 127.0.0.1:{backend} pool-max-conn 20000 pool-purge-delay 3600s
"
    )
}

/// The line that Istio's proxies write by default.
const ISTIO_LOG: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \
\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \
\"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% \
%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

/// Envoy: connection manager and router. With `mesh` also access control, faults, CORS, request ids, retries,
/// outlier detection and an access log in Istio's form.
pub(super) fn envoy(listen: u16, backend: u16, mesh: bool) -> Value {
    let mut cluster = json!({
        "name": "b", "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [{
            "priority": "DEFAULT", "max_connections": 100_000, "max_pending_requests": 100_000,
            "max_requests": 100_000, "max_retries": 1000,
        }]},
        "load_assignment": {"cluster_name": "b", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": address(backend)}},
        ]}]},
    });
    if mesh && let Some(cluster) = cluster.as_object_mut() {
        cluster.insert("outlier_detection".to_owned(), json!({"consecutive_5xx": 5}));
    }
    let manager =
        json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager(mesh)});
    json!({
        "static_resources": {
            "listeners": [{
                "name": "in", "address": address(listen), "enable_reuse_port": true, "tcp_backlog_size": 4096,
                "filter_chains": [{"filters": [manager]}],
            }],
            "clusters": [cluster],
        },
        "overload_manager": {"resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": {
                "@type": kind("resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"),
                "max_active_downstream_connections": 100_000,
            },
        }]},
    })
}

fn manager(mesh: bool) -> Value {
    let mut route = json!({"cluster": "b"});
    if mesh && let Some(route) = route.as_object_mut() {
        let previous = json!({
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {"@type": kind("retry.host.previous_hosts.v3.PreviousHostsPredicate")},
        });
        let policy = json!({
            "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
            "num_retries": 2, "retry_host_predicate": [previous], "host_selection_retry_max_attempts": "5",
            "retriable_status_codes": [503],
        });
        route.insert("retry_policy".to_owned(), policy);
    }
    let hosts =
        json!([{"name": "main", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]);
    json!({
        "@type": kind("filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in", "codec_type": "HTTP1", "use_remote_address": true,
        "generate_request_id": mesh,
        "route_config": {"name": "r", "virtual_hosts": hosts},
        "http_filters": filters(mesh),
        "access_log": access_log(mesh),
    })
}

fn filters(mesh: bool) -> Vec<Value> {
    let filter = |name: &str, settings: Value| json!({"name": name, "typed_config": settings});
    let router = filter("envoy.filters.http.router", json!({"@type": kind("filters.http.router.v3.Router")}));
    if !mesh {
        return vec![router];
    }
    let all = json!({"permissions": [{"any": true}], "principals": [{"any": true}]});
    let rules = json!({"action": "ALLOW", "policies": {"all": all}});
    vec![
        filter(
            "envoy.filters.http.rbac",
            json!({"@type": kind("filters.http.rbac.v3.RBAC"), "rules": rules}),
        ),
        filter("envoy.filters.http.fault", json!({"@type": kind("filters.http.fault.v3.HTTPFault")})),
        filter("envoy.filters.http.cors", json!({"@type": kind("filters.http.cors.v3.Cors")})),
        router,
    ]
}

fn access_log(mesh: bool) -> Vec<Value> {
    if !mesh {
        return Vec::new();
    }
    let settings = json!({
        "@type": kind("access_loggers.file.v3.FileAccessLog"), "path": "/dev/null",
        "log_format": {"text_format_source": {"inline_string": ISTIO_LOG}},
    });
    vec![json!({"name": "envoy.access_loggers.file", "typed_config": settings})]
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn kind(name: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.{name}")
}
