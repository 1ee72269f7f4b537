//! Bits that flip and files that are cut off.
//! Either the store is what it was, or it is refused with a message: never a panic, never another state.

use super::platter::{Platter, TestClock};
use crate::{Changes, KeyRange, Operation, Reading, Revision, Store, StoreError, Transaction};

const FLIPS: usize = 600;
const CUTS: usize = 200;
/// Every place up to this one is cut at; behind it only some.
const FIRST_CUTS: usize = 64 * 1024;
/// redb's head: magic, layout and both commit slots.
const HEAD: usize = 320;

type Content = (Reading, Vec<Changes>);

fn content(store: &Store) -> Content {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let reading = runtime.block_on(store.range(KeyRange::all(), None)).unwrap();
    let mut watch = store.watch(KeyRange::all(), Revision::FIRST);
    let mut changes = Vec::new();
    while let Some(next) = watch.take().unwrap() {
        changes.push(Changes::clone(&next));
    }
    (reading, changes)
}

/// A store that was closed, and one whose process was killed.
fn images() -> Vec<(Vec<u8>, Content)> {
    [true, false]
        .into_iter()
        .map(|is_closed| {
            let platter = Platter::with_store();
            let store = platter.open_store(&TestClock::default()).unwrap();
            for number in 0..60_u32 {
                let value = vec![b'x'; 200 + number as usize * 40];
                store
                    .commit(Transaction::of([Operation::put(format!("key/{number:04}"), value)]))
                    .wait()
                    .unwrap();
            }
            let before = platter.image();
            let content = content(&store);
            drop(store);
            (if is_closed { settled(&platter) } else { before }, content)
        })
        .collect()
}

/// The image once the writer has closed the database, which it does on its own thread.
fn settled(platter: &Platter) -> Vec<u8> {
    while platter.is_held() {
        std::thread::yield_now();
    }
    platter.image()
}

fn examine(image: Vec<u8>, expected: &Content, what: &str) -> bool {
    match Platter::of_image(image).open_store(&TestClock::default()) {
        Ok(store) => {
            assert_eq!(&content(&store), expected, "{what}: another state");
            false
        }
        Err(StoreError::Damaged { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn st_04_flipped_bit_is_found_or_harmless() {
    let mut random = fastrand::Rng::with_seed(4);
    for (image, expected) in images() {
        let mut found = 0;
        for _ in 0..FLIPS {
            let mut image = image.clone();
            let range = if random.u8(..4) == 0 { 0..HEAD } else { 0..image.len() };
            let (place, bit) = (random.usize(range), random.u8(..8));
            image[place] ^= 1 << bit;
            found += usize::from(examine(image, &expected, &format!("bit {bit} of byte {place}")));
        }
        assert!(found > FLIPS / 10, "damage is found: {found}");
    }
}

#[test]
fn st_03_file_that_is_cut_off_is_refused() {
    let mut random = fastrand::Rng::with_seed(5);
    for (image, expected) in images() {
        let first = 0..FIRST_CUTS.min(image.len());
        for cut in first.chain(std::iter::repeat_with(|| random.usize(..image.len())).take(CUTS)) {
            let is_found = examine(image[..cut].to_vec(), &expected, &format!("cut at {cut}"));
            assert!(is_found || cut > image.len() / 2, "cut at {cut}");
        }
    }
}

#[test]
fn st_04_file_of_noise_is_refused() {
    let mut random = fastrand::Rng::with_seed(6);
    for length in [1, 511, 4096, 100_000] {
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
        let opened = Platter::of_image(noise).open_store(&TestClock::default());
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{length}: {opened:?}");
    }
}
