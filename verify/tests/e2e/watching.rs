//! A registry without the native link, as an original Service Center is: proxies watch it by its web socket.
//! It must change nothing for calls whether the watch is there or not.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use mesher_verify::application::Application;
use mesher_verify::mesh::{ANY_PORT, Control, Proxy};
use mesher_verify::patience::until;

/// What only a control plane of Mesher knows.
const OWN_PATHS: &[u8] = b" /mesher/";
const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// An address that leads to the control plane and hides what an original registry does not have.
fn without_links(control: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for caller in listener.incoming().flatten() {
            // Gone, it takes no connection, and the caller loses his.
            let Ok(registry) = TcpStream::connect(control) else { continue };
            let (mut from, mut to) = (registry.try_clone().unwrap(), caller.try_clone().unwrap());
            std::thread::spawn(move || {
                // It ends with the registry, however that ends.
                let _ = std::io::copy(&mut from, &mut to);
                to.shutdown(Shutdown::Both)
            });
            std::thread::spawn(move || pass_on(caller, registry));
        }
    });
    address
}

/// Whoever asks sends each request with one write, and the next one after the answer.
fn pass_on(mut caller: TcpStream, mut registry: TcpStream) -> std::io::Result<()> {
    let mut room = vec![0; 64 * 1024];
    loop {
        let count = caller.read(&mut room)?;
        let request = room.get(..count).unwrap_or_default();
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        match line.windows(OWN_PATHS.len()).any(|part| part == OWN_PATHS) {
            _ if count == 0 => return registry.shutdown(Shutdown::Both),
            true => caller.write_all(UNKNOWN)?,
            false => registry.write_all(request)?,
        }
    }
}

#[test]
fn a_proxy_watches_a_registry_that_has_no_link() {
    let mut control = Control::start();
    let application = Application::greeting("hello");
    let service = control.register_service("greeter", "1.0.0");
    control.register_instance(&service, &[format!("rest://{}", application.address)]);
    let registry = format!("http://{}", without_links(control.address));
    let caller = Proxy::start(&registry, "webapp", &[]);
    caller.addresses.wait_reachable("http://greeter/");
    let logged = |words: &str| until(words, || caller.process.errors().contains(words).then_some(()));
    logged("watching the registry");

    let second = Application::greeting("hello");
    control.register_instance(&service, &[format!("rest://{}", second.address)]);
    until("the second instance is known", || {
        (caller.addresses.endpoints("greeter").len() == 2).then_some(())
    });
    control.process.crash();
    logged("the watch of the registry ended; looks go on");
    assert_eq!(caller.addresses.get("http://greeter/").unwrap().text(), "hello");
    assert!(!caller.process.errors().contains("linked to the control plane"));
}
