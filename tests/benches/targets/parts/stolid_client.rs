//! Our client.

use std::thread;
use std::time::{Duration, Instant};

use stolid_tests::lab::bench_client::BenchClient;
use stolid_tests::lab::{Req, StreamReq};

use super::{Task, each_time_told, expect_length, p50_p99};
use crate::{LARGEST, Outcome, SMALL};

/// Does its task for so long each time it is told, and once before to warm up.
pub(super) fn run(task: Task, port: u16, span: Duration) -> Outcome {
    let client = BenchClient::connect(format!("http://127.0.0.1:{port}"))?.max_decoding_message_size(LARGEST);
    let measure = |span| match task {
        Task::Unary => unary(&client, span),
        Task::Bidi => bidi(&client, span),
        Task::Threads(count) => threads(&client, count, span),
        Task::ServerStream(size) => server_stream(&client, size, span),
        Task::ClientStream(size) => client_stream(&client, size, span),
        Task::Large(size) => large(&client, size, span),
    };
    measure(span / 4)?;
    each_time_told(|| measure(span))
}

fn request(size: u64) -> Req {
    Req { payload: vec![5; size as usize] }
}

fn unary(client: &BenchClient, span: Duration) -> Outcome<Vec<f64>> {
    let (end, mut times) = (Instant::now() + span, Vec::new());
    loop {
        let from = Instant::now();
        if from >= end {
            return Ok(p50_p99(times));
        }
        let reply = client.unary(request(SMALL))?;
        times.push(from.elapsed());
        expect_length(reply.into_inner().payload.len(), SMALL)?;
    }
}

fn bidi(client: &BenchClient, span: Duration) -> Outcome<Vec<f64>> {
    let mut stream = client.bidi(())?;
    // The first round trip opens the stream.
    stream.send(request(SMALL))?;
    stream.message()?.ok_or("the stream ended before its first reply")?;
    let (end, mut times) = (Instant::now() + span, Vec::new());
    while Instant::now() < end {
        let from = Instant::now();
        stream.send(request(SMALL))?;
        let reply = stream.message()?.ok_or("the stream ended before its reply")?;
        times.push(from.elapsed());
        expect_length(reply.payload.len(), SMALL)?;
    }
    stream.close();
    if stream.message()?.is_none() { Ok(p50_p99(times)) } else { Err("a reply to nothing".into()) }
}

fn threads(client: &BenchClient, count: usize, span: Duration) -> Outcome<Vec<f64>> {
    let begun = Instant::now();
    let end = begun + span;
    let calls = thread::scope(|scope| {
        let caller = || {
            let mut calls = 0;
            while Instant::now() < end {
                expect_length(client.unary(request(SMALL))?.into_inner().payload.len(), SMALL)?;
                calls += 1;
            }
            Outcome::Ok(calls)
        };
        let callers = Vec::from_iter((0..count).map(|_| scope.spawn(caller)));
        callers.into_iter().map(|caller| caller.join().expect("no caller panics")).sum::<Outcome<u64>>()
    })?;
    Ok(vec![calls as f64 / begun.elapsed().as_secs_f64()])
}

fn server_stream(client: &BenchClient, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let mut replies = client.server_stream(StreamReq { count: u64::MAX, size })?;
    expect_length(replies.message()?.ok_or("a stream of nothing")?.payload.len(), size)?;
    let (begun, mut received) = (Instant::now(), 0_u64);
    loop {
        expect_length(replies.message()?.ok_or("a stream without end has ended")?.payload.len(), size)?;
        received += 1;
        // Asking for the time costs more than a message.
        if received.is_multiple_of(256) && begun.elapsed() >= span {
            return Ok(vec![received as f64 / begun.elapsed().as_secs_f64()]);
        }
    }
}

fn client_stream(client: &BenchClient, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let mut upload = client.client_stream(())?;
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while !sent.is_multiple_of(256) || begun.elapsed() < span {
        upload.send(request(size))?;
        sent += 1;
    }
    let summary = upload.finish()?.into_inner();
    let time = begun.elapsed();
    if (summary.count, summary.bytes) != (sent, sent * size) {
        return Err(format!("{sent} messages sent, {} counted", summary.count).into());
    }
    Ok(vec![sent as f64 / time.as_secs_f64()])
}

fn large(client: &BenchClient, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let (begun, mut calls) = (Instant::now(), 0);
    while begun.elapsed() < span {
        expect_length(client.unary(request(size))?.into_inner().payload.len(), size)?;
        calls += 1;
    }
    // The bytes of one direction.
    Ok(vec![(calls * size) as f64 / begun.elapsed().as_secs_f64() / 1e6])
}
