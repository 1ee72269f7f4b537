//! A name server of the test's own, and programs that ask it instead of the machine's.
//! It must answer exactly what a test says, and must change nothing for any other program.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::binary;
use crate::machine::program;

/// The port of name servers; the system's resolver knows no other.
const PORT: u16 = 53;
/// A service record.
const SERVICE: u16 = 33;
/// What a question over UDP may be answered with; more is asked for over TCP.
const UDP_BYTES_MAX: usize = 512;
/// A record of an IPv4 address.
const ADDRESS: u16 = 1;
/// A record of another name.
const ALIAS: u16 = 5;
/// How often the server looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// What a name has.
#[derive(Debug, Clone)]
pub enum Records {
    /// These addresses, which may not be kept.
    Addresses(Vec<Ipv4Addr>),
    /// These addresses, good for so many seconds.
    Lasting(Vec<Ipv4Addr>, u32),
    /// Service records: priority, port, host.
    Services(Vec<(u16, u16, &'static str)>),
    /// Another name, which the resolver has to ask for.
    Alias(&'static str),
    /// Nothing, with this code: 0 no such record, 2 server failure, 3 no such name.
    Nothing(u8),
    /// No answer at all.
    Silence,
}

/// A name server. Dropped, it ends.
#[derive(Debug)]
pub struct Resolver {
    folder: TempDir,
    questions: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Resolver {
    /// Whether this machine lets a test give a program a name server of its own.
    pub fn is_possible() -> bool {
        let may_bind = UdpSocket::bind(("127.77.0.1", PORT)).is_ok();
        let unshared = Command::new("unshare").args(["--mount", "true"]).output();
        may_bind && program("unshare").is_some() && unshared.is_ok_and(|output| output.status.success())
    }

    /// Answers what `records` says of each name, on `127.77.0.` and this last part.
    pub fn start(last: u8, records: impl Fn(&str) -> Records + Send + Sync + 'static) -> Self {
        let address = SocketAddr::from(([127, 77, 0, last], PORT));
        let udp = UdpSocket::bind(address).expect("the port of name servers can be bound");
        let tcp = TcpListener::bind(address).expect("the port of name servers can be bound");
        let folder = TempDir::new().expect("a folder can be made");
        let file = folder.path().join("resolv.conf");
        std::fs::write(&file, format!("nameserver {}\noptions timeout:2 attempts:1\n", address.ip()))
            .expect("a file can be written");
        let (questions, is_over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let records = Arc::new(records);
        let (asked, over, known) = (Arc::clone(&questions), Arc::clone(&is_over), Arc::clone(&records));
        std::thread::spawn(move || answer_udp(&udp, &asked, &over, &*known));
        let over = Arc::clone(&is_over);
        std::thread::spawn(move || answer_tcp(&tcp, &over, &*records));
        Self { folder, questions, is_over }
    }

    /// How often a name was asked for so far.
    pub fn questions(&self, name: &str) -> usize {
        let asked = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|asked| *asked == name).count()
    }

    /// The command of a proxy that asks this server.
    pub fn command(&self, proxy: &Command) -> Command {
        let file = self.folder.path().join("resolv.conf");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
        command.arg(file).arg(proxy.get_program()).args(proxy.get_args());
        binary::clean(&mut command);
        // Whoever ends the command ends the proxy: each program takes the place of the one before.
        command.arg0("unshare");
        command
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn answer_udp(
    socket: &UdpSocket,
    asked: &Mutex<Vec<String>>,
    is_over: &AtomicBool,
    records: &dyn Fn(&str) -> Records,
) {
    let _ = socket.set_read_timeout(Some(LOOK));
    let mut buffer = [0; UDP_BYTES_MAX];
    while !is_over.load(Ordering::Relaxed) {
        let Ok((read, peer)) = socket.recv_from(&mut buffer) else { continue };
        let question = buffer.get(..read).unwrap_or_default();
        let remembering = |name: &str| {
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
            records(name)
        };
        let Some(mut answer) = answer(question, &remembering) else { continue };
        if answer.len() > UDP_BYTES_MAX {
            // Truncated: only the question, and the flag that says so.
            answer.truncate(question_end(question).unwrap_or(answer.len()));
            if let [_, _, flags, _, _, _, high, low, ..] = answer.as_mut_slice() {
                (*flags, *high, *low) = (*flags | 2, 0, 0);
            }
        }
        let _ = socket.send_to(&answer, peer);
    }
}

fn answer_tcp(listener: &TcpListener, is_over: &AtomicBool, records: &dyn Fn(&str) -> Records) {
    use std::io::{Read as _, Write as _};
    let _ = listener.set_nonblocking(true);
    while !is_over.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            crate::patience::pause();
            continue;
        };
        // Questions for both kinds of addresses come on one connection.
        let exchange = |stream: &mut TcpStream| -> std::io::Result<()> {
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(crate::patience::LIMIT))?;
            loop {
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question)?;
                let answer = answer(&question, records).unwrap_or_default();
                stream.write_all(&u16::try_from(answer.len()).unwrap_or_default().to_be_bytes())?;
                stream.write_all(&answer)?;
            }
        };
        // A resolver that leaves asks again.
        let _ = exchange(&mut stream);
    }
}

/// Where the first question of a message ends.
fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = 12;
    while *message.get(at)? > 0 {
        at += usize::from(*message.get(at)?) + 1;
    }
    Some(at + 5)
}

fn answer(question: &[u8], records: &dyn Fn(&str) -> Records) -> Option<Vec<u8>> {
    let end = question_end(question)?;
    let kind = u16::from_be_bytes(question.get(end - 4..end - 2)?.try_into().ok()?);
    let mut labels = Vec::new();
    let mut at = 12;
    while *question.get(at)? > 0 {
        let length = usize::from(*question.get(at)?);
        labels.push(String::from_utf8_lossy(question.get(at + 1..at + 1 + length)?).to_lowercase());
        at += length + 1;
    }
    let (code, found) = match records(&labels.join(".")) {
        Records::Silence => return None,
        Records::Nothing(code) => (code, Vec::new()),
        Records::Alias(name) => (0, vec![record(ALIAS, 0, &encode(name))]),
        Records::Addresses(addresses) if kind == ADDRESS => (0, hosts(&addresses, 0)),
        Records::Lasting(addresses, seconds) if kind == ADDRESS => (0, hosts(&addresses, seconds)),
        Records::Services(services) if kind == SERVICE => {
            (0, services.iter().map(|service| record(SERVICE, 0, &location(service))).collect())
        }
        Records::Addresses(_) | Records::Lasting(..) | Records::Services(_) => (0, Vec::new()),
    };
    let count = u16::try_from(found.len()).ok()?.to_be_bytes();
    // Answer, recursion available; one question, so many answers.
    let mut answer = question.get(..2)?.to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
    answer.extend_from_slice(question.get(12..end)?);
    found.iter().for_each(|record| answer.extend_from_slice(record));
    Some(answer)
}

/// A record of the name that was asked for, good for so many seconds.
fn record(kind: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    let (kind, length) = (kind.to_be_bytes(), u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    let [first, second, third, fourth] = seconds.to_be_bytes();
    let head = [0xc0, 12, kind[0], kind[1], 0, 1, first, second, third, fourth, length[0], length[1]];
    [&head, data].concat()
}

fn hosts(addresses: &[Ipv4Addr], seconds: u32) -> Vec<Vec<u8>> {
    addresses.iter().map(|address| record(ADDRESS, seconds, &address.octets())).collect()
}

/// Priority, weight, port and host of a service record (RFC 2782).
fn location((priority, port, host): &(u16, u16, &str)) -> Vec<u8> {
    [&priority.to_be_bytes()[..], &[0, 1], &port.to_be_bytes(), &encode(host)].concat()
}

fn encode(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).unwrap_or_default();
        std::iter::once(length).chain(label.bytes())
    });
    labels.chain([0]).collect()
}
