//! What one client that does not read costs the others in its room: `cargo bench -p stolid-examples --bench rooms`.
//!
//! A hundred clients, each on a connection of its own, are in one room of `items-server`. One message of 4 KiB goes to
//! all of them every 20 ms, and each client notes how long it took. Rounds in which all hundred read take turns with
//! rounds in which one of them does not.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Sender, Streaming};
use stolid_examples::items::proto::ChatMessage;
use stolid_examples::items::proto::stream_service_client::StreamServiceClient;

const CLIENTS: usize = 100;
const MESSAGES: usize = 750;
const BYTES: usize = 4096;
const PAUSE: Duration = Duration::from_millis(20);
const ROUNDS: usize = 5;

fn main() {
    println!(
        "{CLIENTS} clients, {MESSAGES} messages of {BYTES} bytes, one every {PAUSE:?}; ms until a client has a message"
    );
    let mut all = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        for (stalled, tails) in all.iter_mut().enumerate() {
            let (latencies, dropped) = run(stalled);
            let [median, tail, worst] = [50, 99, 100].map(|percent| percentile(&latencies, percent));
            println!(
                "round {round}, {stalled} stalled: p50 {median:.2}  p99 {tail:.2}  max {worst:.2}  \
                    ({} messages arrived, {dropped} clients dropped)",
                latencies.len()
            );
            tails.push(tail);
        }
    }
    let [without, with] = all.map(|mut tails| {
        tails.sort_by(f64::total_cmp);
        tails[ROUNDS / 2]
    });
    println!("median p99: {without:.2} ms without, {with:.2} ms with a stalled client: {:.2} times", with / without);
}

/// One round with this many stalled clients: the milliseconds that each message took to each of the others, sorted, and
/// how many clients the server dropped.
fn run(stalled: usize) -> (Vec<f64>, usize) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_items-server"))
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server was built with the bench");
    let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let listening = lines.next().expect("the server says where it listens");
    let (_, port) = listening.rsplit_once(':').expect("HOST:PORT");
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| enter(port, number)).collect();
    // Everybody is in the room.
    lines.by_ref().take(CLIENTS).for_each(drop);

    // These never read; they are kept to the end.
    let kept = clients.split_off(CLIENTS - stalled);
    let begun = Instant::now();
    let (senders, readers): (Vec<_>, Vec<_>) = clients
        .into_iter()
        .map(|(requests, responses)| (requests, thread::spawn(move || read(responses, begun))))
        .unzip();
    for number in 0..MESSAGES {
        thread::sleep((PAUSE * number as u32).saturating_sub(begun.elapsed()));
        let said = begun.elapsed().as_nanos();
        senders[0].send(message(0, format!("{number} {said:BYTES$}"))).expect("the room is open");
    }
    let mut latencies: Vec<f64> =
        readers.into_iter().flat_map(|reader| reader.join().expect("nothing was lost")).collect();
    latencies.sort_by(f64::total_cmp);
    drop(kept);
    stop(server);
    let dropped = lines.filter(|line| line.ends_with(" was too slow and was dropped")).count();
    (latencies, dropped)
}

fn enter(port: &str, number: usize) -> (Sender<ChatMessage>, Streaming<ChatMessage>) {
    let client = StreamServiceClient::connect(format!("http://127.0.0.1:{port}")).expect("the server listens");
    let (requests, responses) = client.chat(()).expect("a call").split();
    requests.send(message(number, String::new())).expect("the room is open");
    (requests, responses)
}

/// The milliseconds each message took; panics when one is missing or out of order.
fn read(mut responses: Streaming<ChatMessage>, begun: Instant) -> Vec<f64> {
    let mut latencies = Vec::with_capacity(MESSAGES);
    while latencies.len() < MESSAGES {
        let message = responses.message().expect("fast enough").expect("there is more to come");
        let heard = begun.elapsed().as_nanos();
        // What has no sender is news of the room.
        if !message.sender.is_empty() {
            let (number, said) = message.content.split_once(' ').expect("two numbers");
            assert_eq!(number.parse(), Ok(latencies.len()));
            let said: u128 = said.trim().parse().expect("a number");
            latencies.push((heard - said) as f64 / 1e6);
        }
    }
    latencies
}

fn message(number: usize, content: String) -> ChatMessage {
    ChatMessage { room: "hall".to_owned(), sender: format!("client {number}"), content, timestamp: "then".to_owned() }
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn stop(mut server: Child) {
    server.kill().expect("our own child");
    server.wait().expect("our own child");
}
