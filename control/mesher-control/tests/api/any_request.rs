//! Any request at all: every route, every method, ids, queries and bodies drawn from a seed.
//! It must end in an answer that blames the caller or none, whatever is sent, and must be the same with each run.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::access;
use crate::support::Plane;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PURGE"];
/// Requests of each route and method.
const DRAWS: usize = 6;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers that look random and are the same each time (xorshift, 64 bits).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn json(&mut self, depth: usize) -> Value {
        let names = [
            "service",
            "serviceId",
            "serviceName",
            "appId",
            "version",
            "instance",
            "instances",
            "instanceId",
            "hostName",
            "endpoints",
            "healthCheck",
            "mode",
            "interval",
            "times",
            "properties",
            "status",
            "schemas",
            "schema",
            "schemaId",
            "tags",
            "dependencies",
            "consumer",
            "providers",
            "services",
            "rev",
            "name",
            "password",
            "roles",
            "perms",
            "paths",
            "path",
            "state",
            "unknown",
            "",
        ];
        let texts = [
            "",
            "a",
            "pay",
            "1.0.0",
            "0+",
            "latest",
            "UP",
            "push",
            "*",
            "\u{0}",
            "\u{202e}",
            "\u{1f600}",
            "../..",
        ];
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(i64::MIN + i64::try_from(self.below(3)).unwrap()),
            3 => json!(u64::MAX),
            4 => json!(1e300),
            5 => json!(self.one(&texts)),
            6 => Value::Array((0..self.below(4)).map(|_| self.json(depth - 1)).collect()),
            _ => {
                let members = (0..self.below(6)).map(|_| (self.one(&names).to_owned(), self.json(depth - 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    fn path(&mut self, template: &str, known: &[&str]) -> String {
        let odd = [
            "default",
            "a",
            "%00",
            "%ff",
            "%e2%80%ae",
            "..",
            "a%2fb",
            "*",
            "-1",
            "99999999999999999999",
            "a,b",
        ];
        let mut path = access::path_with(template, |part| {
            let drawn = if self.below(2) == 0 { self.one(known) } else { self.one(&odd) };
            match part {
                "{project}" => "default",
                _ if part.starts_with('{') => drawn,
                _ => part,
            }
        });
        let names = [
            "q",
            "limit",
            "offset",
            "page",
            "value",
            "force",
            "type",
            "version",
            "appId",
            "serviceName",
            "rev",
        ];
        let values =
            ["", "1", "-1", "1000000000", "true", "query", "UP", "pay", "%00", "%ff", "0%2B", "(a%2B)%2B$"];
        for number in 0..self.below(4) {
            let sign = if number == 0 { '?' } else { '&' };
            path.push_str(&format!("{sign}{}={}", self.one(&names), self.one(&values)));
        }
        path
    }
}

/// AD-14: no request is the server's fault, and none is left without an answer.
#[tokio::test]
async fn ad_14_no_request_ends_in_a_fault_of_the_server() {
    let mut draw = Draw(0x5eed_2026);
    let plane = Plane::start().await;
    let service = plane.service("pay", "1.0.0").await;
    let instance = plane.instance(&service, "h1").await;
    let mut count = 0;
    for template in access::templates() {
        for method in METHODS {
            for _ in 0..DRAWS {
                let path = draw.path(&template, &[&service, &instance, "pay"]);
                let body = if draw.below(4) == 0 { String::new() } else { draw.json(4).to_string() };
                let sent = tokio::time::timeout(PATIENCE, plane.send(method, &path, &[], body.clone()));
                let answer = sent.await.unwrap_or_else(|_| panic!("no answer: {method} {path} {body}"));
                assert!(answer.status < 500, "{method} {path} {body}: {answer:?}");
                count += 1;
            }
        }
    }
    assert!(count > 1_000, "{count}");
    assert_eq!(plane.get("/livez").await.status, 200);
}
