//! A peer for the tests, in a process of its own.
//!
//! `test-peer serve [NAME=NUMBER]...` runs the test service, with these settings: `handshake` and
//! `write` (timeouts in milliseconds), `header-list` (bytes), `resets` (most in a second),
//! `streams` (most on a connection),
//! `workers` (most handler threads), `connections` (most of them).
//! The line `running` on its standard input asks how many handlers run, `shutdown MILLISECONDS` ends it.
//! `test-peer call ADDRESS METHOD` makes one call and stays in it. Both end when their standard input does, so that none outlives its test.

use std::error::Error;
use std::io;
use std::time::Duration;

use stolid::ServerBuilder;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::pair;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Vec::from_iter(std::env::args().skip(1));
    match Vec::from_iter(arguments.iter().map(String::as_str))[..] {
        ["serve", ref settings @ ..] => serve(settings),
        ["call", addr, method] => call(addr, method),
        _ => Err("usage: test-peer serve [NAME=NUMBER]... | test-peer call ADDRESS say|repeat|gather|relay".into()),
    }
}

fn serve(settings: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut parsed = Vec::new();
    for setting in settings {
        let (name, number) = setting.split_once('=').ok_or("a setting is NAME=NUMBER")?;
        parsed.push((name, number.parse::<u32>()?));
    }
    let configure = |builder: ServerBuilder| parsed.into_iter().fold(builder, set);
    let server = pair::serve_with(Handlers::as_told(&Gate::new()), configure);
    println!("listening {}", server.local_addr());
    for line in io::stdin().lines() {
        let line = line?;
        if line == "running" {
            println!("running {}", server.stats().running);
        } else if let Some(millis) = line.strip_prefix("shutdown ") {
            let report = server.shutdown(Duration::from_millis(millis.parse()?));
            println!("shut down {report:?}");
        }
    }
    Ok(())
}

fn set(builder: ServerBuilder, (name, number): (&str, u32)) -> ServerBuilder {
    match name {
        "handshake" => builder.handshake_timeout(Duration::from_millis(number.into())),
        "write" => builder.write_timeout(Duration::from_millis(number.into())),
        "header-list" => builder.max_header_list_size(number),
        "resets" => builder.max_reset_rate(number),
        "streams" => builder.max_concurrent_streams(number),
        "workers" => builder.worker_limit(number as usize),
        "connections" => builder.max_connections(number as usize),
        _ => panic!("there is no setting {name}"),
    }
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
