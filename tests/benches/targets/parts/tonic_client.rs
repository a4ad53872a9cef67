//! tonic's client. What waits for each answer blocks on the runtime, as a synchronous program does; what streams is a task of
//! the runtime, which is the quickest that tonic offers.

use std::thread;
use std::time::{Duration, Instant};

use stolid_tests::lab::{Req, StreamReq};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use super::tonic_server::lab::bench_client::BenchClient;
use super::tonic_server::runtime;
use super::{Task, each_time_told, expect_length, p50_p99};
use crate::{LARGEST, Outcome, SMALL};

type Client = BenchClient<Channel>;

/// Does its task for so long each time it is told, and once before to warm up.
pub(super) fn run(workers: usize, task: Task, port: u16, span: Duration) -> Outcome {
    let runtime = runtime(workers)?;
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
    let client = BenchClient::new(runtime.block_on(endpoint.connect())?).max_decoding_message_size(LARGEST);
    let measure = |span| {
        let client = client.clone();
        match task {
            Task::Unary => unary(&runtime, client, span),
            Task::Bidi => bidi(&runtime, client, span),
            Task::Threads(count) => threads(&runtime, &client, count, span),
            Task::ServerStream(size) => runtime.block_on(runtime.spawn(server_stream(client, size, span)))?,
            Task::ClientStream(size) => runtime.block_on(runtime.spawn(client_stream(client, size, span)))?,
            Task::Large(size) => large(&runtime, client, size, span),
        }
    };
    measure(span / 4)?;
    each_time_told(|| measure(span))
}

fn request(size: u64) -> Req {
    Req { payload: vec![5; size as usize] }
}

fn unary(runtime: &Runtime, mut client: Client, span: Duration) -> Outcome<Vec<f64>> {
    let (end, mut times) = (Instant::now() + span, Vec::new());
    loop {
        let from = Instant::now();
        if from >= end {
            return Ok(p50_p99(times));
        }
        let reply = runtime.block_on(client.unary(request(SMALL)))?;
        times.push(from.elapsed());
        expect_length(reply.into_inner().payload.len(), SMALL)?;
    }
}

fn bidi(runtime: &Runtime, mut client: Client, span: Duration) -> Outcome<Vec<f64>> {
    let (requests, queue) = mpsc::channel(4);
    // The first round trip opens the stream: its response has headers once there is a message.
    requests.try_send(request(SMALL))?;
    let mut stream = runtime.block_on(client.bidi(ReceiverStream::new(queue)))?.into_inner();
    runtime.block_on(stream.message())?.ok_or("the stream ended before its first reply")?;
    let (end, mut times) = (Instant::now() + span, Vec::new());
    while Instant::now() < end {
        let from = Instant::now();
        runtime.block_on(requests.send(request(SMALL)))?;
        let reply = runtime.block_on(stream.message())?.ok_or("the stream ended before its reply")?;
        times.push(from.elapsed());
        expect_length(reply.payload.len(), SMALL)?;
    }
    drop(requests);
    if runtime.block_on(stream.message())?.is_none() { Ok(p50_p99(times)) } else { Err("a reply to nothing".into()) }
}

fn threads(runtime: &Runtime, client: &Client, count: usize, span: Duration) -> Outcome<Vec<f64>> {
    let begun = Instant::now();
    let end = begun + span;
    let calls = thread::scope(|scope| {
        let caller = || {
            let (mut client, mut calls) = (client.clone(), 0);
            while Instant::now() < end {
                let reply = runtime.block_on(client.unary(request(SMALL)))?;
                expect_length(reply.into_inner().payload.len(), SMALL)?;
                calls += 1;
            }
            Outcome::Ok(calls)
        };
        let callers = Vec::from_iter((0..count).map(|_| scope.spawn(caller)));
        callers.into_iter().map(|caller| caller.join().expect("no caller panics")).sum::<Outcome<u64>>()
    })?;
    Ok(vec![calls as f64 / begun.elapsed().as_secs_f64()])
}

async fn server_stream(mut client: Client, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let mut replies = client.server_stream(StreamReq { count: u64::MAX, size }).await?.into_inner();
    expect_length(replies.message().await?.ok_or("a stream of nothing")?.payload.len(), size)?;
    let (begun, mut received) = (Instant::now(), 0_u64);
    loop {
        expect_length(replies.message().await?.ok_or("a stream without end has ended")?.payload.len(), size)?;
        received += 1;
        if received.is_multiple_of(256) && begun.elapsed() >= span {
            return Ok(vec![received as f64 / begun.elapsed().as_secs_f64()]);
        }
    }
}

async fn client_stream(mut client: Client, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let begun = Instant::now();
    let requests = (0_u64..).take_while(move |sent| !sent.is_multiple_of(256) || begun.elapsed() < span);
    let requests = tokio_stream::iter(requests.map(move |_| request(size)));
    let summary = client.client_stream(requests).await?.into_inner();
    let time = begun.elapsed();
    if summary.bytes != summary.count * size {
        return Err(format!("{} bytes in {} messages", summary.bytes, summary.count).into());
    }
    Ok(vec![summary.count as f64 / time.as_secs_f64()])
}

fn large(runtime: &Runtime, mut client: Client, size: u64, span: Duration) -> Outcome<Vec<f64>> {
    let (begun, mut calls) = (Instant::now(), 0);
    while begun.elapsed() < span {
        let reply = runtime.block_on(client.unary(request(size)))?;
        expect_length(reply.into_inner().payload.len(), size)?;
        calls += 1;
    }
    Ok(vec![(calls * size) as f64 / begun.elapsed().as_secs_f64() / 1e6])
}
