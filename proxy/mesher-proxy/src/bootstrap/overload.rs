//! How much the proxy itself may take on, as settings say it.
//! It must not say what is left out beyond that.

use std::time::Duration;

use super::values::{Reader, parse_time_max};

/// How late work may be where no setting says otherwise.
const LAG_MAX_DEFAULT: Duration = Duration::from_millis(500);
/// The least memory that can be named: below it a proxy does not start.
const MEMORY_LEAST: u64 = 1024 * 1024;
/// Units of memory.
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];

/// How much memory the proxy may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryMax {
    /// As much as its control group may; whatever it needs where that has no limit.
    OfGroup,
    /// Whatever it needs.
    Off,
    /// So many bytes.
    Bytes(u64),
}

/// From when on the proxy leaves out what it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverloadLimits {
    /// How much memory it may have.
    pub memory_max: MemoryMax,
    /// How late the work of a thread may be, again and again; as late as it comes where absent.
    pub lag_max: Option<Duration>,
}

impl OverloadLimits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            memory_max: reader.read("memory_max", MemoryMax::OfGroup, parse_memory),
            lag_max: reader.read("lag_max", Some(LAG_MAX_DEFAULT), |text| match text {
                "off" => Ok(None),
                _ => parse_time_max(text).map(Some).map_err(|reason| format!("{reason}; or off")),
            }),
        }
    }
}

fn parse_memory(text: &str) -> Result<MemoryMax, String> {
    if text == "off" {
        return Ok(MemoryMax::Off);
    }
    let wrong = || "at least 1MiB, as bytes or with a unit: 64MiB, 1GiB; or off".to_owned();
    let unit = UNITS.into_iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)));
    let (number, unit) = unit.ok_or_else(wrong)?;
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes >= MEMORY_LEAST).map(MemoryMax::Bytes).ok_or_else(wrong)
}
