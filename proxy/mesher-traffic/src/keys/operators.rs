//! How keys compare a value: the operators of Java Chassis and of Go Chassis, in the words of documents.
//! It must give no operator another meaning than its SDK does, but for those that `docs/deviations.md` lists.

use std::collections::BTreeMap;

use mesher_model::rule::{FieldMatch, PathKind, PathMatch, ValueKind};
use serde_saphyr::Spanned;

use super::ways::{TooMany, Ways, field};
use super::yaml::Fault;
use crate::matching::number::Decimal;

/// Operators with what they compare with. All of them have to hold.
pub(super) type Operators = BTreeMap<String, String>;

/// Go's word beside the operators of a value: letters are compared without case.
const IGNORES_CASE: &str = "caseInsensitive";

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    kind: ValueKind,
    value: String,
    not: bool,
}

impl Test {
    pub(super) const fn new(kind: ValueKind, value: String) -> Self {
        Self { kind, value, not: false }
    }

    /// The same for the value of a header field or a parameter.
    pub(super) fn of_field(self, name: &str) -> FieldMatch {
        field(name, self.kind, Some(self.value), self.not)
    }

    fn of_path(self) -> Result<(PathMatch, bool), String> {
        let expression = |value| (PathKind::RegularExpression, value);
        let (kind, value) = match self.kind {
            ValueKind::Exact => (PathKind::Exact, self.value),
            // As text, and not by segments as a document's prefix.
            ValueKind::Prefix => expression(format!("{}.*", escaped(&self.value))),
            ValueKind::Suffix => expression(format!(".*{}", escaped(&self.value))),
            ValueKind::RegularExpression => expression(self.value),
            _ => return Err("it compares numbers, and no path is one".to_owned()),
        };
        Ok((PathMatch { kind, value }, self.not))
    }
}

/// What an operator says: one of these comparisons has to hold.
///
/// # Errors
/// Why no value fits.
pub(super) fn tests(operator: &str, expected: &str, ignores_case: bool) -> Result<Vec<Test>, String> {
    let text = |kind, before: &str, behind: &str| {
        let expression = format!("(?i){before}{}{behind}", escaped(expected));
        vec![match ignores_case {
            true => Test::new(ValueKind::RegularExpression, expression),
            false => Test::new(kind, expected.to_owned()),
        }]
    };
    let number = |kind| number(operator, expected).map(|value| vec![Test::new(kind, value)]);
    Ok(match operator {
        "exact" => text(ValueKind::Exact, "", ""),
        "prefix" => text(ValueKind::Prefix, "", ".*"),
        "suffix" => text(ValueKind::Suffix, ".*", ""),
        "contains" => {
            let case = if ignores_case { "(?i)" } else { "" };
            vec![Test::new(ValueKind::RegularExpression, format!("{case}.*{}.*", escaped(expected)))]
        }
        "regex" => {
            let case = if ignores_case { "(?i)" } else { "" };
            vec![Test::new(ValueKind::RegularExpression, format!("{case}{expected}"))]
        }
        "noEqu" => {
            text(ValueKind::Exact, "", "").into_iter().map(|test| Test { not: true, ..test }).collect()
        }
        "greater" => number(ValueKind::Greater)?,
        "noLess" => number(ValueKind::GreaterOrEqual)?,
        "less" => number(ValueKind::Less)?,
        "noGreater" => number(ValueKind::LessOrEqual)?,
        _ => {
            return Err(format!(
                "{operator} is no operator; there are exact, prefix, suffix, contains, compare, regex, noEqu, greater, noLess, less, noGreater"
            ));
        }
    })
}

fn number(operator: &str, expected: &str) -> Result<String, String> {
    let number = expected.trim();
    if Decimal::parse(number.as_bytes()).is_some() {
        return Ok(number.to_owned());
    }
    Err(format!("{operator} compares with a number like 18, -3 or 0.5, and {expected:?} is none"))
}

