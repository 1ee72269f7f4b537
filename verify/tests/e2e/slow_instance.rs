//! One of ten instances is ten times as slow as the others: what callers feel of it, in turn and by strategies that see it.
//! It must draw how long instances take from seeds, so that strategies differ by their choices alone.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, ok};
use mesher_verify::draw::Draw;
use mesher_verify::http::Kept;
use mesher_verify::mesh::Control;
use mesher_verify::process::Process;
use serde_json::json;

use crate::balancing::{Instance, balance, caller};
use crate::rules::{apply, assert_done, mesher};

const INSTANCES: usize = 10;
/// How long an instance works on a call, on average.
const WORK: Duration = Duration::from_millis(30);
const SLOWER: u32 = 10;
/// Callers at once, each with one call after the other.
const CALLERS: usize = 40;
/// Calls of each that are looked at, behind those from which instances become known.
const CALLS: usize = 50;
const FIRST: usize = 10;
const SEED: u64 = 4_711;

/// An instance whose calls take a time by chance (exponential), of this length on average.
fn worker(number: u64, mean: Duration, taken: &'static AtomicUsize) -> Application {
    let count = AtomicU64::new(0);
    Application::http(move |_| {
        taken.fetch_add(1, Ordering::Relaxed);
        let call = count.fetch_add(1, Ordering::Relaxed);
        let draw = Draw::new(SEED ^ (number << 32) ^ call).number() >> 11;
        let part = draw as f64 / (1_u64 << 53) as f64;
        // The work itself: nobody is waited for.
        let (_never, work) = mpsc::channel::<()>();
        let _ = work.recv_timeout(mean.mul_f64(-(1.0 - part).ln()));
        ok("done")
    })
}

/// How long the slowest hundredth of the calls takes at least.
fn slowest_hundredth(outbound: SocketAddr) -> Duration {
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let mut wire = Kept::to(outbound);
                let mut own = Vec::new();
                for _ in 0..FIRST + CALLS {
                    let began = Instant::now();
                    let answer = wire.call("GET http://shop/ HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
                    assert_eq!(answer.status(), 200);
                    own.push(began.elapsed());
                }
                times.lock().unwrap().extend(own.split_off(FIRST));
            });
        }
    });
    let mut times = times.into_inner().unwrap();
    times.sort();
    times[times.len() * 99 / 100]
}

/// Demanded: at most half of what turns give.
#[test]
fn the_slowest_calls_are_faster_than_in_turn() {
    static SLOW: AtomicUsize = AtomicUsize::new(0);
    static ALL: AtomicUsize = AtomicUsize::new(0);
    let control = Control::start();
    let _instances: Vec<_> = (0..INSTANCES)
        .map(|number| {
            let (mean, taken) = if number == 0 { (WORK * SLOWER, &SLOW) } else { (WORK, &ALL) };
            Instance::of(&control, "shop", &json!({}), worker(number as u64, mean, taken))
        })
        .collect();
    let caller = caller(&control, INSTANCES, &[]);
    let run = |strategy: &str| {
        balance(&control, &format!("strategy: {strategy}"));
        let before = [&SLOW, &ALL].map(|taken| taken.load(Ordering::Relaxed));
        let p99 = slowest_hundredth(caller.addresses.outbound).as_secs_f64();
        let [slow, others] = [&SLOW, &ALL].map(|taken| taken.load(Ordering::Relaxed));
        let share = (slow - before[0]) as f64 / ((slow - before[0]) + (others - before[1])) as f64;
        eprintln!("{strategy}: p99 {:.0} ms, slow instance {:.2} % of the calls", p99 * 1e3, share * 1e2);
        p99
    };
    let in_turn = run("RoundRobin");
    let retry = "apiVersion: mesher/v1\nkind: Retry\nmetadata: {name: shop}\nspec: {service: shop, hedge: {percentile: 90%}}\n";
    assert_done(&apply(&control, retry, &["--wait"]));
    eprintln!("with a second try after the 90th percentile:");
    let hedged = run("RoundRobin");
    assert!(hedged <= in_turn * 0.5, "{hedged} s beside {in_turn} s");
    assert_done(&Process::run(&mut mesher(&control, &["delete", "Retry", "shop"])));
    for strategy in ["LeastRequest", "PeakEwma"] {
        let p99 = run(strategy);
        assert!(p99 <= in_turn * 0.5, "{strategy}: {p99} s beside {in_turn} s in turn");
    }
}
