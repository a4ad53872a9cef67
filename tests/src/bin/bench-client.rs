//! The client of the measurements: `bench-client COMMAND PORT [NUMBER...]` calls `lab.Bench` on
//! 127.0.0.1:PORT and prints one JSON object.
//!
//! | Command | Numbers | Does |
//! | --- | --- | --- |
//! | `check` | `[1]` | one call of each kind (`1`: only the unary one) |
//! | `latency` | N | N unary calls, one after another |
//! | `bidi-pingpong` | N | N round trips on one stream |
//! | `server-stream` | N SIZE `[MILLIS]` | receives N messages, after a pause |
//! | `client-stream` | N SIZE | sends N messages |
//! | `large` | N SIZE | N unary calls with SIZE bytes each way |
//! | `conns` | K | keeps K connections, each with one call made |
//! | `streams` | K C | keeps K streams on C connections, each with one round trip made |
//! | `threads` | N T | N unary calls in all by T threads that share one channel |
//!
//! `conns` and `streams` print `ready` and stay until their standard input ends.

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use stolid::{BidiStreaming, Channel};
use stolid_tests::lab::bench_client::BenchClient;
use stolid_tests::lab::{Req, Resp, StreamReq};

type Outcome = Result<(), Box<dyn Error>>;

/// The largest message of the measurements, in bytes.
const LARGEST: usize = 64 << 20;

/// Payload bytes of the calls that measure latency.
const SMALL: u64 = 16;

fn main() -> Outcome {
    let arguments = Vec::from_iter(std::env::args().skip(1));
    let [command, port, numbers @ ..] = &arguments[..] else {
        return Err("usage: bench-client COMMAND PORT [NUMBER...]".into());
    };
    let port = port.parse()?;
    let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<u64>, _>>()?;
    match (command.as_str(), &numbers[..]) {
        ("check", [1]) => check_unary(port),
        ("check", []) => check(port),
        ("latency", &[calls]) => latency(port, calls),
        ("bidi-pingpong", &[rounds]) => ping_pong(port, rounds),
        ("server-stream", &[count, size]) => server_stream(port, count, size, 0),
        ("server-stream", &[count, size, millis]) => server_stream(port, count, size, millis),
        ("client-stream", &[count, size]) => client_stream(port, count, size),
        ("large", &[calls, size]) => large(port, calls, size),
        ("conns", &[count]) => connections(port, count),
        ("streams", &[count, connections]) => streams(port, count, connections),
        ("threads", &[calls, count]) => threads(port, calls, count),
        _ => Err(format!("no command {command} with {} numbers", numbers.len()).into()),
    }
}

fn connect(port: u16) -> Result<BenchClient, stolid::Error> {
    let channel = Channel::connect(format!("http://127.0.0.1:{port}"))?;
    Ok(BenchClient::new(channel).max_decoding_message_size(LARGEST))
}

fn request(size: u64) -> Req {
    Req { payload: vec![5; size as usize] }
}

/// Fails unless a payload is as long as it must be.
fn expect(what: &str, have: u64, want: u64) -> Outcome {
    if have == want { Ok(()) } else { Err(format!("{what}: {have} instead of {want}").into()) }
}

/// One round trip on a stream.
fn round_trip(stream: &mut BidiStreaming<Req, Resp>, size: u64) -> Outcome {
    stream.send(request(size))?;
    let reply = stream.message()?.ok_or("the stream ended before its reply")?;
    expect("bytes of a reply", reply.payload.len() as u64, size)
}

/// How many rounds go by before measuring begins.
fn warm_up(rounds: u64) -> u64 {
    (rounds / 10).min(2000)
}

