//! Tests of what happens when the disk fails, lies, fills up, or loses power.
//! They must not need a disk that really does.
//!
//! Each row of the storage faults has tests whose names begin with its id:
//!
//! | row | fault | where |
//! |---|---|---|
//! | ST-01 | the process is killed | `verify/tests/crash`, `tests/crash` (its own program) |
//! | ST-02 | the power goes | `power` |
//! | ST-03 | a file that is cut | `damage`; a backup: `tests/it/backup` as ST-17 |
//! | ST-04 | bits that flip | `damage` |
//! | ST-05 | a full disk | `failures`, `verify/tests/e2e/disk` |
//! | ST-06 | a sync that fails | `failures` |
//! | ST-07 | a sync that takes its time | `slow`; heartbeats: `keep::tests` of `mesher-control` |
//! | ST-08 | a crash while it compacts, watchers meanwhile | `power`, `tests/it/conformance/watches` |
//! | ST-09 | growth | `tests/it/growth`, `tests/it/conformance/watches` |
//! | ST-10 | fan-out | `tests/api/watch` of `mesher-control` |
//! | ST-11 | another file, two processes, modes | `failures`, `tests/it/directory`, `verify/tests/e2e` |
//! | ST-12 | formats | `failures`, `tests/it/format` |
//! | ST-13 | order among clients | `tests/it/linear` |
//! | ST-14 | watches | `tests/it/conformance/watches`, `tests/it/linear` |
//! | ST-15 | two edits with one base | `tests/it/conformance/transactions` |
//! | ST-17 | backup | `tests/it/backup`, `verify/tests/e2e/kept` |
//!
//! ST-16 is of etcd, which is no engine here. What ST-13 says of partitions needs several nodes; there is one.

mod damage;
mod failures;
mod platter;
mod power;
mod slow;
