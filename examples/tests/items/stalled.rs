//! A hundred clients in one room, and one of them does not read.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use stolid::{Code, Streaming};
use stolid_examples::items::proto::ChatMessage;
use stolid_examples::items::proto::stream_service_client::StreamServiceClient;
use stolid_tests::watchdog::watched_for;

use super::output::PATIENCE;
use super::programs::ItemsServer;

/// A machine with other things to do takes its time for a hundred clients.
const LIMIT: Duration = Duration::from_secs(240);

/// Clients that read.
const READERS: usize = 99;

/// Messages behind the one that showed that the stalled client is gone.
const MORE: usize = 30;

fn message(name: &str, content: String) -> ChatMessage {
    ChatMessage { room: "hall".to_owned(), sender: name.to_owned(), content, timestamp: "then".to_owned() }
}

/// A client of its own that has entered the room.
fn enter(server: &ItemsServer, name: &str) -> (stolid::Sender<ChatMessage>, Streaming<ChatMessage>) {
    let client = StreamServiceClient::connect(format!("http://127.0.0.1:{}", server.port));
    let (requests, responses) = client.expect("the server listens").chat(()).expect("a call").split();
    requests.send(message(name, String::new())).expect("the room is open");
    (requests, responses)
}

/// Something a reader saw.
#[derive(Debug, PartialEq)]
enum Seen {
    Message(usize),
    StalledIsGone,
}

/// Reads until the end. Everything said must come, in order; the news of others coming and going do not matter.
fn read(responses: Streaming<ChatMessage>, seen: &Sender<Seen>) {
    let mut next = 0;
    for message in responses {
        let ChatMessage { sender, content, .. } = message.expect("this client is fast enough");
        if sender.is_empty() {
            if content == "stalled was too slow and was dropped" {
                seen.send(Seen::StalledIsGone).expect("the test listens");
            }
            continue;
        }
        let number: usize = content.trim().parse().expect("a number");
        assert_eq!(number, next, "a message was lost or came out of order");
        next += 1;
        seen.send(Seen::Message(number)).expect("the test listens");
    }
}

#[test]
fn a_stalled_client_is_dropped_and_the_others_miss_nothing() {
    watched_for(LIMIT, || {
        let mut server = ItemsServer::start(&[]);
        let (_stalled_requests, mut stalled) = enter(&server, "stalled");
        server.program.expect("[hall] stalled came\n");
        let (seen, sight) = mpsc::channel();
        let mut senders = Vec::new();
        let mut readers = Vec::new();
        for number in 0..READERS {
            let name = format!("reader {number}");
            let (requests, responses) = enter(&server, &name);
            server.program.expect(&format!("[hall] {name} came\n"));
            let seen = seen.clone();
            readers.push(thread::spawn(move || read(responses, &seen)));
            senders.push(requests);
        }
        // The next message is said when all have heard the last one, so that nobody but the stalled client is ever behind.
        let (mut said, mut gone, mut left) = (0, 0, MORE);
        while left > 0 {
            let sender = &senders[said % READERS];
            sender.send(message("reader", format!("{said:8000}"))).expect("the room is open");
            let mut heard = 0;
            while heard < READERS {
                match sight.recv_timeout(PATIENCE).expect("everybody hears it") {
                    Seen::Message(number) => {
                        assert_eq!(number, said);
                        heard += 1;
                    }
                    Seen::StalledIsGone => gone += 1,
                }
            }
            said += 1;
            left -= usize::from(gone > 0);
        }
        assert_eq!(gone, READERS, "everybody hears once that the stalled client is gone");
        server.program.expect("[hall] stalled was too slow and was dropped\n");
        let end = stalled.find_map(Result::err).expect("it was dropped");
        assert_eq!(end.code(), Code::ResourceExhausted, "{end}");
        senders.iter().for_each(|sender| sender.close());
        drop(senders);
        readers.into_iter().for_each(|reader| reader.join().expect("nothing was lost"));
    });
}
