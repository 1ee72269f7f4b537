//! Which socket goes where.
//! No socket may be bound here that another test could want: all ports are free ones.

use std::net::{SocketAddr, TcpListener};

use mesher_net::Fallback;

use super::Stock;

fn stock(roles: &[&str]) -> (Stock, Vec<SocketAddr>) {
    let mut stock = Stock::default();
    let mut addresses = Vec::new();
    for role in roles {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        stock.add_handed((*role).to_owned(), socket, address);
        addresses.push(address);
    }
    (stock, addresses)
}

#[test]
fn a_socket_goes_to_its_address_whatever_it_was_for() {
    let (mut stock, addresses) = stock(&["outbound", "admin"]);
    let (_, taken) = stock.take("outbound", addresses[1], Fallback::Fail).unwrap();
    assert_eq!(taken, addresses[1]);
    assert!(stock.take("admin", addresses[1], Fallback::Fail).is_none(), "it is given out once");
}

#[test]
fn where_any_port_will_do_the_former_socket_is_kept() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let other: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let elsewhere: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let (mut stock, addresses) = stock(&["admin", "inbound"]);
    assert!(stock.take("outbound", any, Fallback::Fail).is_none());
    assert!(stock.take("inbound", elsewhere, Fallback::Fail).is_none());
    assert!(stock.take("inbound", other, Fallback::Fail).is_none());
    assert_eq!(stock.take("inbound", any, Fallback::Fail).unwrap().1, addresses[1]);
    assert_eq!(stock.take("admin", other, Fallback::AnyPort).unwrap().1, addresses[0]);
}
