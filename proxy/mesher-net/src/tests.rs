//! Sockets, pool, listeners and children against the real system.
//! They must use free ports only and leave no process behind.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::listener::{self, BindError, Fallback};
use crate::{
    Channel, ChannelError, ConnectError, Connection, Doorway, Grant, Pool, PoolLimits, Socket, Turn, process,
    route, worker,
};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_taken_port_is_named_or_passed_over() {
    let first = listener::bind(ANY, Fallback::Fail).unwrap();
    let address = first.local_addr().unwrap();
    assert!(
        matches!(listener::bind(address, Fallback::Fail), Err(BindError::Taken(taken)) if taken == address)
    );
    let second = listener::bind(address, Fallback::AnyPort).unwrap().local_addr().unwrap();
    assert_eq!(second.ip(), address.ip());
    assert_ne!(second.port(), address.port());
}

#[test]
fn a_refused_connection_says_where() {
    // Bound and not listening: nobody else can take the port, and nobody accepts on it.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&ANY.into()).unwrap();
    let address = bound.local_addr().unwrap().as_socket().unwrap();
    let refused = worker::block_on(Socket::connect(address, LIMIT)).unwrap();
    assert!(matches!(refused, Err(ConnectError::Refused { address: at, .. }) if at == address));
}

const ONE: PoolLimits = PoolLimits { connections: 1, queue: 2 };
const MANY: PoolLimits = PoolLimits { connections: 100, queue: 100 };

/// A listener that lets connections wait, and a way to connect to it.
fn peer() -> (TcpListener, SocketAddr) {
    let peer = TcpListener::bind(ANY).unwrap();
    let address = peer.local_addr().unwrap();
    (peer, address)
}

/// Connects on a granted place, and gives the connection back as idle.
async fn fill(pool: &mut Pool<u32>, key: u32, address: SocketAddr, now: Instant) {
    assert!(matches!(pool.ask(key, now, false), Turn::Granted(Grant::Place)));
    let socket = Socket::connect(address, LIMIT).await.unwrap();
    pool.connected(key);
    pool.release(key, Some(Connection { socket, expires_at: now + 2 * LIMIT }), now, LIMIT);
}

fn is_open(turn: &Turn) -> bool {
    matches!(turn, Turn::Granted(Grant::Open(_)))
}

#[test]
fn the_pool_forgets_what_closed_and_what_is_old() {
    let (peer, address) = peer();
    worker::block_on(async {
        let mut pool = Pool::new(MANY);
        let now = Instant::now();
        fill(&mut pool, 1, address, now).await;
        let _first = peer.accept().unwrap();
        assert!(!is_open(&pool.ask(2, now, true)), "another endpoint's");
        assert!(!is_open(&pool.ask(1, now + LIMIT, true)), "too old");
        assert!(pool.is_empty());

        fill(&mut pool, 1, address, now).await;
        let _second = peer.accept().unwrap();
        assert!(is_open(&pool.ask(1, now, true)), "fresh");

        fill(&mut pool, 1, address, now).await;
        let (closing, _) = peer.accept().unwrap();
        drop(closing);
        until(|| {
            pool.sweep(now, |_| true);
            pool.is_empty()
        })
        .await;
    })
    .unwrap();
}

#[test]
fn a_connection_that_is_used_past_its_age_is_not_kept() {
    let (_peer, address) = peer();
    worker::block_on(async {
        let mut pool = Pool::new(MANY);
        let now = Instant::now();
        fill(&mut pool, 1, address, now).await;
        let Turn::Granted(Grant::Open(connection)) = pool.ask(1, now, true) else { panic!("not kept") };
        pool.release(1, Some(connection), now + 3 * LIMIT, LIMIT);
        assert!(pool.is_empty());
    })
    .unwrap();
}

#[test]
fn calls_wait_in_turn_for_a_place_and_for_a_connection() {
    let (_peer, address) = peer();
    worker::block_on(async {
        let mut pool = Pool::new(ONE);
        let now = Instant::now();
        assert!(matches!(pool.ask(1, now, true), Turn::Granted(Grant::Place)));
        let Turn::Waits(first) = pool.ask(1, now, true) else { panic!("the first does not wait") };
        let Turn::Waits(second) = pool.ask(1, now, true) else { panic!("the second does not wait") };
        assert!(matches!(pool.ask(1, now, true), Turn::Full));
        assert!(
            matches!(pool.ask(2, now, true), Turn::Granted(Grant::Place)),
            "another endpoint has its own"
        );
        // The first gives up: the connection goes to the second.
        drop(first);
        let socket = Socket::connect(address, LIMIT).await.unwrap();
        pool.connected(1);
        pool.release(1, Some(Connection { socket, expires_at: now + LIMIT }), now, LIMIT);
        assert!(matches!(second.await, Ok(Grant::Open(_))));
        // Its connection breaks: whoever waits next gets the place.
        let Turn::Waits(third) = pool.ask(1, now, true) else { panic!("the third does not wait") };
        assert_eq!(pool.waiting_count(), 1);
        pool.release(1, None, now, LIMIT);
        assert!(matches!(third.await, Ok(Grant::Place)));
    })
    .unwrap();
}

#[test]
fn connections_come_about_in_turn() {
    let mut pool = Pool::new(PoolLimits { connections: 1000, queue: 1000 });
    let now = Instant::now();
    let turns: Vec<_> = (0..200).map(|_| pool.ask(1, now, true)).collect();
    let granted = turns.iter().filter(|turn| matches!(turn, Turn::Granted(_))).count();
    assert_eq!((granted, pool.waiting_count()), (128, 72));
    // One that has come about, or failed to, lets the next begin.
    pool.connected(1);
    assert_eq!(pool.waiting_count(), 71);
}

