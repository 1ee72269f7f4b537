//! Documents written, changed, removed and taken back, with what a store would hold of it.
//! It must compare a book with one that was filled from its edits: what is not in them is lost at the next start.

use std::collections::BTreeMap;

use mesher_model::rule::{Action, Base, Kind, RuleKey, Target};
use serde_json::Value;

use crate::{Author, Book, CHANGES_MAX, DOCUMENTS_AT_ONCE_MAX, DOCUMENTS_MAX, Plan, RuleError, parse};

fn timeout(name: &str, service: &str, request: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: {name}}}\nspec: {{service: \"{service}\", request: {request}}}\n---\n"
    )
}

fn key(name: &str) -> RuleKey {
    RuleKey {
        kind: Kind::Timeout,
        environment: String::new(),
        application: "default".to_owned(),
        name: name.to_owned(),
    }
}

fn author() -> Author {
    Author { who: "ann".to_owned(), from: "127.0.0.1".to_owned(), at: "2026-01-01T00:00:00.000Z".to_owned() }
}

/// A book with what a store would hold of it.
#[derive(Default)]
struct Kept {
    book: Book,
    store: BTreeMap<String, Value>,
}

impl Kept {
    fn write(&mut self, text: &str, bases: &[(&str, u64)]) -> Result<Vec<Option<u64>>, RuleError> {
        let plan = Plan::write(parse(text).unwrap().documents)?;
        self.amend(plan, Some(bases))
    }

    fn amend(&mut self, plan: Plan, bases: Option<&[(&str, u64)]>) -> Result<Vec<Option<u64>>, RuleError> {
        let bases: Option<Vec<_>> = bases.map(|bases| {
            bases.iter().map(|(name, revision)| Base { key: key(name), revision: *revision }).collect()
        });
        let made = self.book.amend(&plan, bases.as_deref(), &author());
        for edit in self.book.take_edits() {
            let before = match edit.after {
                Some(after) => self.store.insert(edit.key.clone(), after),
                None => self.store.remove(&edit.key),
            };
            assert_eq!(before, edit.before, "{}", edit.key);
        }
        self.check();
        Ok(made?.into_iter().map(|step| step.changed_revision).collect())
    }

    /// What was kept makes the same book again.
    fn check(&self) {
        let mut again = Book::default();
        for (key, value) in &self.store {
            assert!(again.restore(key, Some(value.clone())).unwrap(), "{key}");
        }
        assert!(again.rows().eq(self.book.rows()));
        assert!(again.changes().eq(self.book.changes()));
        assert_eq!(again.revision(), self.book.revision());
        let target =
            Target { environment: String::new(), application: "default".to_owned(), service: "a".to_owned() };
        assert!(again.of_target(&target).eq(self.book.of_target(&target)));
    }

    fn request(&self, name: &str) -> Option<String> {
        let row = serde_json::to_value(self.book.row(&key(name))?.as_ref()).unwrap();
        Some(row["document"]["spec"]["request"].as_str()?.to_owned())
    }
}

#[test]
fn documents_are_created_changed_left_alone_and_removed() {
    let mut kept = Kept::default();
    assert_eq!(kept.write(&timeout("x", "a", "5s"), &[("x", 0)]), Ok(vec![Some(1)]));
    assert_eq!(
        kept.write(&timeout("x", "a", "5s"), &[("x", 1)]),
        Ok(vec![None]),
        "nothing to do, no revision"
    );
    assert_eq!(kept.write(&timeout("x", "b", "6s"), &[("x", 1)]), Ok(vec![Some(2)]));
    let two = timeout("y", "a", "1s") + &timeout("z", "c", "1s");
    assert_eq!(kept.write(&two, &[("y", 0), ("z", 0)]), Ok(vec![Some(3), Some(4)]));
    assert_eq!(kept.amend(Plan::remove(key("x")), Some(&[("x", 2)])), Ok(vec![Some(5)]));
    assert_eq!(kept.request("x"), None);
    let actions: Vec<_> =
        kept.book.changes().map(|change| (change.changed_revision, change.action)).collect();
    let expected = [
        (5, Action::Delete),
        (4, Action::Create),
        (3, Action::Create),
        (2, Action::Update),
        (1, Action::Create),
    ];
    assert_eq!(actions, expected);
    let change = kept.book.change(2).unwrap();
    assert_eq!((change.by.as_str(), change.service.as_str()), ("ann", "b"));
    assert!(change.before.is_some() && change.after.is_some());
    assert_eq!(kept.book.change(4).unwrap().key.name, "z", "the second of a batch");
    assert!(kept.book.change(0).is_none() && kept.book.change(6).is_none());
}

