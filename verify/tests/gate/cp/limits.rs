//! Calls that wait for a connection because there may be no more.
//! It must show that the queue is bounded, fair and forgets those who leave.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::faults::reset;
use mesher_verify::http::Wire;
use mesher_verify::machine::allow_descriptors;
use mesher_verify::patience::until;
use mesher_verify::scale::scaled;

use crate::stand::Stand;

/// What a deadline may be late: those of a proxy are coarse.
const LATE: Duration = Duration::from_millis(1500);

/// How many connections to the upstream there may be.
const CONNECTIONS: usize = 2;

/// A proxy whose every connection to its upstream is in use, with a queue behind them.
struct Jam {
    stand: Stand,
    upstream: Application,
    /// What reached the upstream, in order.
    order: Arc<Mutex<Vec<String>>>,
    opened: Gate,
    held: Vec<Wire>,
}

impl Jam {
    fn start(row: &'static str, queue: usize, patience: Duration) -> Self {
        allow_descriptors(3 * queue as u64);
        let settings = [
            ("MESHER_UPSTREAM_CONNECTIONS_MAX", &*CONNECTIONS.to_string()),
            ("MESHER_UPSTREAM_QUEUE_MAX", &*queue.to_string()),
            ("MESHER_UPSTREAM_QUEUE_TIME_MAX", &*format!("{}ms", patience.as_millis())),
        ];
        let stand = Stand::with_flags(row, &settings, &["--workers", "1"]);
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
        let mut jam = Self { stand, upstream, order, opened, held: Vec::new() };
        jam.held = (0..CONNECTIONS).map(|number| jam.send(&format!("/hold/{number}"))).collect();
        until("all connections are in use", || {
            (jam.order.lock().unwrap().len() == CONNECTIONS).then_some(())
        });
        jam
    }

    fn send(&self, target: &str) -> Wire {
        let mut wire = self.stand.connect();
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: provider\r\n\r\n")).unwrap();
        wire
    }

    /// Waits until this many calls wait, beside those that hold the connections.
    fn waiting(&self, count: usize) {
        until(&format!("{count} calls wait"), || {
            let active = self.stand.metrics().sum("mesher_active_requests", &["peer=\"provider\""]);
            (active == i64::try_from(CONNECTIONS + count).unwrap()).then_some(())
        });
    }

    /// Lets the connections go.
    fn open(&mut self) {
        self.opened.open();
        for mut wire in std::mem::take(&mut self.held) {
            assert_eq!(wire.answer("GET").unwrap().status(), 200);
        }
    }
}

/// CP-11: all connections to an endpoint are in use. So many calls wait, and so long; the rest gets 503.
#[test]
fn cp_11() {
    let queue = scaled(20, 8_000);
    let patience = Duration::from_millis(scaled(600, 5000));
    let mut jam = Jam::start("cp_11", queue, patience);
    let begun = Instant::now();
    let mut waiting: Vec<_> = (0..queue).map(|number| jam.send(&format!("/wait/{number}"))).collect();
    jam.waiting(queue);
    let full = begun.elapsed();
    let check = |wire: &mut Wire| {
        let answer = wire.answer("GET").unwrap();
        assert_eq!((answer.status(), &answer.json()["error"]), (503, &"connection_limit_reached".into()));
    };
    check(&mut jam.send("/one-too-many"));
    let refused = begun.elapsed() - full;
    assert!(refused < patience, "the one too many waited {refused:?}");
    waiting.iter_mut().for_each(check);
    let took = begun.elapsed();
    assert!(took >= patience && took < full + patience + LATE, "they waited {took:?}");
    drop(waiting);
    jam.open();
    assert_eq!(jam.order.lock().unwrap().len(), CONNECTIONS, "a call that had its answer was sent");
    jam.stand.note(format!("{queue} waited {took:.1?}"));
    jam.stand.end(&[("upstream", "pool_full", queue as u64 + 1)]);
}

/// CP-11, those who leave while they wait: they leave nothing behind, and the others get their turn, first come first.
#[test]
fn cp_11_turns() {
    let queue = scaled(20, 2_000);
    let mut jam = Jam::start("cp_11_turns", queue, Duration::from_secs(20));
    let mut waiting = Vec::new();
    for number in 0..queue {
        waiting.push(jam.send(&format!("/turn/{number}")));
        jam.waiting(number + 1);
    }
    let (leaving, staying): (Vec<_>, Vec<_>) =
        waiting.into_iter().enumerate().partition(|(number, _)| number % 2 == 1);
    let left = leaving.len();
    leaving.into_iter().for_each(|(_, wire)| reset(wire));
    jam.waiting(queue - left);
    jam.open();
    for (number, mut wire) in staying {
        let answer = wire.answer("GET").unwrap();
        assert_eq!((answer.status(), answer.text()), (200, format!("/turn/{number}")));
    }
    let turns: Vec<usize> = {
        let order = jam.order.lock().unwrap();
        let turns = order.iter().filter_map(|target| target.strip_prefix("/turn/"));
        turns.map(|number| number.parse().unwrap()).collect()
    };
    assert!(turns.iter().all(|number| number % 2 == 0), "a call of someone who had left was sent");
    // Calls on different connections may overtake each other on the way, and a thread of the upstream may sleep. The last
    // first would turn every pair around.
    let later = |place: usize| turns.iter().skip(place + 1);
    let turned = |(place, number)| later(place).filter(|other| *other < number).count();
    let (turned, pairs): (usize, usize) =
        (turns.iter().enumerate().map(turned).sum(), turns.len() * (turns.len() - 1) / 2);
    assert!(turned * 4 <= pairs, "{turned} of {pairs} pairs came the other way round: {turns:?}");
    let connections = jam.upstream.connections();
    assert!(connections <= CONNECTIONS, "{connections} connections");
    jam.stand.end(&[("downstream", "terminated", left as u64)]);
}
