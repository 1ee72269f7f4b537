//! Explanations as people read them, and the ids of calls.
//! It must show what the network sent, and obey none of it.

use super::*;

fn told() -> Explanation {
    Explanation {
        proxy: Teller { id: "p1".into(), service: "webapp".into(), version: "1".into(), ..Teller::default() },
        direction: "outbound".into(),
        request: RequestFacts {
            method: "GET".into(),
            host: "shop".into(),
            path: "/\u{1b}[2J".into(),
            ..RequestFacts::default()
        },
        snapshot: 7,
        rules_revision: 3,
        destination: Destination { kind: "service".into(), name: "shop".into() },
        conclusion: "it would go to 127.0.0.1:1".into(),
        ..Explanation::default()
    }
}

#[test]
fn a_call_without_rules_is_told_in_a_few_lines() {
    let expected = r"call        GET http://shop/\u{1b}[2J, outbound
proxy       p1 of webapp 1, snapshot 7, rules r3
leads to    service shop
rules       none: every instance may take the call
conclusion  it would go to 127.0.0.1:1";
    assert_eq!(told().to_string(), expected);
}

#[test]
fn everything_that_is_known_has_a_line() {
    let failure =
        FailureFacts { side: "upstream".into(), kind: "connect_refused".into(), detail: "refused".into() };
    let miss = Missed { part: "method POST".into(), found: "it is another one".into() };
    let mut told = told();
    told.call = Some(CallFacts {
        id: "0123456789abcdef".into(),
        at: "T".into(),
        elapsed_ms: 1.25,
        status: Some(502),
        failure: Some(failure.clone()),
        from: "webapp".into(),
        ..CallFacts::default()
    });
    let said = |name: &str, shadowed_by: Option<&str>| Said {
        kind: "Route".into(),
        name: name.into(),
        source: if shadowed_by.is_some() { "kie" } else { "document" }.into(),
        revision: 2,
        service: "*".into(),
        shadowed_by: shadowed_by.map(Into::into),
    };
    told.said = vec![said("all", None), said("servicecomb.a", Some("Route all"))];
    told.rules = vec![
        RuleTold { name: "1".into(), misses: vec![miss], misses_left_out: 2, ..RuleTold::default() },
        RuleTold { name: "2".into(), verdict: Verdict::Decides, ..RuleTold::default() },
        RuleTold { name: "3".into(), verdict: Verdict::Shadowed, ..RuleTold::default() },
    ];
    told.choice = Some(ChoiceTold {
        route: "all".into(),
        rule: "2".into(),
        subset: "version 2".into(),
        weight: 1,
        total: 10,
        fallback: "None".into(),
    });
    told.timeout_ms = Some(500);
    let endpoint = |address: &str, standing| EndpointTold {
        address: address.into(),
        standing,
        ..EndpointTold::default()
    };
    told.endpoints = vec![endpoint("a", Standing::Chosen), endpoint("b", Standing::Suspect)];
    told.endpoints_left_out = 4;
    told.tries = vec![Try { address: "a".into(), elapsed_ms: 1.0, failure: Some(failure), ..Try::default() }];
    told.notes = vec!["a note".into()];
    let text = told.to_string();
    for line in [
        "0123456789abcdef from webapp at T, 1.2 ms, 0 B in, 0 B out: failed with 502, connect_refused (upstream): refused",
        "said by     Route all, r2, about every service: holds",
        "kie key servicecomb.a, about every service: shadowed by Route all",
        "rules       1: passed over, for method POST (it is another one); and 2 more",
        "2: decides",
        "3: would fit, but one before it decides",
        "goes to     version 2, weight 1 of 10 (rule 2 of Route all, fallback None)",
        "timeout     500 ms to the head of the answer",
        "endpoints   a: CHOSEN",
        "b: suspect",
        "and 4 more",
        "tries       1. a, after 0.0 ms, for 1.0 ms: connect_refused (upstream): refused",
        "notes       a note",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
    let again: Explanation = serde_json::from_str(&serde_json::to_string(&told).unwrap()).unwrap();
    assert_eq!(again, told);
}

#[test]
fn an_id_leads_to_the_proxy_that_gave_it() {
    let tag = proxy_tag("0b801a1771274979bd424cae7abe833f");
    assert!(tag < 1 << 24);
    assert_ne!(tag, proxy_tag("0b801a1771274979bd424cae7abe8330"));
    let id = format!("{:016x}", u64::from(tag) << 40 | 7);
    assert_eq!(tag_of_call(&id), Some(tag));
    assert_eq!(tag_of_call(&id.to_ascii_uppercase()), Some(tag));
    for odd in ["", "12", "g123456789abcdef", "0123456789abcdef0", "é123456789abcde"] {
        assert_eq!(tag_of_call(odd), None, "{odd:?}");
    }
}