#[test]
fn st_15_nobody_overwrites_what_they_have_not_seen() {
    let mut kept = Kept::default();
    kept.write(&timeout("x", "a", "5s"), &[("x", 0)]).unwrap();
    for base in [0, 2] {
        let refused = kept.write(&timeout("x", "a", "6s"), &[("x", base)]).unwrap_err();
        let RuleError::Stale { current: Some(current), .. } = &refused else { panic!("{refused:?}") };
        assert_eq!(current.changed_revision, 1);
        assert!(refused.to_string().contains("it is at r1"), "{refused}");
    }
    assert!(matches!(kept.write(&timeout("x", "a", "6s"), &[]), Err(RuleError::NoBase { .. })));
    let gone = kept.amend(Plan::remove(key("y")), Some(&[("y", 7)]));
    assert!(matches!(gone, Err(RuleError::Missing { .. })));
    assert_eq!(kept.request("x").as_deref(), Some("5s"));
}

/// CF-09: of several documents all are taken or none is.
#[test]
fn cf_09_one_stale_document_refuses_all() {
    let mut kept = Kept::default();
    kept.write(&timeout("x", "a", "5s"), &[("x", 0)]).unwrap();
    let both = timeout("y", "b", "1s") + &timeout("x", "a", "6s");
    assert!(kept.write(&both, &[("y", 0), ("x", 0)]).is_err());
    assert_eq!((kept.request("y"), kept.book.revision()), (None, 1));
    assert!(kept.book.take_edits().is_empty() && kept.book.take_news().len() == 1);
}

/// CF-04: two documents that speak of one thing are refused, so that none is shadowed in silence.
#[test]
fn cf_04_two_documents_of_one_kind_for_one_service_are_refused() {
    let mut kept = Kept::default();
    kept.write(&timeout("x", "a", "5s"), &[("x", 0)]).unwrap();
    let refused = kept.write(&timeout("y", "a", "6s"), &[("y", 0)]).unwrap_err().to_string();
    assert!(refused.contains("Timeout \"x\" and Timeout \"y\" are about the same service"), "{refused}");
    kept.write(&timeout("every", "*", "9s"), &[("every", 0)]).unwrap();
    // The one takes the place of the other in one step.
    let swap = timeout("x", "b", "5s") + &timeout("y", "a", "6s");
    assert_eq!(kept.write(&swap, &[("x", 1), ("y", 0)]), Ok(vec![Some(3), Some(4)]));
    let repeated = timeout("x", "b", "5s") + &timeout("x", "b", "6s");
    assert!(matches!(kept.write(&repeated, &[("x", 3)]), Err(RuleError::Repeated { .. })));
}

#[test]
fn cf_11_the_state_of_an_earlier_revision_comes_back_under_a_new_one() {
    let mut kept = Kept::default();
    kept.write(&timeout("x", "a", "1s"), &[("x", 0)]).unwrap();
    kept.write(&timeout("x", "a", "2s"), &[("x", 1)]).unwrap();
    kept.write(&timeout("y", "b", "1s"), &[("y", 0)]).unwrap();
    kept.amend(Plan::remove(key("x")), Some(&[("x", 2)])).unwrap();
    let plan = kept.book.back_to(1).unwrap();
    assert_eq!(kept.amend(plan, None), Ok(vec![Some(5), Some(6)]));
    assert_eq!((kept.request("x").as_deref(), kept.request("y")), (Some("1s"), None));
    assert_eq!(kept.book.change(6).unwrap().rollback_to, Some(1));
    // A rollback is a change like any other: it can be taken back.
    let plan = kept.book.back_to(4).unwrap();
    kept.amend(plan, None).unwrap();
    assert_eq!((kept.request("x"), kept.request("y").as_deref()), (None, Some("1s")));
    let plan = kept.book.back_to(0).unwrap();
    kept.amend(plan, None).unwrap();
    assert_eq!(kept.book.rows().len(), 0);
    let newest = kept.book.revision();
    assert_eq!(kept.amend(kept.book.back_to(newest).unwrap(), None), Ok(Vec::new()));
    let unknown = kept.book.back_to(newest + 1).unwrap_err();
    assert!(unknown.to_string().contains(&format!("from revision 0 to {newest}")), "{unknown}");
}

