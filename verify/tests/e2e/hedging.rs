//! A second try beside one that takes long: who is heard, whose answer it is, how many there are, and what becomes of the other.
//! It must pair each answer with its call by what stands in it, and count what instances were asked.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, answer, ok};
use mesher_verify::draw::Draw;
use mesher_verify::faults::reset;
use mesher_verify::http::{Kept, Message, Wire};
use mesher_verify::mesh::{Control, Proxy};
use mesher_verify::patience::until;
use serde_json::json;

use crate::balancing::{Instance, caller};
use crate::guards::metric;
use crate::rules::{apply, assert_done};

const SLOW: Duration = Duration::from_secs(2);
/// What a call takes at most that does not wait for the slow instance.
const SOON: Duration = Duration::from_millis(500);

/// Bytes of an answer that does not come in one piece.
const LARGE: usize = 300_000;

/// Works for so long: nobody is waited for.
fn work(time: Duration) {
    let (_never, done) = mpsc::channel::<()>();
    let _ = done.recv_timeout(time);
}

/// What instances were asked, and by which method.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// An instance that repeats path and body after the time that it draws.
fn echo(asked: &Asked, time: impl Fn(u64) -> Duration + Send + Sync + 'static) -> Application {
    let (asked, count) = (Arc::clone(asked), AtomicUsize::new(0));
    Application::http(move |request| {
        if request.head.target() == "/" {
            return ok("warm");
        }
        asked.lock().unwrap().push((request.head.method().to_owned(), request.head.target().to_owned()));
        work(time(count.fetch_add(1, Ordering::Relaxed) as u64));
        let large = if request.head.target().ends_with("/large") { "x".repeat(LARGE) } else { String::new() };
        ok(&format!("{} {}{large}", request.head.target(), request.text()))
    })
}

/// A shop of some instances, and its caller.
struct Stage {
    control: Control,
    caller: Proxy,
    asked: Asked,
    _instances: Vec<Instance>,
}

impl Stage {
    fn start(instances: impl FnOnce(&Asked) -> Vec<Application>) -> Self {
        let control = Control::start();
        let asked = Asked::default();
        let instances: Vec<_> = instances(&asked)
            .into_iter()
            .map(|application| Instance::of(&control, "shop", &json!({}), application))
            .collect();
        let caller = caller(&control, instances.len(), &[("MESHER_WORKERS", "1")]);
        Self { control, caller, asked, _instances: instances }
    }

    /// One of three is slow.
    fn of_three() -> Self {
        Self::start(|asked| {
            [SLOW, Duration::ZERO, Duration::ZERO].map(|time| echo(asked, move |_| time)).into()
        })
    }

    #[track_caller]
    fn apply(&self, kind: &str, spec: &str) {
        let text = format!(
            "apiVersion: mesher/v1\nkind: {kind}\nmetadata: {{name: shop}}\nspec: {{service: shop, {spec}}}\n"
        );
        assert_done(&apply(&self.control, &text, &["--wait"]));
    }

    fn outbound(&self) -> SocketAddr {
        self.caller.addresses.outbound
    }

    fn hedges(&self, outcome: &str) -> usize {
        let outcome = format!("outcome=\"{outcome}\"");
        let count = metric(&self.caller, &["mesher_hedges_total{", "peer=\"shop\"", &outcome]);
        count.unwrap_or_default() as usize
    }

    /// Connections to the shop that carry a call.
    fn in_use(&self) -> Option<f64> {
        metric(&self.caller, &["mesher_upstream_connections{", "peer=\"shop\"", "state=\"active\""])
    }

    fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// A call, and how long it took to its whole answer.
fn timed(wire: &mut Kept, method: &str, target: &str, body: &str) -> (Message, Duration) {
    let began = Instant::now();
    let length = body.len();
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: shop\r\nContent-Length: {length}\r\n\r\n{body}");
    let answer = wire.call(&request).unwrap();
    (answer, began.elapsed())
}

#[test]
fn one_slow_instance_of_three_holds_up_no_call_that_may_come_twice() {
    let stage = Stage::of_three();
    let mut wire = Kept::to(stage.outbound());
    let run = |wire: &mut Kept, method: &str, count: usize| {
        let mut times: Vec<_> = (0..count)
            .map(|number| {
                let (path, body) = (format!("/{method}/{number}"), "x".repeat(number));
                let body = if method == "GET" { "" } else { &body };
                let (answer, time) = timed(wire, method, &path, body);
                assert_eq!((answer.status(), answer.text()), (200, format!("{path} {body}")));
                time
            })
            .collect();
        times.sort();
        times
    };
    let without = run(&mut wire, "GET", 6);
    assert!(without[5] >= SLOW, "without a rule a call waits: {without:?}");
    stage.apply("Retry", "hedge: {delay: 50ms}");
    // None of this is the slow instance's fault.
    stage.apply("Health", "passive: {consecutiveFailures: 1}");
    let _ = stage.asked();
    for method in ["GET", "PUT"] {
        let with = run(&mut wire, method, 60);
        assert!(with[59] < SOON, "{method}: {with:?}");
        println!("{method}: the slowest of 60 calls takes {:?}, the median {:?}", with[59], with[30]);
    }
    let (won, lost, asked) = (stage.hedges("won"), stage.hedges("lost"), stage.asked().len());
    assert!(
        (30..=62).contains(&won),
        "a third of 120 calls, or half, as second tries take turns, too: {won}"
    );
    assert_eq!(asked, 120 + won + lost, "each of them once more");
    assert_eq!(metric(&stage.caller, &["mesher_ejections_total{", "peer=\"shop\""]), Some(0.0));
    assert_eq!(stage.hedges("failed") + stage.hedges("denied"), 0);
    let both = until("a call that was hedged is remembered", || {
        let _ = timed(&mut wire, "GET", "/told", "");
        find_told(&stage, "hedged after 50ms: the second try was answered first")
    });
    assert!(both.contains(" ms: cancelled (local): the other of two tries was answered first"), "{both}");
    let _ = stage.asked();
    let told = stage.caller.addresses.admin("/explain?to=shop&path=/").text();
    assert!(told.contains("Retry shop, up to 2 further tries, a second try after 50ms"), "{told}");
    // A call that may have been acted on is not sent twice.
    let posted = run(&mut wire, "POST", 6);
    assert!(posted[5] >= SLOW, "{posted:?}");
    assert_eq!(stage.asked().len(), 6);
    // Nor is one with a key twice at once, though it may be tried again: its service may refuse either.
    stage.apply("Retry", "hedge: {delay: 50ms}, idempotencyKey: true");
    let keyed = "POST /keyed HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: \"1\"\r\nContent-Length: 0\r\n\r\n";
    (0..3).for_each(|_| assert_eq!(wire.call(keyed).unwrap().status(), 200));
    assert_eq!(stage.asked().len(), 3);
}

#[test]
fn a_call_that_was_hedged_and_failed_tells_both_tries() {
    // Instances that take calls and never answer.
    let silent = |asked: &Asked| {
        let asked = Arc::clone(asked);
        Application::http(move |request| {
            if request.head.target() == "/" {
                return ok("warm");
            }
            let left = request.head.field("x-mesher-timeout").to_owned();
            asked.lock().unwrap().push((left, request.head.target().to_owned()));
            work(SLOW);
            ok("late")
        })
    };
    let stage = Stage::start(|asked| vec![silent(asked), silent(asked), silent(asked)]);
    stage.apply("Retry", "hedge: {delay: 100ms}");
    stage.apply("Timeout", "request: 400ms");
    stage.apply("Health", "passive: {consecutiveFailures: 1, maxEjectionPercent: 100%, panicThreshold: 0%}");
    let (late, time) = timed(&mut Kept::to(stage.outbound()), "GET", "/hang", "");
    assert_eq!(late.status(), 504);
    assert!((Duration::from_millis(400)..Duration::from_secs(1)).contains(&time), "{time:?}");
    // The second is told what is left of the call's time, and not more.
    let left: Vec<u64> =
        stage.asked().iter().map(|(left, _)| left.trim_end_matches('m').parse().unwrap()).collect();
    let [first, second] = left.as_slice() else { panic!("{left:?}") };
    assert!(*first > 350 && *second <= 300, "{left:?}");
    let status = late.field("proxy-status").to_owned();
    let id = status.split("invocation=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let told = stage.caller.addresses.admin(&format!("/explain/{id}")).text();
    assert!(told.contains("hedged after 100ms: neither was answered"), "{told}");
    assert_eq!(told.matches(" ms: response_timeout (upstream): no answer").count(), 2, "{told}");
    assert_eq!(stage.hedges("failed"), 1);
    // Both took too long.
    assert_eq!(metric(&stage.caller, &["mesher_ejections_total{", "peer=\"shop\""]), Some(2.0));
}

#[test]
fn each_answer_is_of_its_call_however_many_are_hedged() {
    const THREADS: usize = 8;
    const CALLS: usize = 60;
    let stage = Stage::start(|asked| {
        (0..4_u64)
            .map(|number| {
                echo(asked, move |call| {
                    let draw = Draw::new((number << 32) ^ call).number();
                    Duration::from_millis(if draw.is_multiple_of(4) { 20 + draw % 60 } else { draw % 4 })
                })
            })
            .collect()
    });
    stage.apply("Retry", "hedge: {delay: 15ms}, budget: {percent: 100%, minPerSecond: 1000}");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let outbound = stage.outbound();
            scope.spawn(move || {
                let mut wire = Kept::to(outbound);
                for number in 0..CALLS {
                    let method = if number % 3 == 0 { "PUT" } else { "GET" };
                    let is_large = number % 5 == 0;
                    let end = if is_large { "/large" } else { "" };
                    let path = format!("/{thread}/{number}{end}");
                    let body = if method == "PUT" { path.repeat(number) } else { String::new() };
                    let (answer, _) = timed(&mut wire, method, &path, &body);
                    let rest = if is_large { "x".repeat(LARGE) } else { String::new() };
                    assert!(
                        answer.status() == 200 && answer.text() == format!("{path} {body}{rest}"),
                        "{path}"
                    );
                }
            });
        }
    });
    let (won, lost) = (stage.hedges("won"), stage.hedges("lost"));
    println!("of {} calls {won} were answered by the second try, {lost} by the first", THREADS * CALLS);
    assert!(won >= 20 && lost >= 5, "{won}, {lost}");
    assert_eq!(stage.asked().len(), THREADS * CALLS + won + lost);
    until("no connection is left in use", || (stage.in_use() == Some(0.0)).then_some(()));
}

