//! Numbers as tables show them.
//! It must show no more digits than a measurement has.

use crate::measure::Summary;

/// What stands where nothing was measured.
pub(super) const ABSENT: &str = "–";

/// Bytes in the unit in which tables show memory.
pub(crate) const MEGABYTE: f64 = 1e6;

/// Three digits that count, thousands separated.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A median, or that there is none.
pub(super) fn median(summary: Option<Summary>) -> String {
    summary.map_or_else(|| ABSENT.to_owned(), |summary| short(summary.median))
}

/// A median with the ends of its values.
pub(crate) fn spread(summary: Option<Summary>) -> String {
    let show =
        |all: Summary| format!("{} ({}–{})", short(all.median), short(all.minimum), short(all.maximum));
    summary.map_or_else(|| ABSENT.to_owned(), show)
}

fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}
