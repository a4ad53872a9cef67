//! The server of the measurements: `bench-server PORT` serves `lab.Bench` on 127.0.0.1:PORT.
//!
//! Everything but the limit of received messages is as the builder gives it.

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;

use stolid::Server;
use stolid_tests::lab::bench_server::BenchServer;
use stolid_tests::measured::Measured;

/// The largest message of the measurements, in bytes.
const LARGEST: usize = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("usage: bench-server PORT")?;
    Server::builder()
        .add_service(BenchServer::new(Measured))
        .max_decoding_message_size(LARGEST)
        .serve((Ipv4Addr::LOCALHOST, port.parse()?))?;
    Ok(())
}