/// What Java's `compare` says: a sign and a number, as `>=18`. The tests of each list have to hold together, those of one
/// list at least.
fn compared(expected: &str) -> Result<Vec<Vec<Test>>, String> {
    let text = expected.trim();
    let end = text.find(|sign| !matches!(sign, '>' | '<' | '=' | '!')).unwrap_or(text.len());
    let (sign, rest) = text.split_at(end);
    let number = number("compare", rest).map_err(|_| {
        format!("compare is written like \">=18\", \"<0.5\", \"=1\" or \"!=1\", and not {expected:?}")
    })?;
    let test = |kind| Test::new(kind, number.clone());
    Ok(match sign {
        ">" => vec![vec![test(ValueKind::Greater)]],
        ">=" => vec![vec![test(ValueKind::GreaterOrEqual)]],
        "<" => vec![vec![test(ValueKind::Less)]],
        "<=" => vec![vec![test(ValueKind::LessOrEqual)]],
        "=" => vec![vec![test(ValueKind::GreaterOrEqual), test(ValueKind::LessOrEqual)]],
        "!" | "!=" => vec![vec![test(ValueKind::Greater)], vec![test(ValueKind::Less)]],
        _ => return Err(format!("compare knows >, >=, <, <=, =, ! and !=, and not {sign:?}")),
    })
}

/// Whoever carries a named value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Header,
    Parameter,
}

impl Carrier {
    fn asks(self, field: FieldMatch) -> Ways {
        match self {
            Self::Header => Ways::header(field),
            Self::Parameter => Ways::parameter(field),
        }
    }
}

/// The ways in which a named value fits all its operators. `needs_presence`: a value that is not there fits nothing, not
/// even an operator that says what it must not be.
pub(super) fn of_field(
    carrier: Carrier,
    name: &str,
    operators: &Spanned<Operators>,
    needs_presence: bool,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let asks = |test: Test| Ok(carrier.asks(test.of_field(name)));
    let mut ways = all(operators, name, asks, notices)?;
    let is_negative = operators.value.contains_key("noEqu");
    if needs_presence && is_negative {
        let present = carrier.asks(field(name, ValueKind::Present, None, false));
        ways = ways.and(&present).map_err(|error| Fault::at(operators, error.words()))?;
    }
    Ok(ways)
}

/// The ways in which a path fits all its operators.
pub(super) fn of_path(operators: &Spanned<Operators>, notices: &mut Vec<Fault>) -> Result<Ways, Fault> {
    let asks = |test: Test| test.of_path().map(|(path, not)| Ways::path(path, not));
    all(operators, "apiPath", asks, notices)
}

fn all(
    operators: &Spanned<Operators>,
    name: &str,
    asks: impl Fn(Test) -> Result<Ways, String>,
    notices: &mut Vec<Fault>,
) -> Result<Ways, Fault> {
    let mut never = |words: String| {
        notices
            .push(Fault::at(operators, format!("{name}: {words}. No call fits, so the rule holds for none")));
        Ok(Ways::none())
    };
    let ignores_case = operators.value.get(IGNORES_CASE).is_some_and(|value| value.trim() == "true");
    let mut given = operators.value.iter().filter(|(operator, _)| *operator != IGNORES_CASE).peekable();
    if given.peek().is_none() {
        return never("no operator says how it is compared; write for example {exact: VALUE}".to_owned());
    }
    let mut ways = Ways::every();
    for (operator, expected) in given {
        let alternatives = match operator.as_str() {
            "compare" => compared(expected),
            _ => tests(operator, expected, ignores_case)
                .map(|tests| tests.into_iter().map(|test| vec![test]).collect()),
        };
        let one = alternatives.and_then(|alternatives| any(alternatives, &asks));
        match one {
            Ok(one) => {
                let both = one.and_then(|one| ways.and(&one));
                ways = both.map_err(|error| Fault::at(operators, error.words()))?;
            }
            Err(words) => return never(words),
        }
    }
    Ok(ways)
}

/// The ways in which all tests of one of the lists hold.
fn any(
    alternatives: Vec<Vec<Test>>,
    asks: impl Fn(Test) -> Result<Ways, String>,
) -> Result<Result<Ways, TooMany>, String> {
    let mut ways = Ok(Ways::none());
    for tests in alternatives {
        let mut together = Ok(Ways::every());
        for test in tests {
            let one = asks(test)?;
            together = together.and_then(|ways| ways.and(&one));
        }
        ways = ways.and_then(|ways| together.and_then(|together| ways.or(together)));
    }
    Ok(ways)
}

/// A text as a regular expression that it alone fits.
pub(super) fn escaped(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'_'
            | b'/'
            | b' '
            | b','
            | b':'
            | b'='
            | b'@'
            | b'%' => {
                expression.push(char::from(byte));
            }
            b'.' | b'-' | b'+' | b'*' | b'?' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'^' | b'$'
            | b'|' | b'\\' => {
                expression.extend(['\\', char::from(byte)]);
            }
            // Expressions are compared with bytes.
            _ => expression.push_str(&format!("\\x{byte:02X}")),
        }
    }
    expression
}
