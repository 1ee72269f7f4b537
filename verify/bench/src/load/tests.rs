//! The pure parts of the load, and one exchange of clients and backend without a proxy between them.
//! It must judge no time: other work runs beside the tests.

use std::time::{Duration, Instant};

use super::answer::{Answer, Fault, Wanted};
use super::head_end::HeadEnds;
use super::histogram::Histogram;
use super::message::{Reply, Requests, request};
use super::schedule::Schedule;
use super::{Engine, Load, Pace};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_quantile_lies_within_its_bucket() {
    let mut histogram = Histogram::default();
    for microseconds in 1..=1000 {
        histogram.record(Duration::from_micros(microseconds));
    }
    for (share, wanted) in [(0.001, 1.0), (0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
        let found = histogram.quantile(share).as_secs_f64() * 1e6;
        assert!((found / wanted - 1.0).abs() < 0.016, "{share}: {found} instead of {wanted}");
    }
}

#[test]
fn a_histogram_takes_the_least_and_the_most() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile(0.5), Duration::ZERO);
    histogram.record(Duration::ZERO);
    histogram.record(Duration::MAX);
    assert_eq!(histogram.quantile(0.5), Duration::ZERO);
    assert!(histogram.quantile(1.0) > Duration::from_secs(1_000_000_000));
    histogram.clear();
    assert_eq!(histogram.quantile(1.0), Duration::ZERO);
}

#[test]
fn small_values_are_exact() {
    for nanoseconds in [1, 63, 64, 65, 127] {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_nanos(nanoseconds));
        assert_eq!(histogram.quantile(0.5), Duration::from_nanos(nanoseconds));
    }
}

#[test]
fn heads_are_counted_however_they_are_cut() {
    let stream = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n";
    for size in 1..=stream.len() {
        let mut ends = HeadEnds::default();
        let count: usize = stream.chunks(size).map(|piece| ends.count(piece)).sum();
        assert_eq!(count, 2, "in pieces of {size}");
    }
}

#[test]
fn an_answer_is_read_however_it_is_cut() {
    let reply = Reply::of(100);
    for size in 1..=reply.bytes.len() {
        let mut answer = Answer::default();
        let pieces: Vec<_> = reply.bytes.chunks(size).collect();
        for (place, piece) in pieces.iter().enumerate() {
            let is_last = place + 1 == pieces.len();
            assert_eq!(
                answer.take(piece, Wanted::ok(100)),
                Ok(is_last),
                "in pieces of {size}, piece {place}"
            );
        }
        assert_eq!(answer.take(&reply.bytes, Wanted::ok(100)), Ok(true), "the next one");
    }
}

