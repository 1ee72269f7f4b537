//! Listening sockets that a service manager holds and passes to a proxy.
//! It must not need a service manager: a shell passes descriptors as well.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use mesher_verify::application::Application;
use mesher_verify::binary;
use mesher_verify::http::{get, get_by_proxy};
use mesher_verify::mesh::{ANY_PORT, Control};
use mesher_verify::patience::until;
use mesher_verify::process::Process;

/// A proxy that finds a socket as its descriptor 3 and one as 4, as a service manager passes them.
fn activated(names: &str, third: &TcpListener, fourth: &TcpListener, more: &[&str]) -> Process {
    let script = "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$@\"";
    let mut command = Command::new("sh");
    binary::clean(&mut command);
    command.args(["-c", script, "sh"]).arg(binary::mesher()).args(more).env("LISTEN_FDNAMES", names);
    let given = |socket: &TcpListener| Stdio::from(OwnedFd::from(socket.try_clone().unwrap()));
    Process::start_with(&mut command, given(third), given(fourth))
}

#[test]
fn sockets_of_a_service_manager_are_taken_by_name_or_by_address() {
    let control = Control::start();
    let application = Application::greeting("hello");
    let (outbound, inbound) = (TcpListener::bind(ANY_PORT).unwrap(), TcpListener::bind(ANY_PORT).unwrap());
    let (out, within) = (outbound.local_addr().unwrap(), inbound.local_addr().unwrap());
    let admin = format!("127.0.0.1:{}", mesher_verify::machine::free_port());
    let (url, ports) = (control.url(), format!("rest:{}", application.port()));
    let base =
        ["proxy", "--service", "orders", "--registry", &url, "--ports", &ports, "--admin-listen", &admin];
    let listens = [out.to_string(), within.to_string()];
    let by_address =
        ["--outbound-listen", &listens[0], "--inbound-listen", &listens[1], "--advertise", "127.0.0.1"];
    for (names, more) in
        [("inbound:outbound", &["--advertise", "127.0.0.1"][..]), ("mesher.socket:", &by_address[..])]
    {
        let mut process = activated(names, &inbound, &outbound, &[&base[..], more].concat());
        until(&format!("a proxy with sockets called {names:?}"), || {
            (get(within, "orders", "/").ok()?.status() == 200).then_some(())
        });
        until("a call by the other one", || {
            (get_by_proxy(out, "http://orders/").ok()?.status() == 200).then_some(())
        });
        assert_eq!(process.stop(), Some(0), "{}", process.errors());
    }
    let everywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    let ended = activated("inbound:outbound", &inbound, &everywhere, &base).ended();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("LISTEN_FDS") && ended.errors.contains("loopback"), "{ended:?}");
}
