//! Large bodies through two proxies: whole, and in little memory.
//! It must measure the processes, not believe them.

use mesher_verify::application::{Application, ok};
use mesher_verify::http::Wire;
use mesher_verify::machine::own_memory;
use mesher_verify::process::Process;
use sha1::{Digest as _, Sha1};

use crate::streaming::Fixture;

const BODY_BYTES: usize = 64 * 1024 * 1024;
const BLOCK_BYTES: usize = 64 * 1024;
const GROWTH_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The blocks of a body in which no two stretches are alike.
fn blocks() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..BODY_BYTES / BLOCK_BYTES).map(move |_| {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend(state.to_le_bytes());
        }
        block
    })
}

fn hexadecimal(digest: Sha1) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest_of_blocks() -> String {
    let mut digest = Sha1::new();
    blocks().for_each(|block| digest.update(block));
    hexadecimal(digest)
}

/// Answers a question with the digest of its body, and a question without a body with the blocks.
fn serve(mut wire: Wire) -> std::io::Result<()> {
    while let Some((head, mut body)) = wire.request_head()? {
        if head.method() == "GET" {
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n"))?;
            blocks().try_for_each(|block| wire.send(block))?;
            continue;
        }
        let mut digest = Sha1::new();
        while let Some(piece) = wire.piece(&mut body)? {
            digest.update(piece);
        }
        wire.send(ok(&hexadecimal(digest)))?;
    }
    Ok(())
}

fn assert_small(process: &Process, before: u64) {
    let growth = own_memory(process.pid()).saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "a proxy grew by {growth} bytes");
}

#[test]
fn large_bodies_pass_whole_and_in_little_memory() {
    let application = Application::start(serve);
    let mesh = Fixture::start(&application);
    let proxies = [&mesh.caller.process, &mesh.provider.process];
    let mut wire = mesh.connect();
    // A small call first: what every call needs is there before anything is measured.
    wire.call("POST / HTTP/1.1\r\nHost: provider\r\nContent-Length: 1\r\n\r\nx").unwrap();
    let before = proxies.map(|process| own_memory(process.pid()));
    let wanted = digest_of_blocks();

    wire.send("POST / HTTP/1.1\r\nHost: provider\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    for block in blocks() {
        wire.send(format!("{BLOCK_BYTES:x}\r\n")).unwrap();
        wire.send(block).unwrap();
        wire.send("\r\n").unwrap();
    }
    wire.send("0\r\n\r\n").unwrap();
    assert_eq!(wire.answer("POST").unwrap().text(), wanted);
    for (process, before) in proxies.into_iter().zip(before) {
        assert_small(process, before);
    }

    wire.send("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    let (_, mut body) = wire.answer_head("GET").unwrap();
    let mut digest = Sha1::new();
    while let Some(piece) = wire.piece(&mut body).unwrap() {
        digest.update(piece);
    }
    assert_eq!(hexadecimal(digest), wanted);
    for (process, before) in proxies.into_iter().zip(before) {
        assert_small(process, before);
    }
}

#[test]
fn a_slow_reader_makes_the_sender_wait() {
    let application = Application::start(serve);
    let mesh = Fixture::start(&application);
    let proxies = [&mesh.caller.process, &mesh.provider.process];
    let mut wire = mesh.connect();
    wire.call("POST / HTTP/1.1\r\nHost: provider\r\nContent-Length: 1\r\n\r\nx").unwrap();
    let before = proxies.map(|process| own_memory(process.pid()));
    wire.send("GET / HTTP/1.1\r\nHost: provider\r\n\r\n").unwrap();
    wire.answer_head("GET").unwrap();
    // Nobody reads on: what the proxies hold meanwhile must stay what they may hold.
    mesher_verify::patience::throughout(std::time::Duration::from_secs(1), || Ok(()));
    for (process, before) in proxies.into_iter().zip(before) {
        assert_small(process, before);
    }
}
