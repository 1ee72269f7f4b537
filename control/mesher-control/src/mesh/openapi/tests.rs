//! The list of calls beside the list of routes.
//! It must find a route that nobody described.

use std::collections::BTreeSet;

use super::CALLS;

#[test]
fn every_route_is_described() {
    let map = include_str!("../mod.rs");
    let routes: BTreeSet<_> =
        map.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let described: BTreeSet<_> = CALLS.iter().map(|call| call.path).collect();
    assert_eq!(routes, described);
    assert!(CALLS.iter().all(|call| call.body.is_none() || call.method != "get"));
}
