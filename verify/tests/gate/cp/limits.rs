//! Calls that wait for a connection because there may be no more.
//! It must show that the queue is bounded, fair and forgets those who leave.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::faults::reset;
use mesher_verify::machine::allow_descriptors;
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// What a deadline may be late: those of a proxy are coarse.
const LATE: Duration = Duration::from_millis(1500);

/// CP-11: all connections to an endpoint are in use. Calls wait in turn, so many and so long; the rest gets 503; those
/// who leave leave nothing behind.
#[test]
fn cp_11() {
    const CONNECTIONS: usize = 2;
    let queue = scaled(20, 8_000);
    allow_descriptors(3 * queue as u64);
    let patience = Duration::from_millis(scaled(600, 5000));
    let mut stand = Stand::with_flags(
        "cp_11",
        &[
            ("MESHER_UPSTREAM_CONNECTIONS_MAX", &CONNECTIONS.to_string()),
            ("MESHER_UPSTREAM_QUEUE_MAX", &queue.to_string()),
            ("MESHER_UPSTREAM_QUEUE_TIME_MAX", &format!("{}ms", patience.as_millis())),
        ],
        &["--workers", "1"],
    );
    let (opened, order) = (Gate::default(), Arc::new(Mutex::new(Vec::new())));
    let (opens, arrived) = (opened.clone(), Arc::clone(&order));
    let upstream = Application::http(move |request| {
        let target = request.head.target();
        arrived.lock().unwrap().push(target.to_owned());
        if target.starts_with("/hold") {
            opens.wait();
        }
        ok(target)
    });
    stand.register("provider", &upstream);
    let send = |target: &str| {
        let mut wire = stand.connect();
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        wire
    };
    let active = |count: usize| {
        until(&format!("{count} calls are under way"), || {
            let active = stand.metrics().sum("mesher_active_requests", &["peer=\"provider\""]);
            (active == i64::try_from(count).unwrap()).then_some(())
        });
    };
    let mut held: Vec<_> = (0..CONNECTIONS).map(|number| send(&format!("/hold/{number}"))).collect();
    until("both connections are in use", || (order.lock().unwrap().len() == CONNECTIONS).then_some(()));
    let begun = Instant::now();
    let mut waiting: Vec<_> = (0..queue).map(|number| send(&format!("/wait/{number}"))).collect();
    active(CONNECTIONS + queue);
    let refused = send("/one-too-many").answer("GET").unwrap();
    assert_eq!((refused.status(), &refused.json()["error"]), (503, &"connection_limit_reached".into()));
    for (number, wire) in waiting.iter_mut().enumerate() {
        let late = wire.answer("GET").unwrap();
        assert_eq!(
            (late.status(), &late.json()["error"]),
            (503, &"connection_limit_reached".into()),
            "{number}"
        );
    }
    let took = begun.elapsed();
    assert!(took >= patience && took < patience + LATE, "they waited {took:?}");
    drop(waiting);
    // Half of the next leave, the others get their turn, in the order in which they came.
    let mut waiting: Vec<_> = Vec::new();
    for number in 0..queue {
        waiting.push(send(&format!("/turn/{number}")));
        if number < scaled(20, 100) {
            active(CONNECTIONS + number + 1);
        }
    }
    active(CONNECTIONS + queue);
    let (leaving, staying): (Vec<_>, Vec<_>) =
        waiting.into_iter().enumerate().partition(|(number, _)| number % 2 == 1);
    let left = leaving.len();
    leaving.into_iter().for_each(|(_, wire)| reset(wire));
    active(CONNECTIONS + queue - left);
    opened.open();
    for (number, mut wire) in staying {
        let answer = wire.answer("GET").unwrap();
        assert_eq!((answer.status(), answer.text()), (200, format!("/turn/{number}")));
    }
    held.iter_mut().for_each(|wire| assert_eq!(wire.answer("GET").unwrap().status(), 200));
    let order = order.lock().unwrap();
    let turns: Vec<usize> = order
        .iter()
        .filter_map(|target| target.strip_prefix("/turn/"))
        .map(|number| number.parse().unwrap())
        .collect();
    // Two connections may overtake each other by one place.
    let early = turns.iter().take(scaled(10, 50)).enumerate();
    for (place, number) in early {
        assert!(number.abs_diff(place * 2) <= 4, "call {number} came at place {place}: {turns:?}");
    }
    assert!(turns.iter().all(|number| number % 2 == 0), "a call of someone who had left was sent");
    assert!(upstream.connections() <= CONNECTIONS, "{} connections", upstream.connections());
    stand.note(format!("{queue} waited {took:.1?}"));
    drop(order);
    drop(held);
    stand.end(&[("local", "connection_limit", queue as u64 + 1), ("downstream", "terminated", left as u64)]);
}