#[test]
fn hedges_stay_within_the_budget_where_all_are_slow() {
    const THREADS: usize = 10;
    const CALLS: usize = 60;
    let slow = Duration::from_millis(60);
    let stage = Stage::start(|asked| (0..3).map(|_| echo(asked, move |_| slow)).collect::<Vec<_>>());
    stage.apply("Retry", "hedge: {delay: 10ms}, budget: {percent: 20%, minPerSecond: 0}");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let outbound = stage.outbound();
            scope.spawn(move || {
                let mut wire = Kept::to(outbound);
                for number in 0..CALLS {
                    let path = format!("/{thread}/{number}");
                    assert_eq!(timed(&mut wire, "GET", &path, "").0.text(), format!("{path} "));
                }
            });
        }
    });
    let further = stage.asked().len() - THREADS * CALLS;
    println!("{further} second tries of {} calls", THREADS * CALLS);
    // Calls before these count, too.
    assert!((THREADS * CALLS / 10..=THREADS * CALLS / 4).contains(&further), "{further}");
    assert!(stage.hedges("denied") > 100, "{}", stage.hedges("denied"));
    let _denied = remembered(&stage, "not hedged: the budget was spent");
}

#[test]
fn a_caller_that_leaves_leaves_both() {
    let (arrived, left) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let hang = || {
        let (arrived, left) = (Arc::clone(&arrived), Arc::clone(&left));
        Application::start(move |mut wire: Wire| -> io::Result<()> {
            while let Some(request) = wire.request()? {
                if request.head.target() == "/" {
                    wire.send(ok("warm"))?;
                    continue;
                }
                arrived.fetch_add(1, Ordering::SeqCst);
                let ended = wire.remainder();
                left.fetch_add(1, Ordering::SeqCst);
                return ended.map(|_| ());
            }
            Ok(())
        })
    };
    let stage = Stage::start(|_| vec![hang(), hang(), hang()]);
    stage.apply("Retry", "hedge: {delay: 20ms}");
    let mut wire = Wire::open(stage.outbound()).unwrap();
    wire.send("GET /hang HTTP/1.1\r\nHost: shop\r\n\r\n").unwrap();
    until("two instances have the call", || (arrived.load(Ordering::SeqCst) == 2).then_some(()));
    assert_eq!(left.load(Ordering::SeqCst), 0);
    reset(wire);
    until("both are let go", || (left.load(Ordering::SeqCst) == 2).then_some(()));
    until("no connection is left in use", || (stage.in_use() == Some(0.0)).then_some(()));
    assert_eq!(arrived.load(Ordering::SeqCst), 2, "and nobody else is asked");
}