/// Waits, bounded, until `holds`, letting the runtime see its sockets in between.
async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "did not happen in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn a_worker_returns_its_result_and_its_panic() {
    assert_eq!(worker::spawn("counts", async || 1 + 1).unwrap().join().unwrap().unwrap(), 2);
    let failing = worker::spawn("fails", async || assert_eq!(1, 2)).unwrap();
    assert!(failing.join().is_err());
}

#[test]
fn the_route_to_loopback_is_loopback() {
    assert_eq!(
        route::local_address_towards(([127, 0, 0, 1], 9).into()),
        Some(IpAddr::V4(Ipv4Addr::LOCALHOST))
    );
}

#[test]
fn a_child_is_ended_by_its_id() {
    let mut command = Command::new("sh");
    command.args(["-c", "echo up; read line"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    process::end_with_parent(&mut command);
    let mut child = command.spawn().unwrap();
    let mut up = [0; 3];
    child.stdout.take().unwrap().read_exact(&mut up).unwrap();
    process::terminate(child.id()).unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(process::terminate(u32::MAX).is_err());
}

#[test]
fn a_deadline_fires_once_its_seconds_have_passed() {
    let deadlines = crate::Deadlines::default();
    let (first, second) = (deadlines.watch(), deadlines.watch());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    first.set(&deadlines, Duration::from_secs(2));
    second.set_idle(&deadlines, Duration::from_secs(100));
    for _ in 0..4 {
        deadlines.tick();
        assert!(first.poll_passed(&mut context).is_pending());
    }
    deadlines.tick();
    assert!(first.poll_passed(&mut context).is_ready());
    assert!(second.poll_passed(&mut context).is_pending());
    deadlines.fire_idle();
    assert!(second.poll_passed(&mut context).is_ready());
    drop((first, second));
    assert!(deadlines.is_empty());
}

#[tokio::test]
async fn a_channel_carries_messages_and_sockets_between_processes_of_one_user() {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("mesher-net-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = folder.join("channel.sock");
    assert!(Channel::connect(&path).await.unwrap().is_none(), "nobody is there yet");
    let first = Doorway::open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (asks, hears) = tokio::join!(Channel::connect(&path), first.accept());
    let (asks, hears) = (asks.unwrap().unwrap(), hears.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let large = vec![7; 300_000];
    let (sent, received) = tokio::join!(
        async {
            asks.send(&large, None).await?;
            asks.send(b"socket", Some(listener.as_fd())).await?;
            asks.send(b"", None).await
        },
        async {
            let large = hears.receive(1_000_000).await?;
            Ok::<_, std::io::Error>((large, hears.receive(10).await?, hears.receive(0).await?))
        }
    );
    sent.unwrap();
    let ((first_message, none), (second, socket), (third, also_none)) = received.unwrap();
    assert!(first_message == large && none.is_none() && third.is_empty() && also_none.is_none());
    assert_eq!(second, b"socket");
    let adopted = listener::adopt(socket.unwrap()).unwrap();
    assert_eq!(adopted.local_addr().unwrap(), listener.local_addr().unwrap());
    asks.send(&[0; 11], None).await.unwrap();
    assert_eq!(hears.receive(10).await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);

    let second = Doorway::open(&path).unwrap();
    drop(first);
    assert!(path.exists(), "the path is the second's");
    drop(second);
    assert!(!path.exists());
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Doorway::open(&path), Err(ChannelError::OpenFolder { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn only_listening_tcp_sockets_are_adopted() {
    let connected = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = std::net::TcpStream::connect(connected.local_addr().unwrap()).unwrap();
    assert!(listener::adopt(stream.into()).is_err());
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(listener::adopt(one.into()).is_err());
    assert!(listener::adopt(std::fs::File::open("/dev/null").unwrap().into()).is_err());
}

/// Bytes of this program's code that are in memory.
fn code_in_memory() -> u64 {
    let map = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let mut is_code = false;
    let mut sum = 0;
    for line in map.lines() {
        if line.contains('/') || line.ends_with(']') {
            is_code = line.contains(" r-xp ") && line.ends_with(program);
        }
        if let Some(size) = line.strip_prefix("Rss:").filter(|_| is_code) {
            sum += size.trim().trim_end_matches(" kB").parse::<u64>().unwrap();
        }
    }
    sum
}

#[test]
fn code_that_is_forgotten_works_and_takes_less_memory() {
    let before = code_in_memory();
    assert!(before > 0);
    crate::memory::forget_code();
    let after = code_in_memory();
    assert!(after < before, "{after} kB of {before} kB");
}

/// Bytes of this process that no file backs. Takes nothing from the allocator: what it took would lie above all else, and
/// hold it there.
fn own_bytes() -> u64 {
    let mut buffer = [0; 4096];
    let read = std::fs::File::open("/proc/self/smaps_rollup").unwrap().read(&mut buffer).unwrap();
    let rollup = std::str::from_utf8(&buffer[..read]).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn what_a_burst_frees_is_given_back_although_a_large_block_was_freed_before() {
    const PIECE: usize = 64 * 1024;
    const PIECES: usize = 300;
    crate::memory::bound_free();
    // As large a block makes the allocator keep twice as much from then on, unless it is told not to.
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
    let pieces: Vec<Vec<u8>> = (0..PIECES).map(|_| std::hint::black_box(vec![1_u8; PIECE])).collect();
    let most = own_bytes();
    drop(pieces);
    let given_back = most.saturating_sub(own_bytes());
    assert!(given_back > (PIECE * PIECES) as u64 * 3 / 4, "{given_back} bytes of {}", PIECE * PIECES);
}
