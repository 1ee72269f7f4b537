//! Medians and paired ratios.
//! It must never relate figures of different repetitions: the machine drifts between them.

use serde::Serialize;

/// The middle and the ends of some values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    pub(crate) count: usize,
}

/// `None` where there is no value. The median of an even number of values is the mean of the two in the middle.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
    let mut values: Vec<_> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (minimum, maximum) = (*values.first()?, *values.last()?);
    let (low, high) = (*values.get((values.len() - 1) / 2)?, *values.get(values.len() / 2)?);
    Some(Summary { median: f64::midpoint(low, high), minimum, maximum, count: values.len() })
}

/// The ratios of the values of two proxies, each in one repetition. What only one of them has is passed over.
pub(crate) fn paired(ours: &[(usize, f64)], theirs: &[(usize, f64)]) -> Option<Summary> {
    let ratio = |(repetition, value): &(usize, f64)| {
        let (_, other) = theirs.iter().find(|(other, _)| other == repetition)?;
        (*other > 0.0).then(|| value / other)
    };
    summary(ours.iter().filter_map(ratio))
}
