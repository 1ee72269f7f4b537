//! Instances that are replaced one after the other, as every release does.
//! It must cost no call at all, whatever its method.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mesher_verify::application::{Application, Gate, ok};
use mesher_verify::http::{Kept, Wire};
use mesher_verify::mesh::{Control, Pair, Proxy};
use mesher_verify::patience::{pause, until};
use mesher_verify::process::Signal;
use mesher_verify::scale::scaled;
use mesher_verify::traffic::Traffic;

/// How long a proxy that was told to end may still take connections.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(10);

/// POSTs on one connection that is kept, as an application's pool does; a closed one is opened again between calls.
fn posts(outbound: SocketAddr) -> Traffic {
    let mut kept = Kept::to(outbound);
    Traffic::start(move || {
        let request = "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\norder";
        let answer = kept.call(request).map_err(|error| error.to_string())?;
        match (answer.status(), answer.text().as_str()) {
            (200, "order") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
}

/// Waits for its end while the test itself listens on `port`.
fn start(control: &Control, port: u16) -> Pair {
    let script = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
    let pair = Pair::start(&control.url(), "orders", &["--port", &port.to_string()], &["sh", "-c", script]);
    pair.addresses.wait_ready();
    pair
}

fn application() -> Application {
    Application::http(|request| ok(&request.text()))
}

#[test]
fn a_rolling_restart_costs_no_call_not_even_a_post() {
    let control = Control::start();
    let applications = [application(), application(), application()];
    let [first, second, third] = applications.each_ref().map(Application::port);
    let mut old = [start(&control, first), start(&control, second)];
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_reachable("http://orders/");
    let traffic = [posts(caller.addresses.outbound), posts(caller.addresses.outbound)];
    traffic[0].flow(50);

    let _new = start(&control, third);
    for pair in &mut old {
        pair.process.signal(Signal::TERM);
        assert_eq!(pair.process.wait().code(), Some(0), "{}", pair.process.errors());
    }
    until("only the new instance is known", || {
        (caller.addresses.endpoints("orders").len() == 1).then_some(())
    });
    for traffic in traffic {
        traffic.flow(50);
        traffic.end_without_failure();
    }
}

#[test]
fn a_proxy_that_is_restarted_again_and_again_costs_no_call() {
    let control = Control::start();
    let applications = [application(), application()];
    let [first, second] = applications.each_ref().map(Application::port);
    let mut restarted = Proxy::beside(&control.url(), "orders", first);
    let _other = Proxy::beside(&control.url(), "orders", second);
    let caller = Proxy::start(&control.url(), "webapp", &[]);
    let all_known = || {
        let known = || (caller.addresses.endpoints("orders").len() == 2).then_some(());
        until("both instances are known", known);
    };
    caller.addresses.wait_reachable("http://orders/");
    all_known();
    let outbound = caller.addresses.outbound;
    let gets = Traffic::get(outbound, "http://orders/");
    let traffic = [posts(outbound), posts(outbound), gets];
    let restarts = scaled(3, 100);
    for _ in 0..restarts {
        traffic.iter().for_each(|traffic| traffic.flow(20));
        assert_eq!(restarted.process.stop(), Some(0), "{}", restarted.process.errors());
        restarted = Proxy::beside(&control.url(), "orders", first);
        all_known();
    }
    traffic.iter().for_each(|traffic| traffic.flow(20));
    let answered: u64 = traffic.iter().map(Traffic::answered).sum();
    println!("restarts: {restarts}, calls answered: {answered}");
    traffic.into_iter().for_each(Traffic::end_without_failure);
}

#[test]
fn a_kept_connection_carries_one_more_call_while_a_proxy_ends() {
    let control = Control::start();
    let application = application();
    let more = ["--drain-notice", "3s", "--ports", &format!("rest:{}", application.port())];
    let mut proxy = Proxy::start(&control.url(), "orders", &more);
    proxy.addresses.wait_ready();
    let inbound = proxy.addresses.inbound.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 5\r\n\r\norder";
    let mut kept = Wire::open(inbound).unwrap();
    assert_eq!(kept.call(request).unwrap().status(), 200);
    proxy.process.signal(Signal::TERM);
    // It takes no connection any more: from here on it only ends.
    until("new connections are refused", || Wire::open(inbound).is_err().then_some(()));
    let last = kept.call(request).unwrap();
    assert_eq!((last.status(), last.field("connection")), (200, "close"));
    assert_eq!(proxy.process.wait().code(), Some(0), "{}", proxy.process.errors());
}

#[test]
fn a_callers_proxy_that_ends_finishes_what_it_has_begun() {
    let (arrived, answered) = (Gate::default(), Gate::default());
    let (arrives, answers) = (arrived.clone(), answered.clone());
    let application = Application::http(move |_| {
        arrives.open();
        answers.wait();
        ok("late")
    });
    let control = Control::start();
    let _provider = Proxy::beside(&control.url(), "orders", application.port());
    let mut caller = Proxy::start(&control.url(), "webapp", &[]);
    caller.addresses.wait_ready();
    let addresses = caller.addresses.clone();
    let call = std::thread::spawn(move || addresses.get("http://orders/").unwrap());
    arrived.wait();
    caller.process.signal(Signal::TERM);
    // A connection that is taken and never served would be worse than one that is refused.
    let refuses = || Wire::open(caller.addresses.outbound).is_err();
    let begun = Instant::now();
    let is_refusing = std::iter::repeat_with(|| (pause(), refuses()).1)
        .take_while(|_| begun.elapsed() < REFUSAL_TIME_MAX)
        .any(|refused| refused);
    answered.open();
    let answer = call.join().unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "late"));
    assert_eq!(caller.process.wait().code(), Some(0));
    assert!(is_refusing, "new connections were still taken {REFUSAL_TIME_MAX:?} after the signal");
}

#[test]
fn a_flow_goes_to_another_instance_where_one_refuses() {
    use std::io::Read as _;
    let control = Control::start();
    let good = Application::start(|mut wire: Wire| wire.send("good").and_then(|()| wire.finish()));
    let service = control.register_service("line", "1.0.0");
    control.register_instance(&service, &[format!("tcp://{}", good.address)]);
    let closed = mesher_verify::machine::free_port();
    control.register_instance(&service, &[format!("tcp://127.0.0.1:{closed}")]);
    let caller = Proxy::start(&control.url(), "webapp", &["--tcp-outbound", "127.0.0.1:0=line"]);
    caller.addresses.wait_ready();
    for _ in 0..10 {
        let mut stream = std::net::TcpStream::connect(caller.addresses.tcp_outbound[0]).unwrap();
        let mut word = String::new();
        stream.read_to_string(&mut word).unwrap();
        assert_eq!(word, "good");
    }
}
