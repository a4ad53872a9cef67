//! `--host` and `--port`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::vec;

use clap::Args;

/// Where a server listens.
#[derive(Args, Clone, Debug)]
pub struct ListenArguments {
    /// Name or address to listen on; a name that has IPv4 and IPv6 addresses is served on both.
    #[arg(long, default_value = "localhost")]
    pub host: String,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 50051)]
    pub port: u16,
}

impl ListenArguments {
    /// Every address to listen on. `localhost` is both loopback addresses, as RFC 6761 section 6.3 wants it, whatever
    /// this machine's list of hosts says.
    ///
    /// # Errors
    /// When the system does not know the name.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        if self.host.eq_ignore_ascii_case("localhost") {
            let loopbacks = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
            return Ok(loopbacks.map(|address| SocketAddr::new(address, self.port)).into());
        }
        // The system looks an IPv6 address up without brackets.
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses = (name, self.port).to_socket_addrs();
        Ok(addresses.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?.collect())
    }
}

/// So that a server can be told to [`start`](stolid::ServerBuilder::start) on it.
impl ToSocketAddrs for ListenArguments {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.addresses()?.into_iter())
    }
}

/// Which server a client speaks to. The flags may stand before a subcommand or behind it.
#[derive(Args, Clone, Debug)]
pub struct ServerArguments {
    /// Name or address of the server.
    #[arg(long, global = true, default_value = "localhost")]
    pub host: String,
    /// Port of the server.
    #[arg(long, global = true, default_value_t = 50051)]
    pub port: u16,
}

impl From<ServerArguments> for Address {
    fn from(arguments: ServerArguments) -> Self {
        Self::new(arguments.host, arguments.port)
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// `host` is a name or an address, the latter without brackets.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }

    /// What a channel connects to.
    pub fn target(&self) -> String {
        format!("http://{self}")
    }
}

/// `HOST:PORT`, an IPv6 address in brackets.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') && !host.starts_with('[') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_loopbacks() {
        let listen = |host: &str| {
            let listen = ListenArguments { host: host.to_owned(), port: 7 };
            listen.addresses().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(listen("LocalHost"), ["127.0.0.1:7", "[::1]:7"]);
        assert_eq!(listen("127.0.0.1"), ["127.0.0.1:7"]);
        assert_eq!(listen("[::1]"), ["[::1]:7"]);
        assert_eq!(listen("::"), ["[::]:7"]);
    }

    #[test]
    fn ipv6_addresses_get_brackets() {
        assert_eq!(Address::new("localhost", 1).target(), "http://localhost:1");
        assert_eq!(Address::new("::1", 50051).to_string(), "[::1]:50051");
        assert_eq!(Address::new("[::1]", 50051).to_string(), "[::1]:50051");
    }
}
