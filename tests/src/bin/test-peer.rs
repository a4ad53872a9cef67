//! A peer for the tests, in a process of its own.
//!
//! `test-peer serve` runs the test service; `test-peer call ADDRESS METHOD` makes one call and stays
//! in it. Both end when their standard input does, so that none outlives its test.

use std::error::Error;
use std::io;
use std::time::Duration;

use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Vec::from_iter(std::env::args().skip(1));
    match Vec::from_iter(arguments.iter().map(String::as_str))[..] {
        ["serve"] => serve(),
        ["call", addr, method] => call(addr, method),
        _ => Err("usage: test-peer serve | test-peer call ADDRESS say|repeat|gather|relay".into()),
    }
}

fn serve() -> Result<(), Box<dyn Error>> {
    let server = pair::serve(Handlers::as_told(&Gate::new()));
    println!("listening {}", server.local_addr());
    for line in io::stdin().lines() {
        if let Some(millis) = line?.strip_prefix("shutdown ") {
            let report = server.shutdown(Duration::from_millis(millis.parse()?));
            println!("shut down {report:?}");
        }
    }
    Ok(())
}

fn call(addr: &str, method: &str) -> Result<(), Box<dyn Error>> {
    let client = pair::client_of(addr.parse()?);
    match method {
        "say" => {
            println!("calling");
            client.say(note(0))?;
        }
        "repeat" => {
            let _unread = client.repeat(note(u64::MAX))?;
            stay()?;
        }
        "gather" => {
            let _idle = client.gather(())?;
            stay()?;
        }
        "relay" => {
            let _idle = client.relay(())?;
            stay()?;
        }
        _ => return Err(format!("there is no method {method}").into()),
    }
    Ok(())
}

/// Waits for the end of the input with the caller's call still open.
fn stay() -> io::Result<()> {
    println!("calling");
    io::copy(&mut io::stdin(), &mut io::sink()).map(|_bytes| ())
}