#[test]
fn edits_that_a_store_refused_are_taken_back() {
    let mut kept = Kept::default();
    kept.write(&timeout("x", "a", "1s"), &[("x", 0)]).unwrap();
    let documents = parse(&(timeout("x", "b", "2s") + &timeout("y", "a", "3s"))).unwrap().documents;
    let bases = [Base { key: key("x"), revision: 1 }, Base { key: key("y"), revision: 0 }];
    kept.book.amend(&Plan::write(documents).unwrap(), Some(&bases), &author()).unwrap();
    for edit in kept.book.take_edits().into_iter().rev() {
        assert!(kept.book.restore(&edit.key, edit.before).unwrap());
    }
    kept.check();
    assert_eq!(kept.request("x").as_deref(), Some("1s"));
}

#[test]
fn the_oldest_changes_are_forgotten_and_no_revision_comes_twice() {
    let mut book = Book::default();
    for revision in 0..CHANGES_MAX as u64 + 10 {
        let text = timeout("x", "a", &format!("{}ms", 1 + revision % 2));
        let plan = Plan::write(parse(&text).unwrap().documents).unwrap();
        let made = book.amend(&plan, Some(&[Base { key: key("x"), revision }]), &author()).unwrap();
        assert_eq!(made[0].changed_revision, Some(revision + 1));
        assert!(book.take_edits().len() <= 3);
        book.take_news();
    }
    assert_eq!(book.changes().count(), CHANGES_MAX);
    assert!(matches!(book.back_to(9), Err(RuleError::NoSuchRevision { oldest: 10, .. })));
    assert!(book.back_to(10).is_ok());
}

#[test]
fn a_request_is_one_transaction_or_refused() {
    let text: String = (0..DOCUMENTS_AT_ONCE_MAX)
        .map(|number| timeout(&format!("x{number}"), &format!("s{number}"), "1s"))
        .collect();
    let mut kept = Kept::default();
    let names: Vec<_> = (0..DOCUMENTS_AT_ONCE_MAX).map(|number| format!("x{number}")).collect();
    let bases: Vec<_> = names.iter().map(|name| (name.as_str(), 0)).collect();
    assert_eq!(kept.write(&text, &bases).unwrap().len(), DOCUMENTS_AT_ONCE_MAX);
    kept.write(&timeout("more", "more", "1s"), &[("more", 0)]).unwrap();
    assert_eq!(kept.book.back_to(0).unwrap_err(), RuleError::TooMany(DOCUMENTS_AT_ONCE_MAX + 1));
    let refused = parse(&(text + &timeout("more", "more", "1s"))).unwrap_err();
    assert!(refused.message.contains("at most 100"), "{}", refused.message);
}

/// CF-06: one document more than the most is refused, and costs none of those that stand.
#[test]
fn cf_06_one_document_more_than_the_most_is_refused() {
    let document = parse(&timeout("x", "a", "1s")).unwrap().documents.remove(0);
    let numbered = |number: usize| {
        let mut document = document.clone();
        document.metadata.name = format!("x{number}").try_into().unwrap();
        document.metadata.application = format!("a{number}").try_into().unwrap();
        document
    };
    let mut book = Book::default();
    let mut write = |numbers: std::ops::Range<usize>| {
        let plan = Plan::write(numbers.map(numbered)).unwrap();
        let made = book.amend(&plan, None, &author()).map(|steps| steps.len());
        drop((book.take_edits(), book.take_news()));
        (made, book.rows().len())
    };
    for first in (0..DOCUMENTS_MAX).step_by(DOCUMENTS_AT_ONCE_MAX) {
        assert_eq!(write(first..first + DOCUMENTS_AT_ONCE_MAX).0, Ok(DOCUMENTS_AT_ONCE_MAX));
    }
    assert_eq!(write(DOCUMENTS_MAX..DOCUMENTS_MAX + 1), (Err(RuleError::Full), DOCUMENTS_MAX));
    assert_eq!(write(0..1), (Ok(1), DOCUMENTS_MAX), "those that stand can be written");
}

