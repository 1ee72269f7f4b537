//! The testkit: starts the real `mesher`, talks to it over raw sockets, and plays the parts that stand around it.
//! It must know the product only as its users do: by its command line, its addresses and its answers.
//!
//! | module | holds |
//! |---|---|
//! | [`binary`] | the `mesher` program, built once for each run |
//! | [`process`] | a started program: its output, its signals, its end |
//! | [`machine`] | what the system says about processes, ports and programs |
//! | [`mesh`] | control plane, proxy, application with proxy: started, with their addresses |
//! | [`http`] | HTTP/1.1 by the byte, from either end |
//! | [`application`] | servers that stand in for applications and registries |
//! | [`faults`] | connections and servers that break in a way that a test has chosen |
//! | [`ledger`] | calls by the thousand, each with an id: lost, doubled, crossed, cut short |
//! | [`traffic`] | calls that flow while something else happens |
//! | [`draw`] | numbers by chance, from a seed |
//! | [`patience`] | waiting for a condition, bounded |
//! | [`resolver`] | a name server, and programs that ask it |
//! | [`scale`] | how large a suite runs |
//! | [`skip`] | what a suite leaves out, by name |

pub mod application;
pub mod binary;
pub mod draw;
pub mod faults;
pub mod http;
pub mod ledger;
pub mod machine;
pub mod mesh;
pub mod patience;
pub mod process;
pub mod resolver;
pub mod scale;
pub mod skip;
pub mod traffic;