#[test]
fn a_wrong_answer_is_a_fault() {
    let take = |bytes: &[u8]| Answer::default().take(bytes, Wanted::ok(4));
    assert_eq!(take(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcde"), Err(Fault::Excess));
    let shorter = Err(Fault::Length { found: Some(3), wanted: 4 });
    assert_eq!(take(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), shorter);
    let chunked = Err(Fault::Length { found: None, wanted: 4 });
    assert_eq!(take(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), chunked);
    let refused = Err(Fault::Status { code: 502, wanted: 200, said: "mesher; error=x".to_owned() });
    assert_eq!(take(b"HTTP/1.1 502 Bad\r\nProxy-Status: mesher; error=x\r\n\r\n"), refused);
    assert_eq!(take(b"nonsense\r\n\r\n"), Err(Fault::Head));
}

#[test]
fn an_answer_without_change_needs_no_length() {
    let take = |bytes: &[u8]| Answer::default().take(bytes, Wanted { status: 304, length: 0 });
    assert_eq!(take(b"HTTP/1.1 304 Not Modified\r\n\r\n"), Ok(true));
    assert_eq!(take(b"HTTP/1.1 304 Not Modified\r\n\r\nx"), Err(Fault::Excess));
    let whole = Err(Fault::Status { code: 200, wanted: 304, said: String::new() });
    assert_eq!(take(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), whole);
}

#[test]
fn a_schedule_does_not_wait_for_answers() {
    let begin = Instant::now();
    let mut schedule = Schedule::new(begin, 1000.0);
    assert!(schedule.advance(begin + Duration::from_micros(2500)));
    let due: Vec<_> = std::iter::from_fn(|| schedule.take()).map(|due| due - begin).collect();
    assert_eq!(due, [0, 1, 2].map(Duration::from_millis));
    assert!(schedule.advance(begin + Duration::from_micros(2900)));
    assert_eq!(schedule.take(), None, "nothing new is due");
    assert!(!schedule.advance(begin + Duration::from_secs(200)), "too much waits");
}

#[test]
fn requests_end_or_go_on() {
    let mut each = Requests::Each([request("a"), request("b")].into());
    assert_eq!([each.next(), each.next(), each.next()].map(|next| next.is_some()), [true, true, false]);
    let mut round = Requests::Round([request("a"), request("b")].into());
    assert_eq!([round.next(), round.next(), round.next()], ["a", "b", "a"].map(|host| Some(request(host))));
    assert_eq!(
        Requests::Same(request("a")).next().as_deref(),
        Some(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..])
    );
}

fn load(engine: &Engine, connections: usize, requests: Requests, pace: Pace) -> Load {
    Load { target: engine.backend, connections, requests, pace }
}

#[test]
fn clients_and_backend_meet() {
    let mut engine = Engine::new().unwrap();
    for bytes in [0, 64, 1024 * 1024] {
        engine.set_reply(Reply::of(bytes));
        engine.tally.clear();
        let requests = Requests::Each(std::iter::repeat_n(request("a"), 50).collect());
        engine.begin(load(&engine, 7, requests, Pace::Closed)).unwrap();
        engine.run_to(50, LIMIT).unwrap();
        engine.resume(Requests::Each([request("a")].into()));
        engine.run_to(51, LIMIT).unwrap();
        engine.end().unwrap();
        assert_eq!(engine.tally.faults, 0, "{:?}", engine.tally.examples);
    }
}

#[test]
fn only_the_group_whose_turn_it_is_sends() {
    let mut engine = Engine::new().unwrap();
    engine.set_reply(Reply::of(64));
    for group in [0, 1] {
        engine.turn_to(group);
        engine.begin(load(&engine, 3, Requests::Same(request("a")), Pace::Closed)).unwrap();
        engine.run_to(10, LIMIT).unwrap();
        assert_eq!(engine.under_way, 3, "the other group's clients hold still");
        engine.hold(LIMIT).unwrap();
        engine.tally.clear();
        engine.run(Duration::from_millis(5)).unwrap();
        assert_eq!(engine.tally.completed, 0, "clients that are held send nothing");
    }
    engine.turn_to(0);
    engine.run_to(10, LIMIT).unwrap();
    assert_eq!(engine.under_way, 3);
    engine.hold(LIMIT).unwrap();
    engine.end().unwrap();
    assert_eq!(engine.tally.faults, 0, "{:?}", engine.tally.examples);
}

#[test]
fn an_answer_that_does_not_come_ends_the_wait() {
    let mut engine = Engine::new().unwrap();
    // A backend of its own that accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = silent.local_addr().unwrap();
    let requests = Requests::Same(request("a"));
    engine.begin(Load { target, connections: 2, requests, pace: Pace::Closed }).unwrap();
    let error = engine.hold(Duration::from_millis(20)).unwrap_err().to_string();
    assert!(error.starts_with("2 requests are not answered"), "{error}");
    engine.end().unwrap();
    engine.hold(Duration::ZERO).unwrap();
}

#[test]
fn an_open_loop_sends_what_is_due() {
    let mut engine = Engine::new().unwrap();
    engine.set_reply(Reply::of(64));
    let pace = Pace::Open(Schedule::new(Instant::now(), 500.0));
    engine.begin(load(&engine, 3, Requests::Same(request("a")), pace)).unwrap();
    engine.run_to(20, LIMIT).unwrap();
    assert!(engine.tally.latency.quantile(0.0) > Duration::ZERO);
}

#[test]
fn a_connection_that_closes_under_a_client_is_a_fault() {
    let mut engine = Engine::new().unwrap();
    engine.set_reply(Reply::closing(8));
    engine.begin(load(&engine, 1, Requests::Same(request("a")), Pace::Closed)).unwrap();
    let error = engine.run_to(2, LIMIT).unwrap_err().to_string();
    assert!(error.contains("1 faults"), "{error}");
}