/// CF-01, CF-02: what is wrong is told with its place and its line.
#[test]
fn cf_01_a_text_that_is_wrong_is_refused_with_its_place() {
    let head = "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {name: x}\n";
    let deep = format!("{head}spec: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
    for (text, words, line, column) in [
        (format!("{head}spec:\n  service: a\n  requst: 5s\n"), "unknown field `requst`", 6, 3),
        (format!("{head}spec:\n  service: a\n  request: 5\n"), "\"5\" is no span of time", 6, 12),
        (format!("{head}spec:\n  service: a\n  service: b\n"), "duplicate", 6, 3),
        (format!("{head}spec:\n\tservice: a\n"), "tab", 5, 1),
        (format!("{}{head}spec: {{service: b}}\n", timeout("y", "a", "1s")), "missing field `request`", 9, 7),
        ("kind: Rout\n".to_owned(), "unknown kind", 1, 7),
        ("- a\n".to_owned(), "", 1, 1),
        ("apiVersion: mesher/v1\nmetadata: {name: \"a\\0b\"}\n".to_owned(), "is no name", 2, 18),
        (bomb.to_owned(), "", 1, 1),
        (deep, "", 4, 1),
    ] {
        let shown = text.lines().nth(line - 1).unwrap().chars().take(200).collect::<String>();
        let found = *parse(&text).unwrap_err();
        assert!(found.message.contains(words), "{text}: {found:?}");
        assert_eq!(found.line, Some(line as u64), "{found:?}");
        assert!(found.column >= Some(column), "{found:?}");
        assert_eq!(found.text.as_deref(), Some(shown.as_str()), "{found:?}");
        assert!(found.message.lines().count() == 1 && found.message.len() < 300, "{}", found.message);
        assert!(!found.message.contains("at line"), "the place is told once: {}", found.message);
    }
    for text in ["", "\n", "# nothing\n", "---\n"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    let large = *parse(&"#".repeat(2 << 20)).unwrap_err();
    assert!(large.message.contains("bytes of text"), "{}", large.message);
}

#[test]
fn json_is_read_as_yaml_is() {
    let json = r#"{"apiVersion":"mesher/v1","kind":"Timeout","metadata":{"name":"x"},"spec":{"service":"a","request":"5s"}}"#;
    assert_eq!(parse(json).unwrap().documents, parse(&timeout("x", "a", "5s")).unwrap().documents);
}

fn route(rules: &str) -> String {
    format!(
        "apiVersion: mesher/v1\nkind: Route\nmetadata: {{name: x}}\nspec:\n  service: a\n  rules: [{rules}]\n"
    )
}

#[test]
fn cf_04_a_rule_that_decides_nothing_is_warned_of() {
    let (every, some) = ("{name: all, backends: [{}]}", "{matches: [{method: GET}], backends: [{}]}");
    let other = "{name: other, matches: [{method: PUT}, {method: GET}], backends: [{}]}";
    for (rules, words) in [
        (
            [every, every].as_slice(),
            Some("rule all has no matches and takes every call, so that no call reaches the 1 after it"),
        ),
        (&[some, every, some, every], Some("no call reaches the 2 after it")),
        (&[some, other, every], None),
        (&[some, some, every], Some("rule 2 never decides, because rule 1 before it has the same matches")),
        (&[other, some], Some("rule 2 never decides, because rule other before it")),
        (&[every, some, some], Some("no call reaches the 2 after it")),
        (&[every], None),
    ] {
        let parsed = parse(&route(&rules.join(", "))).unwrap();
        let warnings: Vec<_> =
            parsed.warnings.iter().map(|warning| (warning.line, &warning.message)).collect();
        match (warnings.as_slice(), words) {
            ([], None) => {}
            ([(Some(6), message)], Some(words)) if message.contains(words) => {}
            other => panic!("{rules:?}: {other:?}"),
        }
    }
}

/// CF-08: what no proxy could load is refused here, by name.
#[test]
fn cf_08_an_expression_that_cannot_be_compiled_is_refused() {
    let expression = |value: &str| {
        route(&format!(
            "{{matches: [{{path: {{type: RegularExpression, value: \"{value}\"}}}}], backends: [{{}}]}}"
        ))
    };
    for (value, words) in [("(a", "unclosed group"), ("(a{1000}){1000}", "automaton of more than")] {
        let plan = Plan::write(parse(&expression(value)).unwrap().documents).unwrap();
        let refused = Book::default().check(&plan).unwrap_err().to_string();
        assert!(
            refused.starts_with("Route \"x\", rule 1, match 1, path: ") && refused.contains(words),
            "{refused}"
        );
    }
    let plan = Plan::write(parse(&expression("/v[0-9]+/.*")).unwrap().documents).unwrap();
    assert!(Book::default().check(&plan).is_ok());
}

#[test]
fn what_is_wrong_in_a_match_is_told_where_it_stands() {
    let text = "apiVersion: mesher/v1\nkind: Route\nmetadata: {name: x}\nspec:\n  service: a\n  rules:\n    - matches:\n        - path: {value: api}\n      backends: [{}]\n";
    let found = *parse(text).unwrap_err();
    assert!(found.message.contains("is no path"), "{found:?}");
    assert_eq!(found.line, Some(8), "{found:?}");
}
