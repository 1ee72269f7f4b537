//! Callers that do nothing wrong, while a row does its worst to the same proxy.
//! It must fail the row where one of their calls fails or waits for the row's.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mesher_verify::application::Application;
use mesher_verify::http::Kept;
use mesher_verify::mesh::Control;
use mesher_verify::patience::{pause, until};
use mesher_verify::scale::scaled;

use crate::stand::register;

const CALL: &str = "GET /canary HTTP/1.1\r\nHost: canary\r\n\r\n";
/// Calls of each caller before the row begins.
const CALLS_BEFORE: usize = 4;
/// What a call may wait for other work of a small machine, beside the fifth that the rule allows.
const NOISE: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    times: Mutex<Vec<Duration>>,
    failures: Mutex<Vec<String>>,
}

/// The callers, each with a connection of its own, a hundred calls a second each at most.
pub(crate) struct Canary {
    shared: Arc<Shared>,
    callers: Vec<JoinHandle<()>>,
    before: Duration,
    begun: Instant,
    _application: Application,
}

impl Canary {
    /// Begins to call, and learns how long a call takes while nothing is wrong.
    pub(crate) fn start(control: &Control, proxy: SocketAddr) -> Self {
        let application = Application::greeting("canary");
        register(control, "canary", &format!("rest://{}", application.address));
        let shared = Arc::new(Shared::default());
        let begun = Instant::now();
        let count = scaled(1, 12);
        let callers = (0..count).map(|_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.call_on(proxy))
        });
        let callers = callers.collect();
        let calls = count * scaled(CALLS_BEFORE, 100);
        until("the canary sings", || {
            shared.check();
            (shared.times.lock().unwrap().len() >= calls).then_some(())
        });
        let before = slowest_but_one_in_hundred(&mut std::mem::take(&mut *shared.times.lock().unwrap()));
        Self { shared, callers, before, begun, _application: application }
    }

    /// Ends, and says how it went.
    pub(crate) fn end(&mut self) -> String {
        // A row may be over sooner than a call.
        until("the canary sings", || (!self.shared.times.lock().unwrap().is_empty()).then_some(()));
        self.stop();
        self.shared.check();
        let mut times = self.shared.times.lock().unwrap();
        let during = slowest_but_one_in_hundred(&mut times);
        let most = self.before + self.before / 5 + NOISE;
        assert!(during <= most, "the canary waited {during:?}, {:?} before", self.before);
        let count = times.len();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = count as f64 / self.begun.elapsed().as_secs_f64();
        format!("canary: {count} calls, {rate:.0}/s, p99 {:.1?}, {:.1?} before", during, self.before)
    }

    fn stop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for caller in self.callers.drain(..) {
            // Its failure is on the list.
            let _ = caller.join();
        }
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn call_on(&self, proxy: SocketAddr) {
        let mut kept = Kept::to(proxy);
        while !self.is_over.load(Ordering::Relaxed) {
            let begun = Instant::now();
            match kept.call(CALL) {
                Ok(answer) if answer.status() == 200 && answer.body == b"canary" => {
                    self.times.lock().unwrap().push(begun.elapsed());
                }
                other => self.failures.lock().unwrap().push(format!("{other:?}")),
            }
            pause();
        }
    }

    fn check(&self) {
        let failures = self.failures.lock().unwrap();
        assert!(failures.is_empty(), "calls that did nothing wrong failed: {failures:#?}");
    }
}

fn slowest_but_one_in_hundred(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}