#[test]
fn where_one_try_fails_the_other_goes_on() {
    // One is slow and good, the other ends without an answer.
    let broken = Application::start(|mut wire: Wire| -> io::Result<()> {
        while let Some(request) = wire.request()? {
            if request.head.target() == "/" {
                wire.send(ok("warm"))?;
                continue;
            }
            work(Duration::from_millis(60));
            return Ok(());
        }
        Ok(())
    });
    let slow = Duration::from_millis(200);
    let stage = Stage::start(|asked| vec![echo(asked, move |_| slow), broken]);
    stage.apply("Retry", "attempts: 0, hedge: {delay: 20ms}, budget: {percent: 100%, minPerSecond: 1000}");
    for number in 0..10 {
        let path = format!("/{number}");
        let (answer, _) = timed(&mut Kept::to(stage.outbound()), "GET", &path, "");
        assert_eq!((answer.status(), answer.text()), (200, format!("{path} ")));
        // The next one begins with the other of the two.
        assert_eq!(timed(&mut Kept::to(stage.outbound()), "POST", "/", "").0.text(), "warm");
    }
    assert_eq!(stage.asked().len(), 10, "the good one was asked once for each");
    let (won, lost) = (stage.hedges("won"), stage.hedges("lost"));
    assert!(won + lost == 10 && won >= 4 && lost >= 4, "{won}, {lost}");
}

#[test]
fn a_quick_failure_does_not_end_a_try_that_may_be_good() {
    let busy = Application::http(|request| match request.head.target() {
        "/" => ok("warm"),
        _ => answer("503 Busy", "busy"),
    });
    let slow = Duration::from_millis(200);
    let stage = Stage::start(|asked| vec![echo(asked, move |_| slow), busy]);
    stage.apply(
        "Retry",
        "attempts: 0, codes: [503], hedge: {delay: 20ms}, budget: {percent: 100%, minPerSecond: 1000}",
    );
    let mut wire = Kept::to(stage.outbound());
    let statuses: Vec<_> =
        (0..10).map(|number| timed(&mut wire, "GET", &format!("/{number}"), "").0.status()).collect();
    let (good, lost) = (statuses.iter().filter(|status| **status == 200).count(), stage.hedges("lost"));
    // The busy one takes a turn of its own, or that of a second try.
    assert!(good >= 4 && good == lost, "{statuses:?}, {lost}");
    // The call is told with both.
    let told = remembered(&stage, "hedged after 20ms: the first try was answered");
    assert!(told.contains(" ms: bad_status (upstream): answered 503, while the first try went on"), "{told}");
    assert!(
        told.lines().any(|line| line.trim_start().starts_with("2. ") && !line.contains("upstream")),
        "{told}"
    );
}

