//! Tables for the arithmetic and for what a caller is told about a bad query.
//! Must not restate the limits: every expectation is the text that a caller sees.

use crate::bmi::{BadMeasures, body_mass_index};

fn ask(query: &[(&str, &str)]) -> Result<f64, BadMeasures> {
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    body_mass_index(&query)
}

#[test]
fn the_index_is_rounded_to_two_decimals() {
    for (height, weight, expected) in
        [("1.8", "75", 23.15), ("2", "100", 25.0), (" 1.65 ", "6e1", 22.04), ("0.5", "2", 8.0)]
    {
        assert_eq!(ask(&[("height", height), ("weight", weight)]), Ok(expected), "{height} {weight}");
    }
}

#[test]
fn a_bad_measure_is_named_with_its_remedy() {
    let rule = "height must be a number of metres between 0.5 and 2.8";
    for (height, detail) in [
        ("", rule.to_owned()),
        ("tall", rule.to_owned()),
        ("NaN", rule.to_owned()),
        ("inf", rule.to_owned()),
        ("-1.8", rule.to_owned()),
        ("<b>", rule.to_owned()),
        ("1,8,0", rule.to_owned()),
        ("180", format!("{rule} (180 centimetres are 1.8 metres)")),
        ("1,8", format!("{rule} (with a point: 1.8)")),
    ] {
        let expected = BadMeasures { parameters: vec!["height"], detail };
        assert_eq!(ask(&[("height", height), ("weight", "75")]), Err(expected), "{height}");
    }
}

#[test]
fn every_fault_of_a_query_is_told_at_once() {
    let fault = ask(&[("weight", "heavy")]).unwrap_err();
    assert_eq!(fault.parameters, ["height", "weight"]);
    assert_eq!(
        fault.detail,
        "height is missing: it must be a number of metres between 0.5 and 2.8; \
         weight must be a number of kilograms between 2 and 650"
    );
}

#[test]
fn a_measure_given_twice_is_refused() {
    let fault = ask(&[("height", "1.8"), ("height", "1.9"), ("weight", "75")]).unwrap_err();
    assert_eq!(fault.detail, "height is given more than once");
}