fn check_unary(port: u16) -> Outcome {
    let reply = connect(port)?.unary(request(SMALL))?.into_inner();
    expect("unary bytes", reply.payload.len() as u64, SMALL)?;
    println!(r#"{{"ok":"unary"}}"#);
    Ok(())
}

fn check(port: u16) -> Outcome {
    let client = connect(port)?;
    let reply = client.unary(request(SMALL))?.into_inner();
    expect("unary bytes", reply.payload.len() as u64, SMALL)?;

    let mut received = 0;
    for message in client.server_stream(StreamReq { count: 7, size: 9 })? {
        expect("server stream bytes", message?.payload.len() as u64, 9)?;
        received += 1;
    }
    expect("server stream messages", received, 7)?;

    let summary = client.client_stream(())?.send_all((0..5).map(request))?.finish()?.into_inner();
    expect("client stream messages", summary.count, 5)?;
    expect("client stream bytes", summary.bytes, 10)?;

    let mut stream = client.bidi(())?;
    for size in 0..5 {
        round_trip(&mut stream, size)?;
    }
    stream.close();
    expect("bidi messages after the end", u64::from(stream.message()?.is_some()), 0)?;

    let reply = client.unary(request(1 << 20))?.into_inner();
    expect("large unary bytes", reply.payload.len() as u64, 1 << 20)?;
    println!(r#"{{"ok":"all"}}"#);
    Ok(())
}

fn latency(port: u16, calls: u64) -> Outcome {
    let client = connect(port)?;
    let mut times = Vec::with_capacity(calls as usize);
    for round in 0..calls + warm_up(calls) {
        let start = Instant::now();
        let reply = client.unary(request(SMALL))?;
        if round >= warm_up(calls) {
            times.push(start.elapsed());
        }
        expect("unary bytes", reply.into_inner().payload.len() as u64, SMALL)?;
    }
    report_times(times);
    Ok(())
}

fn ping_pong(port: u16, rounds: u64) -> Outcome {
    let mut stream = connect(port)?.bidi(())?;
    round_trip(&mut stream, SMALL)?;
    let mut times = Vec::with_capacity(rounds as usize);
    for round in 0..rounds + warm_up(rounds) {
        let start = Instant::now();
        round_trip(&mut stream, SMALL)?;
        if round >= warm_up(rounds) {
            times.push(start.elapsed());
        }
    }
    stream.close();
    expect("messages after the end", u64::from(stream.message()?.is_some()), 0)?;
    report_times(times);
    Ok(())
}

fn server_stream(port: u16, count: u64, size: u64, millis: u64) -> Outcome {
    let client = connect(port)?;
    let start = Instant::now();
    let replies = client.server_stream(StreamReq { count, size })?;
    thread::sleep(Duration::from_millis(millis));
    let mut received = 0;
    for message in replies {
        let message = message.map_err(|status| format!("after {received} messages: {status}"))?;
        expect("bytes of a message", message.payload.len() as u64, size)?;
        received += 1;
    }
    expect("messages", received, count)?;
    report_rate(count, count * size, start.elapsed());
    Ok(())
}

fn client_stream(port: u16, count: u64, size: u64) -> Outcome {
    let client = connect(port)?;
    let start = Instant::now();
    let mut upload = client.client_stream(())?;
    for _ in 0..count {
        upload.send(request(size))?;
    }
    let summary = upload.finish()?.into_inner();
    expect("messages", summary.count, count)?;
    expect("bytes", summary.bytes, count * size)?;
    report_rate(count, summary.bytes, start.elapsed());
    Ok(())
}

fn large(port: u16, calls: u64, size: u64) -> Outcome {
    let client = connect(port)?;
    let start = Instant::now();
    for _ in 0..calls {
        let reply = client.unary(request(size))?.into_inner();
        expect("bytes of a reply", reply.payload.len() as u64, size)?;
    }
    // The bytes of one direction.
    report_rate(calls, calls * size, start.elapsed());
    Ok(())
}

fn connections(port: u16, count: u64) -> Outcome {
    let mut kept = Vec::new();
    for _ in 0..count {
        let client = connect(port)?;
        client.unary(request(SMALL))?;
        kept.push(client);
    }
    stay()
}

fn streams(port: u16, count: u64, connections: u64) -> Outcome {
    let clients = (0..connections).map(|_| connect(port)).collect::<Result<Vec<_>, _>>()?;
    let mut kept = Vec::new();
    for client in clients.iter().cycle().take(count as usize) {
        let mut stream = client.bidi(())?;
        round_trip(&mut stream, SMALL)?;
        kept.push(stream);
    }
    stay()
}

/// What a program with several threads does: each calls on a handle of the one channel.
fn threads(port: u16, calls: u64, count: u64) -> Outcome {
    let client = connect(port)?;
    let each = calls / count;
    let start = Instant::now();
    thread::scope(|scope| {
        let call = || {
            (0..each).try_for_each(|_| {
                let reply = client.unary(request(SMALL)).map_err(|status| status.to_string())?;
                let length = reply.into_inner().payload.len() as u64;
                expect("unary bytes", length, SMALL).map_err(|wrong| wrong.to_string())
            })
        };
        let callers = Vec::from_iter((0..count).map(|_| scope.spawn(call)));
        let mut ends = callers.into_iter().map(|caller| caller.join().expect("no caller panics"));
        ends.try_for_each(|end| end)
    })?;
    report_rate(each * count, each * count * SMALL, start.elapsed());
    Ok(())
}

/// Keeps what the caller holds until the standard input ends.
fn stay() -> Outcome {
    println!("ready");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn report_times(mut times: Vec<Duration>) {
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let at = |share: f64| micros(times[((times.len() - 1) as f64 * share) as usize]);
    let mean = micros(times.iter().sum()) / times.len() as f64;
    let (p50, p90, p99) = (at(0.5), at(0.9), at(0.99));
    println!(r#"{{"n":{},"mean":{mean:.2},"p50":{p50:.2},"p90":{p90:.2},"p99":{p99:.2}}}"#, times.len());
}

fn report_rate(calls: u64, bytes: u64, time: Duration) {
    let seconds = time.as_secs_f64();
    let (rate, megabytes) = (calls as f64 / seconds, bytes as f64 / seconds / 1e6);
    println!(r#"{{"n":{calls},"secs":{seconds:.4},"rate":{rate:.1},"mbs":{megabytes:.1}}}"#);
}
