//! Turns of a tenth of a second: many loads on one engine, each of which is counted again and again for a moment.
//! It must count nothing itself: only who takes a turn knows what of.

use std::time::Duration;

use anyhow::Result;

use crate::load::{Engine, Load};

/// Connections open, caches warm, pools filled.
pub(crate) const WARM_UP: Duration = Duration::from_millis(300);
/// How long a turn is counted. The machine's speed changes within tenths of a second.
pub(crate) const TURN: Duration = Duration::from_millis(100);
/// What passes between the beginning of a turn and its counting: all clients send at once first.
const LEAD: Duration = Duration::from_millis(20);
/// How long the last answers of a turn may take.
pub(crate) const HOLD_TIME_MAX: Duration = Duration::from_secs(10);

/// How many turns make up a window.
pub(crate) fn turns(duration: Duration) -> usize {
    usize::try_from(duration.as_millis().div_ceil(TURN.as_millis())).unwrap_or(usize::MAX)
}

/// Opens the clients of a group, lets them warm up, and holds them.
pub(crate) fn open(engine: &mut Engine, group: usize, load: Load) -> Result<()> {
    engine.turn_to(group);
    engine.begin(load)?;
    engine.run(WARM_UP)?;
    engine.hold(HOLD_TIME_MAX)
}

/// Lets a group send. When this returns, its turn can be counted.
pub(crate) fn begin(engine: &mut Engine, group: usize) -> Result<()> {
    engine.turn_to(group);
    engine.run(LEAD)
}

/// Items in the order of a turn or repetition: every other one backwards, so that none always follows the same neighbour.
pub(crate) fn back_and_forth<T>(items: impl IntoIterator<Item = T>, turn: usize) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    if !turn.is_multiple_of(2) {
        items.reverse();
    }
    items
}
