//! Everything about Stolid that needs two sides.
//!
//! | Module | For tests that |
//! | --- | --- |
//! | [`wire`] | do what a healthy peer cannot: frames by hand over a real socket, in both roles |
//! | [`pair`] | look at behaviour: a running server and a channel to it in one line |
//! | [`handlers`] | need a handler of their own, written as a closure in the test |
//! | [`gate`] | hold a handler until the test lets it go on |
//! | [`scene`] | have a faulty peer, and want to know what is left of the connection |
//! | [`endings`] | end a wait in a way the tables name |
//! | [`child`] | need a peer in a process of its own, to be measured or killed |
//! | [`attack`] | attack a server and look at what it costs and who else notices |
//! | [`log`] | read what is logged |
//! | [`config`] | start a server or a channel of their own: how the whole suite is configured |
//! | [`process`] | count threads, memory and open files, and wait for a condition |
//! | [`watchdog`] | could hang |
//! | [`told`] | talk to a peer of another language |
//!
//! [`measured`] is the service that the benchmarks measure, [`interop`] the service and the client of the
//! interoperability tests that all implementations of gRPC share.

pub mod attack;
pub mod child;
pub mod config;
pub mod endings;
pub mod gate;
pub mod handlers;
pub mod interop;
pub mod log;
pub mod measured;
pub mod pair;
pub mod process;
pub mod scene;
pub mod told;
pub mod watchdog;
pub mod wire;

/// The service `testing.v1.Echo`, its messages, server and client.
pub mod echo {
    stolid::include_proto!("testing.v1");
}

/// The service `lab.Bench` of the measurements, its messages, server and client.
pub mod lab {
    stolid::include_proto!("lab");
}
