//! Endpoints that come and go under calls.
//! It must fail no call, and keep no connection to an endpoint that is gone.

use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::http::Kept;
use mesher_verify::mesh::NEWS;
use mesher_verify::patience::{throughout, until_within};
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;

use crate::stand::Stand;

/// Between two changes.
const INTERVAL: Duration = Duration::from_millis(100);

/// CP-12: the list of endpoints changes ten times a second under calls. None fails, and no connection is left over.
#[test]
fn cp_12() {
    let mut stand = Stand::start("cp_12");
    let upstreams: Vec<_> = (0..4).map(|_| Application::http(|request| ok(request.head.target()))).collect();
    let stays = &upstreams[0];
    stand.register("provider", stays);
    let outbound = stand.proxy.addresses.outbound;
    let traffic: Vec<_> = (0..4)
        .map(|caller| {
            let (mut kept, mut number) = (Kept::to(outbound), 0);
            Traffic::start(move || {
                number += 1;
                let target = format!("/{caller}/{number}");
                let method = if number % 2 == 0 { "POST" } else { "GET" };
                let answer = kept.call(&format!("{method} {target} HTTP/1.1\r\nHost: provider\r\n\r\n"));
                match answer {
                    Ok(answer) if (answer.status(), answer.text()) == (200, target) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let (mut records, mut changes) = (Vec::new(), 0);
    while begun.elapsed() < Duration::from_millis(scaled(700, 60_000)) {
        if records.len() < upstreams.len() - 1 && changes % 3 != 2 {
            records.push(stand.register("provider", &upstreams[1 + records.len()]));
        } else if let Some(record) = records.pop() {
            stand.deregister(&record);
        }
        changes += 1;
        throughout(INTERVAL, || Ok(()));
    }
    records.iter().for_each(|record| stand.deregister(record));
    until_within(NEWS, "only one endpoint is known", || {
        (stand.proxy.addresses.endpoints("provider").len() == 1).then_some(())
    });
    let answered: u64 = traffic.iter().map(Traffic::answered).sum();
    traffic.into_iter().for_each(Traffic::end_without_failure);
    until_within(NEWS, "connections lead to the endpoint that is left", || {
        let idle = stand.metrics().sum("mesher_upstream_connections", &["peer=\"provider\""]);
        (idle <= 4).then_some(())
    });
    stand.note(format!("{changes} changes, {answered} calls"));
    stand.end(&[]);
}
