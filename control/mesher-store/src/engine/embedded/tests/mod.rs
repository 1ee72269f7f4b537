//! Tests of what happens when the disk fails, lies, fills up, or loses power.
//! They must not need a disk that really does.

mod damage;
mod failures;
mod platter;
mod power;