/// What the caller's proxy tells of a call of which it says this.
fn remembered(stage: &Stage, words: &str) -> String {
    until(&format!("a call is remembered as {words}"), || find_told(stage, words))
}

fn find_told(stage: &Stage, words: &str) -> Option<String> {
    let list = stage.caller.addresses.admin("/explain?limit=100").text();
    let ids = list.lines().filter_map(|line| line.split(' ').next()).filter(|id| id.len() == 16);
    let mut told = ids.map(|id| stage.caller.addresses.admin(&format!("/explain/{id}")).text());
    told.find(|told| told.contains(words))
}

#[test]
fn a_session_stays_where_it_is() {
    let stage = Stage::of_three();
    stage
        .apply("Balance", "strategy: RoundRobin, sessionPersistence: {type: Header, sessionName: x-session}");
    stage.apply("Retry", "hedge: {delay: 20ms}");
    let mut wire = Kept::to(stage.outbound());
    let mut times: Vec<_> = (0..3).map(|_| timed(&mut wire, "GET", "/session", "").1).collect();
    times.sort();
    assert!(times[2] >= SLOW, "the slow one may hold what its caller comes back for: {times:?}");
    assert_eq!((stage.asked().len(), stage.hedges("won") + stage.hedges("lost")), (3, 0));
}

#[test]
fn a_percentile_of_what_was_seen_says_when() {
    // Of the calls of one of three each tenth takes long.
    let stage = Stage::start(|asked| {
        let slow = echo(asked, |call| if call % 10 == 9 { SOON * 2 } else { Duration::from_millis(2) });
        let fast = || echo(asked, |_| Duration::from_millis(2));
        vec![slow, fast(), fast()]
    });
    stage.apply("Retry", "hedge: {percentile: 95%, minDelay: 20ms}");
    let mut wire = Kept::to(stage.outbound());
    let mut run = |count: usize| {
        let mut times: Vec<_> =
            (0..count).map(|number| timed(&mut wire, "GET", &format!("/{number}"), "").1).collect();
        times.sort();
        times
    };
    let first = run(100);
    assert_eq!(stage.asked().len(), 100, "nothing is known yet");
    let then = run(400);
    println!("p99 {:?} before anything was known, {:?} then", first[98], then[395]);
    assert!(then[399] < SOON, "{:?}", &then[390..]);
    assert!((4..=30).contains(&stage.hedges("won")), "{}", stage.hedges("won"));
}

#[test]
fn a_bad_hedge_is_refused_with_its_place() {
    let control = Control::start();
    for (hedge, words) in [
        ("{}", "either a delay or a percentile"),
        ("{delay: 10ms, percentile: 95%}", "either a delay or a percentile"),
        ("{delay: 0s}", "1ms"),
        ("{delay: 2m}", "it is 1ms to 1m"),
        ("{percentile: 100%}", "it is 50% to 99.99%"),
        ("{percentile: 20%}", "it is 50% to 99.99%"),
        ("{delay: 10ms, minDelay: 5ms}", "minDelay stands with percentile"),
    ] {
        let text = format!(
            "apiVersion: mesher/v1\nkind: Retry\nmetadata: {{name: x}}\nspec: {{service: shop, hedge: {hedge}}}\n"
        );
        let ended = apply(&control, &text, &[]);
        assert_eq!(ended.code, Some(78), "{hedge}: {ended:?}");
        assert!(format!("{ended:?}").contains(words), "{hedge}: {ended:?}");
    }
}
