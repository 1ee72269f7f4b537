//! More calls than the proxy has memory for.
//! It must watch the process from outside: what the proxy says of its memory proves nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::http::{Wire, get_with};
use mesher_verify::machine::{allow_descriptors, own_memory};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::{pause, until, until_within};
use mesher_verify::scale::scaled;
use mesher_verify::skip::leave_out;

const MIB: u64 = 1 << 20;
const BODY_BYTES: usize = 64 << 10;
/// Callers that begin between two moments in which others can work, at the small scale.
const AT_ONCE: usize = 8;

/// RE-03: 10,000 calls with bodies of 64 KiB to an application that keeps them waiting, in a proxy of 64 MiB. It refuses calls
/// with 503 from 95 % on and never has more than it may; checks pass; whoever was taken is answered.
#[test]
fn re_03() {
    let begun = Instant::now();
    let callers = scaled(500, 10_000);
    // An end of each caller, and those of the application for who is taken: as many as fit into the memory.
    let wanted = callers as u64 + 4096;
    if allow_descriptors(wanted) < wanted {
        return leave_out("re_03", "wants more descriptors: ulimit -n 65536");
    }
    let gate = Gate::default();
    let application = keeping(gate.clone());
    let control = Control::start();
    let limit = scaled(24 * MIB, 64 * MIB);
    let ports = format!("rest:{}", application.port());
    let mut command = Proxy::command(&control.url(), "gate", &["--ports", &ports]);
    let mut proxy = Proxy::of(command.env("MESHER_MEMORY_MAX", limit.to_string()));
    proxy.addresses.wait_ready();
    let inbound = proxy.addresses.inbound.unwrap();
    let canary = Canary::start(inbound, proxy.process.pid());
    let flood = thread::spawn(move || flood(inbound, callers));
    until_within(Duration::from_secs(120), "calls are refused, and all have come", || {
        // Whoever is not accepted waits for one of those that are kept.
        (shed(&proxy) > 0 && (flood.is_finished() || level(&proxy) >= 3)).then_some(())
    });
    canary.sing(20);
    gate.open();
    let mut statuses = BTreeMap::<u16, usize>::new();
    for mut wire in flood.join().unwrap() {
        // One that was refused may find its connection closed before all of its body is out.
        let status = wire.answer("POST").map_or(0, |answer| answer.status());
        *statuses.entry(status).or_default() += 1;
    }
    let (taken, refused) = (count(&statuses, 200), count(&statuses, 503));
    assert!(taken > 0 && refused > 0, "{statuses:?}");
    assert!(taken + refused >= callers * 99 / 100, "{statuses:?}");
    until("calls are taken again", || {
        get_with(inbound, "gate", "/health", &[])
            .ok()
            .filter(|answer| answer.status() == 200)
            .and((level(&proxy) == 0).then_some(()))
    });
    let (passed, failed, most) = canary.end();
    assert!(failed * 100 <= passed + failed, "{failed} of {} checks failed", passed + failed);
    assert!(most <= limit, "the proxy had {most} bytes, and may have {limit}");
    assert!(most * 100 >= limit * 92, "it refused calls with {most} of {limit} bytes");
    assert!(proxy.process.is_running());
    assert_eq!(proxy.process.stop(), Some(0));
    let errors = proxy.process.errors();
    assert!(!errors.contains("panicked") && errors.contains("memory is nearly used up"), "{errors}");
    print(&format!(
        "row re_03: {:.1} s; canary: {passed} checks passed, {failed} failed; {taken} taken, {refused} refused of {callers}; at most {:.1} of {} MiB",
        begun.elapsed().as_secs_f64(),
        most as f64 / MIB as f64,
        limit / MIB
    ));
}

/// An application that answers checks at once, and other calls once the gate is open.
fn keeping(gate: Gate) -> Application {
    Application::start(move |mut wire: Wire| {
        while let Some((head, mut body)) = wire.request_head()? {
            if head.target() != "/health" {
                gate.wait();
            }
            wire.drain(&mut body);
            wire.send(ok("kept"))?;
        }
        Ok(())
    })
}

/// All callers, one after the other, each with its whole call.
fn flood(inbound: SocketAddr, callers: usize) -> Vec<Wire> {
    let head = format!("POST / HTTP/1.1\r\nHost: gate\r\nContent-Length: {BODY_BYTES}\r\n\r\n");
    let call = [head.into_bytes(), vec![b'x'; BODY_BYTES]].concat();
    let begin = |number: usize| {
        if number.is_multiple_of(AT_ONCE) && scaled(true, false) {
            pause();
        }
        let mut wire = Wire::open(inbound).ok()?;
        // Whoever is refused may be so before all is sent.
        let _ = wire.send(&call);
        Some(wire)
    };
    (0..callers).filter_map(begin).collect()
}

fn count(statuses: &BTreeMap<u16, usize>, status: u16) -> usize {
    statuses.get(&status).copied().unwrap_or_default()
}

/// The sum of a metric of the proxy.
fn metric(proxy: &Proxy, name: &str) -> i64 {
    let metrics = proxy.addresses.admin("/metrics").text();
    let samples = metrics.lines().filter(|line| line.starts_with(name) && line.contains("reason=\"memory\""));
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<i64>().ok()).sum()
}

fn shed(proxy: &Proxy) -> i64 {
    metric(proxy, "mesher_overload_shed_total{")
}

fn level(proxy: &Proxy) -> i64 {
    metric(proxy, "mesher_overload_level{")
}

/// Checks of another proxy, on a connection each; and the memory of the proxy meanwhile.
struct Canary {
    is_over: Arc<AtomicBool>,
    passed: Arc<AtomicU64>,
    checking: JoinHandle<u64>,
    watching: JoinHandle<u64>,
}

impl Canary {
    fn start(inbound: SocketAddr, pid: u32) -> Self {
        let (is_over, passed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until_over, counts) = (Arc::clone(&is_over), Arc::clone(&passed));
        let checking = thread::spawn(move || {
            let mut failed = 0;
            while !until_over.load(Ordering::Relaxed) {
                let fields = [("User-Agent", "mesher-health-check")];
                match get_with(inbound, "gate", "/health", &fields) {
                    Ok(answer) if answer.status() == 200 => drop(counts.fetch_add(1, Ordering::Relaxed)),
                    _ => failed += 1,
                }
                pause();
            }
            failed
        });
        let until_over = Arc::clone(&is_over);
        let watching = thread::spawn(move || {
            let mut most = 0;
            while !until_over.load(Ordering::Relaxed) {
                most = own_memory(pid).max(most);
                thread::yield_now();
            }
            most
        });
        Self { is_over, passed, checking, watching }
    }

    /// Waits until so many more checks have passed.
    fn sing(&self, more: u64) {
        let before = self.passed.load(Ordering::Relaxed);
        until("checks pass", || (self.passed.load(Ordering::Relaxed) >= before + more).then_some(()));
    }

    /// How many checks passed and failed, and how much memory the proxy had at most.
    fn end(self) -> (u64, u64, u64) {
        self.is_over.store(true, Ordering::Relaxed);
        let failed = self.checking.join().unwrap();
        (self.passed.load(Ordering::Relaxed), failed, self.watching.join().unwrap())
    }
}

#[expect(clippy::print_stdout, reason = "the figures of a row are the result of a run at full scale")]
fn print(line: &str) {
    println!("{line}");
}
