//! What a channel connects to: `http://host:port`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::error::{Error, ErrorKind};

/// A parsed target.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    host: String,
    port: u16,
}

impl Target {
    /// Reads `http://host:port`; the scheme may be left out, the port defaults to 80.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::new(ErrorKind::InvalidAddress, text, why.to_owned());
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = full.parse().map_err(|error| Error::new(ErrorKind::InvalidAddress, text, error))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("TLS is not supported yet; use http://host:port")),
            _ => return Err(wrong("the scheme must be http")),
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("a target has no path and no query"));
        }
        let Some(authority) = uri.authority().cloned() else { return Err(wrong("the host is missing")) };
        if authority.as_str().contains('@') {
            return Err(wrong("a target has no user name or password"));
        }
        if authority.host().is_empty() {
            return Err(wrong("the host is missing"));
        }
        // An IPv6 address stands in brackets in a URI only.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let behind = authority.as_str().get(authority.host().len()..).unwrap_or_default();
        let port = match behind.strip_prefix(':') {
            None => 80,
            Some(digits) => digits.parse().map_err(|_| wrong("the port must be a number up to 65535"))?,
        };
        Ok(Self { scheme: Scheme::HTTP, authority, host, port })
    }

    /// Every address of the host, by the system's resolver. `localhost` is both loopback addresses, as RFC 6761 section 6.3
    /// wants it, whatever this machine's list of hosts says.
    pub(super) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let known = (self.host.as_str(), self.port).to_socket_addrs().map(Vec::from_iter);
        if self.host.eq_ignore_ascii_case("localhost") {
            let mut addresses = known.unwrap_or_default();
            for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
                let address = SocketAddr::new(loopback, self.port);
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            return Ok(addresses);
        }
        let addresses = known?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read() {
        let cases = [
            ("http://127.0.0.1:50051", "127.0.0.1", 50051),
            ("127.0.0.1:50051", "127.0.0.1", 50051),
            ("http://localhost:1/", "localhost", 1),
            ("http://[::1]:8080", "::1", 8080),
            ("http://example.test", "example.test", 80),
        ];
        for (text, host, port) in cases {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{text}");
        }
    }

    #[test]
    fn localhost_is_both_loopbacks() {
        let addresses = Target::parse("http://LocalHost:7").unwrap().resolve().unwrap();
        for loopback in ["127.0.0.1:7", "[::1]:7"] {
            assert!(addresses.contains(&loopback.parse().unwrap()), "{loopback} is not in {addresses:?}");
        }
        let addresses = Target::parse("http://127.0.0.1:7").unwrap().resolve().unwrap();
        assert_eq!(addresses, ["127.0.0.1:7".parse().unwrap()]);
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        let cases = [
            ("not an address", ""),
            ("", ""),
            ("http://", ""),
            ("https://host:1", "TLS"),
            ("ftp://host:1", "scheme"),
            ("http://host:1/path", "path"),
            ("http://host:1?x=1", "query"),
            ("http://user@host:1", "user name"),
            ("http://host:99999", "port"),
        ];
        for (text, reason) in cases {
            let error = Target::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{text}");
            assert!(error.to_string().starts_with(&format!("invalid address {text:?}: ")), "{error}");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }
}
