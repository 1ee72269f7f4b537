//! What pages of other sites, and markup in names, can do to a browser that shows this control plane.
//! They must ask as a browser asks: with the fields that a page cannot choose.

use serde_json::json;

use crate::support::{Plane, SERVICES};

const MARKUP: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "\"><script>alert(1)</script>",
];

/// AD-05: markup wherever a caller may write.
#[tokio::test]
async fn ad_05_markup_is_shown_and_never_run() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    for (number, markup) in MARKUP.into_iter().enumerate() {
        let row = json!({"app": markup, "service": markup, "outbound": markup, "state": markup}).to_string();
        plane.put(&format!("/mesher/v1/proxies/p-{number}"), &row).await;
        let row = json!({"service": markup, "state": "ready"}).to_string();
        assert_eq!(plane.put(&format!("/mesher/v1/proxies/q-{number}"), &row).await.status, 204);
        let instance = json!({"instance": {"hostName": markup, "properties": {markup: markup}}}).to_string();
        assert_eq!(plane.post(&format!("{SERVICES}/{service}/instances"), &instance).await.status, 200);
        let named = json!({"service": {"serviceName": markup, "appId": markup}}).to_string();
        plane.post(SERVICES, &named).await.assert_refused("400001");
    }
    let page = plane.get("/").await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text.contains("&lt;svg/onload=alert(1)&gt;"), "{}", page.text);
    for raw in ["<img", "<svg", "<script", "href=\"javascript", "style="] {
        assert!(!page.text.contains(raw), "{raw} in {}", page.text);
    }
    for path in [format!("{SERVICES}/{service}/instances"), "/mesher/v1/proxies".to_owned()] {
        let answer = plane.get(&path).await;
        assert!(answer.header("content-type").starts_with("application/json"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.json().to_string().contains("onerror"), "told as it was said: {}", answer.text);
    }
}

/// AD-08: below `/v4` any `Host` is taken, so what tells a page from a program is what its browser adds.
#[tokio::test]
async fn ad_08_a_page_reads_nothing_of_the_registry() {
    let plane = Plane::start().await;
    plane.service("pay", "1.0.0").await;
    let own = format!("http://{}", plane.address);
    let table: [(&[(&str, &str)], u16); 10] = [
        (&[("host", "registry.svc")], 200),
        (&[("origin", &own)], 200),
        (&[("sec-fetch-site", "none")], 200),
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("origin", "http://evil.test")], 403),
        (&[("origin", "null")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "nonsense")], 403),
        (&[("host", "evil.test"), ("sec-fetch-site", "same-origin")], 403),
    ];
    for path in [SERVICES, "/registry/v3/microservices", "/v4/default/govern/microservices"] {
        for (fields, status) in table {
            let answer = plane.send("GET", path, fields, "").await;
            assert_eq!(answer.status, status, "{path} {fields:?}: {answer:?}");
            if status == 403 {
                answer.assert_refused("403001");
                assert!(!answer.text.contains("pay"), "{answer:?}");
            }
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
    let rebound = [("host", "evil.test"), ("origin", "http://evil.test")];
    assert_eq!(plane.send("DELETE", SERVICES, &rebound, "{}").await.status, 403);
}

/// AD-16: frames, guesses at types, copies on the way.
#[tokio::test]
async fn ad_16_answers_are_neither_framed_nor_guessed_nor_kept() {
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let page = plane.get("/").await;
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(page.header("x-frame-options"), "DENY");
    let service = format!("{SERVICES}/{service}");
    let paths = [
        "/",
        "/metrics",
        "/mesher/v1/services",
        "/mesher/v1/proxies",
        SERVICES,
        &service,
        "/v4/nosuch",
        "/x",
    ];
    for path in paths {
        let answer = plane.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let refused = plane.send("GET", "/", &[("host", "evil.test")], "").await;
    assert_eq!(refused.header("cache-control"), "no-store");
}
