//! Tables for names and endpoints: what a host can mean, what of an instance can be used.
//! They must show that one bad instance costs only itself.

use std::sync::Arc;

use mesher_model::{DataCenterInfo, Instance, PORTS_PROPERTY};

use super::endpoints::{EndpointIds, usable};
use super::names::{candidates, may_be_outside};
use crate::bootstrap::PortProtocol;
use crate::snapshot::{Endpoint, Origin};

#[test]
fn a_host_means_the_service_of_that_name_and_then_the_one_with_capitals() {
    let meant = |host: &str, as_written: &str| -> Vec<_> {
        candidates(host, as_written, "shop", "")
            .into_iter()
            .map(|key| (key.app_id, key.service_name))
            .collect()
    };
    let pair = |app: &str, name: &str| (app.to_owned(), name.to_owned());
    assert_eq!(meant("calculator", "calculator"), [pair("shop", "calculator")]);
    assert_eq!(meant("demoserver", "demoServer"), [pair("shop", "demoserver"), pair("shop", "demoServer")]);
    assert_eq!(meant("svc.local", "svc.local"), [pair("shop", "svc.local")]);
    assert_eq!(meant("pay.bank.app", "pay.bank.app"), [pair("bank", "pay"), pair("shop", "pay.bank.app")]);
    assert_eq!(meant("a.b.bank.app", "a.b.bank.app"), [pair("bank", "a.b"), pair("shop", "a.b.bank.app")]);
    assert_eq!(meant("bank.app", "bank.app"), [pair("shop", "bank.app")]);
}

#[test]
fn only_a_name_with_a_dot_or_an_address_is_ever_outside() {
    assert!(may_be_outside("example.com") && may_be_outside("10.0.0.1") && may_be_outside("::1"));
    assert!(!may_be_outside("calculator") && !may_be_outside("localhost"));
}

fn instance(id: &str, status: &str, endpoints: &[&str], ports: Option<&str>) -> Instance {
    Instance {
        instance_id: id.to_owned(),
        status: status.to_owned(),
        endpoints: endpoints.iter().map(|text| (*text).to_owned()).collect(),
        properties: ports.map(|ports| (PORTS_PROPERTY.to_owned(), ports.to_owned())).into_iter().collect(),
        ..Instance::default()
    }
}

#[test]
fn only_instances_that_are_up_and_endpoints_that_can_be_spoken_to_count() {
    let instances = [
        instance("a", "UP", &["rest://10.0.0.1:80", "highway://10.0.0.1:70"], None),
        instance("b", "DOWN", &["rest://10.0.0.2:80"], None),
        instance("c", "UP", &["rest://nohost:80", "rest://10.0.0.3:0", "garbage", ""], None),
        instance("d", "UP", &["rest://10.0.0.4:80?sslEnabled=true"], None),
        instance("e", "UP", &["rest://[2001:db8::5]:80"], None),
        instance("f", "TESTING", &["rest://10.0.0.6:80"], None),
    ];
    let endpoints = usable(&mut EndpointIds::default(), (Origin::Registry, false), "x", &[], &instances);
    let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1:80", "[2001:db8::5]:80"]);
    assert_eq!(endpoints[0].ports, [80], "without a declaration the endpoint's own port counts");
}

#[test]
fn declared_ports_belong_to_their_endpoints() {
    let text = "rest:8080,rest:8081,tcp:5432,tcp:6379,nonsense";
    let instances = [instance(
        "a",
        "UP",
        &["rest://10.0.0.1:30101", "tcp://10.0.0.1:4001", "tcp://10.0.0.1:4002"],
        Some(text),
    )];
    let endpoints = usable(&mut EndpointIds::default(), (Origin::Registry, false), "x", &[], &instances);
    let tcp: Vec<_> = endpoints.iter().filter(|endpoint| endpoint.protocol == PortProtocol::Tcp).collect();
    assert_eq!(
        tcp.iter().map(|endpoint| (endpoint.rank, endpoint.ports.clone())).collect::<Vec<_>>(),
        [(0, vec![5432]), (1, vec![6379])]
    );
    let rest = endpoints.iter().find(|endpoint| endpoint.protocol == PortProtocol::Rest).unwrap();
    assert_eq!((rest.rank, rest.ports.as_slice()), (0, &[8080, 8081][..]));
}

/// Thousands of services that nobody calls have endpoints: what a rule may ask of them is kept where one does.
#[test]
fn properties_are_kept_only_where_a_rule_asks_for_them() {
    const ENDPOINT_BYTES_MAX: usize = 120;
    assert!(size_of::<Endpoint>() <= ENDPOINT_BYTES_MAX, "{}", size_of::<Endpoint>());
    let mut one = instance("a", "UP", &["rest://10.0.0.1:80", "tcp://10.0.0.1:81"], Some("rest:80,tcp:81"));
    one.properties.insert("canary".to_owned(), "true".to_owned());
    one.data_center_info =
        Some(DataCenterInfo { available_zone: "az-1".to_owned(), ..DataCenterInfo::default() });
    let labels = |has_labels| -> Vec<_> {
        let origin = (Origin::Registry, has_labels);
        let endpoints = usable(&mut EndpointIds::default(), origin, "x", &[], std::slice::from_ref(&one));
        endpoints.into_iter().map(|endpoint| endpoint.labels).collect()
    };
    assert_eq!(labels(false), [None, None]);
    let kept = labels(true);
    let first = kept[0].as_deref().unwrap();
    assert_eq!(first.zone, "az-1");
    assert_eq!(first.properties.iter().collect::<Vec<_>>(), [(&"canary".to_owned(), &"true".to_owned())]);
    assert!(Arc::ptr_eq(kept[0].as_ref().unwrap(), kept[1].as_ref().unwrap()), "once for each instance");
}

#[test]
fn an_endpoint_keeps_its_number_and_a_new_one_never_gets_an_old_one() {
    let mut ids = EndpointIds::default();
    let both = [
        instance("a", "UP", &["rest://10.0.0.1:80"], None),
        instance("b", "UP", &["rest://10.0.0.2:80"], None),
    ];
    let first = usable(&mut ids, (Origin::Registry, false), "x", &[], &both);
    let second = usable(&mut ids, (Origin::Registry, false), "x", &first, &both[1..]);
    assert_eq!(second[0], first[1]);
    let third = usable(&mut ids, (Origin::Registry, false), "x", &second, &both);
    assert_eq!(third[1], first[1]);
    assert!(first.iter().all(|old| old.id != third[0].id), "the instance that came back is another one");
}
