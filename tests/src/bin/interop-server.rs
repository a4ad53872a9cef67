//! The server of the interoperability tests: `interop-server --port=PORT [--use_tls=false]`.
//!
//! Port 0 picks a free one. It listens on all addresses of the machine and runs until it is killed.

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;

use stolid::{CompressionEncoding, ServerBuilder};
use stolid_tests::config;
use stolid_tests::interop::flags::Flags;
use stolid_tests::interop::proto::test_service_server::TestServiceServer;
use stolid_tests::interop::service::Interop;

const USAGE: &str = "usage: interop-server --port=PORT [--use_tls=false]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let port = match port() {
        Ok(port) => port,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return Ok(ExitCode::from(2));
        }
    };
    // A machine without IPv6 has no such address.
    let server = builder().start((Ipv6Addr::UNSPECIFIED, port));
    let server = server.or_else(|_| builder().start((Ipv4Addr::UNSPECIFIED, port)))?;
    println!("Listening on: {}", server.local_addr());
    server.wait();
    Ok(ExitCode::SUCCESS)
}

fn port() -> Result<u16, String> {
    let flags = Flags::parse(std::env::args().skip(1), &["port", "use_tls"])?;
    flags.expect_plaintext()?;
    flags.text("port").ok_or("--port is missing")?;
    flags.number("port", 0)
}

fn builder() -> ServerBuilder {
    config::server().send_compressed(CompressionEncoding::Gzip).add_service(TestServiceServer::new(Interop))
}
