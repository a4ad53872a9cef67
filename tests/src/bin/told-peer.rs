//! A peer for programs of other languages, told what to do by notes and by its command line.
//!
//! `told-peer serve PORT [gzip|deflate]` serves `testing.v1.Echo` until its standard input ends;
//! `told-peer call CASE HOST:PORT` makes the calls of a case and ends with 0 when all was well.

use std::error::Error;

use stolid::CompressionEncoding;
use stolid_tests::told::{client, server};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Vec::from_iter(std::env::args().skip(1));
    match Vec::from_iter(arguments.iter().map(String::as_str))[..] {
        ["serve", port] => server::serve(port.parse()?, None),
        ["serve", port, "gzip"] => server::serve(port.parse()?, Some(CompressionEncoding::Gzip)),
        ["serve", port, "deflate"] => server::serve(port.parse()?, Some(CompressionEncoding::Deflate)),
        ["call", name, address] => {
            let case = client::CASES.iter().find(|case| case.0 == name);
            let (_, case) = case.ok_or_else(|| format!("there is no case {name}"))?;
            case(&format!("http://{address}"));
            Ok(())
        }
        _ => Err("usage: told-peer serve PORT [gzip|deflate] | told-peer call CASE HOST:PORT".into()),
    }
}
