//! Body-mass arithmetic: reads height and weight from a query and computes the index.
//! Must not know who asks or how an answer travels.

use std::ops::RangeInclusive;

/// One measure that a query must give.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    unit: &'static str,
    pub(crate) range: RangeInclusive<f64>,
}

/// Metres; wider than people are, narrow enough to tell metres from centimetres.
pub(crate) const HEIGHT: Measure = Measure { name: "height", unit: "metres", range: 0.5..=2.8 };
/// Kilograms; wider than people are.
pub(crate) const WEIGHT: Measure = Measure { name: "weight", unit: "kilograms", range: 2.0..=650.0 };

/// A query that cannot be computed: which parameters are to blame, and how to mend each of them.
#[derive(Debug, PartialEq)]
pub(crate) struct BadMeasures {
    pub(crate) parameters: Vec<&'static str>,
    pub(crate) detail: String,
}

/// Kilograms by square metres, rounded to two decimals; or what is wrong with the query.
pub(crate) fn body_mass_index(query: &[(String, String)]) -> Result<f64, BadMeasures> {
    let (height, weight) = match (HEIGHT.read(query), WEIGHT.read(query)) {
        (Ok(height), Ok(weight)) => (height, weight),
        (height, weight) => return Err(refuse(&[(&HEIGHT, height.err()), (&WEIGHT, weight.err())])),
    };
    Ok((100.0 * weight / (height * height)).round() / 100.0)
}

fn refuse(faults: &[(&Measure, Option<String>)]) -> BadMeasures {
    let faults = || faults.iter().filter_map(|(measure, fault)| Some((measure.name, fault.as_deref()?)));
    BadMeasures {
        parameters: faults().map(|(name, _)| name).collect(),
        detail: faults().map(|(_, fault)| fault).collect::<Vec<_>>().join("; "),
    }
}

impl Measure {
    fn read(&self, query: &[(String, String)]) -> Result<f64, String> {
        let mut given = query.iter().filter(|(name, _)| name == self.name).map(|(_, value)| value.trim());
        let Some(value) = given.next() else {
            return Err(format!("{} is missing: it {}", self.name, self.rule()));
        };
        if given.next().is_some() {
            return Err(format!("{} is given more than once", self.name));
        }
        match value.parse::<f64>() {
            // A value that is not a number is in no range either.
            Ok(number) if self.range.contains(&number) => Ok(number),
            _ => Err(format!("{} {}{}", self.name, self.rule(), self.hint(value))),
        }
    }

    fn rule(&self) -> String {
        format!("must be a number of {} between {} and {}", self.unit, self.range.start(), self.range.end())
    }

    /// Names the two slips that people make; a value is repeated only once it is known to be a number.
    fn hint(&self, value: &str) -> String {
        if let Ok(number) = value.replacen(',', ".", 1).parse::<f64>()
            && value.contains(',')
            && self.range.contains(&number)
        {
            return format!(" (with a point: {number})");
        }
        match value.parse::<f64>() {
            Ok(number) if self.unit == "metres" && self.range.contains(&(number / 100.0)) => {
                format!(" ({number} centimetres are {} metres)", number / 100.0)
            }
            _ => String::new(),
        }
    }
}
