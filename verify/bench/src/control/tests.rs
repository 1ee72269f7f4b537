//! Requests, frames, ratios and tables, from values that were made up.
//! It must start no process and reach no server.

use std::net::SocketAddr;

use super::cost::{Kind, Window, take_turn};
use super::figures::{BEAT, Figures, KINDS, STATIC};
use super::frames::{Broken, Frames};
use super::page;
use super::population::{INSTANCES_OF_FIRST, Population};
use crate::load::{Engine, Requests, Wanted, request};

fn population() -> Population {
    Population { address: SocketAddr::from(([127, 0, 0, 1], 30_100)), services: 10_000, instances: 100_000 }
}

fn text(request: &[u8]) -> (String, serde_json::Value) {
    let text = std::str::from_utf8(request).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn the_first_service_has_a_hundred_instances_and_the_last_none() {
    let population = population();
    let mut counts = vec![0; population.services];
    (0..population.instances).for_each(|instance| counts[population.service_of(instance)] += 1);
    assert_eq!(counts[0], INSTANCES_OF_FIRST);
    assert_eq!(counts[1], 10);
    assert_eq!(counts.last(), Some(&0));
    assert_eq!(counts.iter().sum::<usize>(), population.instances);
}

#[test]
fn few_services_share_many_instances() {
    let population = Population { services: 3, ..population() };
    assert!((INSTANCES_OF_FIRST..1000).all(|instance| population.service_of(instance) == 1));
}

#[test]
fn the_length_of_an_answer_is_known_beforehand() {
    let (_, service) = text(&population().create(77));
    let id = service["service"]["serviceId"].as_str().unwrap();
    assert_eq!(Population::created().length, format!(r#"{{"serviceId":"{id}"}}"#).len());
    let (head, instance) = text(&population().register(99_999));
    let id = instance["instance"]["instanceId"].as_str().unwrap();
    assert_eq!(Population::registered().length, format!(r#"{{"instanceId":"{id}"}}"#).len());
    let length = format!("Content-Length: {}", instance.to_string().len());
    assert!(head.lines().any(|line| line == length), "{head}");
    let (beat, _) = text(&population().beat(99_999));
    assert!(beat.contains(id), "{beat} is for another instance");
}

fn frame(opcode: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match u8::try_from(length) {
        Ok(length) if length < 126 => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.resize(frame.len() + length, b'x');
    frame
}

#[test]
fn messages_are_counted_however_they_are_cut() {
    let stream = [frame(1, 300), frame(9, 0), frame(1, 5), frame(1, 0)].concat();
    for size in 1..=stream.len() {
        let mut frames = Frames::default();
        let count: usize = stream.chunks(size).map(|piece| frames.count(piece).unwrap()).sum();
        assert_eq!(count, 3, "in pieces of {size}");
    }
}

#[test]
fn a_socket_that_ends_is_no_message() {
    assert_eq!(Frames::default().count(&frame(8, 2)), Err(Broken::Closed));
    assert_eq!(Frames::default().count(&[0x81, 127]), Err(Broken::TooLong));
}

fn window(kind: &str, repetition: usize, run: u64) -> Window {
    Window { kind: kind.to_owned(), repetition, requests: 1000, seconds: 1.0, run }
}

#[test]
fn a_fault_before_the_counting_is_told() {
    let mut engine = Engine::new().unwrap();
    let mut kind = Kind {
        name: BEAT,
        target: engine.backend,
        pid: std::process::id(),
        requests: Requests::Same(request("bench")),
        wanted: Wanted::ok(0),
    };
    engine.tally.add_fault(&"closed in the lead");
    let error = take_turn(&mut engine, 0, &mut kind, &mut window(BEAT, 0, 0)).unwrap_err().to_string();
    assert!(error.contains("1 faults: closed in the lead"), "{error}");
}

#[test]
fn a_ratio_is_that_of_one_repetition() {
    let windows = vec![
        window(STATIC, 0, 10_000_000),
        window(BEAT, 0, 20_000_000),
        window(STATIC, 1, 30_000_000),
        window(BEAT, 1, 60_000_000),
        window(STATIC, 2, 10_000_000),
    ];
    let figures = Figures { windows, ..Figures::default() };
    let ratio = figures.ratio(BEAT).unwrap();
    assert_eq!((ratio.median, ratio.minimum, ratio.maximum, ratio.count), (2.0, 2.0, 2.0, 2));
    assert!(figures.ratio(KINDS[3]).is_none());
}

#[test]
fn a_table_says_what_holds_and_what_was_not_measured() {
    let windows = vec![window(STATIC, 0, 10_000_000), window(BEAT, 0, 31_000_000)];
    let figures = Figures { windows, restart: 0.5, instance_rate: 1_999.0, ..Figures::default() };
    let text = page::render(&figures);
    let row = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap().to_owned();
    assert!(row("| processor time: heartbeat").ends_with("| 3.10× | **no** |"), "{text}");
    assert!(row("| processor time: find, 100").ends_with("| – | not measured |"), "{text}");
    assert!(row("| restart").ends_with("| 0.50 s | yes, goal reached |"), "{text}");
    assert!(row("| registrations a second").ends_with("| 1,999 | **no** |"), "{text}");
}
