//! Records and changes as the bytes of a row.
//! It must not panic on any bytes: what does not decode is damage, and is said to be.

use bytes::Bytes;

use crate::{Changes, Event, LeaseId, Record, Revision};

/// The bytes before a record's value: created, modified, version, lease.
const RECORD_HEAD: usize = 32;
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// A row of the records: the key is the row's own.
pub(crate) fn encode_record(record: &Record) -> Vec<u8> {
    let mut row = Vec::with_capacity(RECORD_HEAD + record.value.len());
    for number in
        [record.created.0, record.modified.0, record.version, record.lease.map_or(0, |lease| lease.0)]
    {
        row.extend_from_slice(&number.to_be_bytes());
    }
    row.extend_from_slice(&record.value);
    row
}

pub(crate) fn decode_record(key: &[u8], row: &[u8]) -> Option<Record> {
    let mut rest = row;
    let created = Revision(take_number(&mut rest)?);
    let modified = Revision(take_number(&mut rest)?);
    let version = take_number(&mut rest)?;
    let lease = Some(take_number(&mut rest)?).filter(|&id| id != 0).map(LeaseId);
    let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(rest));
    Some(Record { key, value, created, modified, version, lease })
}

/// A row of the history: the revision is the row's key.
pub(crate) fn encode_changes(changes: &Changes) -> Vec<u8> {
    let mut row = Vec::new();
    for event in &changes.events {
        match event {
            Event::Put(record) => {
                row.push(PUT);
                push_bytes(&mut row, &record.key);
                push_bytes(&mut row, &encode_record(record));
            }
            Event::Delete { key } => {
                row.push(DELETE);
                push_bytes(&mut row, key);
            }
        }
    }
    row
}

pub(crate) fn decode_changes(revision: Revision, row: &[u8]) -> Option<Changes> {
    let mut rest = row;
    let mut events = Vec::new();
    while let Some((&kind, after)) = rest.split_first() {
        rest = after;
        let key = take_bytes(&mut rest)?;
        events.push(match kind {
            PUT => Event::Put(decode_record(key, take_bytes(&mut rest)?)?),
            DELETE => Event::Delete { key: Bytes::copy_from_slice(key) },
            _ => return None,
        });
    }
    Some(Changes { revision, events })
}

pub(crate) fn decode_number(row: &[u8]) -> Option<u64> {
    row.try_into().ok().map(u64::from_be_bytes)
}

fn push_bytes(row: &mut Vec<u8>, bytes: &[u8]) {
    row.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    row.extend_from_slice(bytes);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}
