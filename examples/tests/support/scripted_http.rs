//! A local HTTP server that answers exactly what a test tells it, in the portions it tells.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing a test waits for may take longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One step of an answer.
pub(crate) enum Step {
    /// These bytes in one write.
    Send(Vec<u8>),
    /// These bytes in single writes, each after one more signal.
    SendByByte(Vec<u8>, Receiver<()>),
    /// Nothing until the test signals.
    Wait(Receiver<()>),
    /// Nothing until the client hangs up.
    WaitForHangUp,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    /// The request line and the header fields, in lower case but for the request line.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A server with one script per connection, which come one after another.
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    requests: Receiver<Request>,
    thread: JoinHandle<()>,
}

impl ScriptedServer {
    pub(crate) fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the address of a listener");
        let (sender, requests) = mpsc::channel();
        let thread = thread::spawn(move || {
            for script in scripts {
                let (mut stream, _) = listener.accept().expect("a connection");
                stream.set_nodelay(true).expect("an open socket");
                stream.set_read_timeout(Some(PATIENCE)).expect("an open socket");
                // A client that does not speak HTTP, as in a TLS handshake, gets its answer too.
                if let Some(request) = read_request(&mut stream) {
                    // A test that does not look at its requests has let go of them.
                    let _ = sender.send(request);
                }
                for step in script {
                    if !play(&mut stream, step) {
                        break;
                    }
                }
            }
        });
        Self { address, requests, thread }
    }

    /// A server that sends `answer` in one write.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(vec![vec![Step::Send(answer.into())]])
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request.
    pub(crate) fn request(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// Waits until every script was played to its end.
    pub(crate) fn finish(self) {
        if self.thread.join().is_err() {
            panic!("the server failed");
        }
    }
}

/// Plays one step; `false` when the client has hung up.
fn play(stream: &mut TcpStream, step: Step) -> bool {
    match step {
        Step::Send(bytes) => stream.write_all(&bytes).is_ok(),
        Step::SendByByte(bytes, signal) => {
            // Only what the client asks from now on counts.
            while signal.try_recv().is_ok() {}
            bytes.iter().all(|byte| signal.recv_timeout(PATIENCE).is_ok() && stream.write_all(&[*byte]).is_ok())
        }
        Step::Wait(signal) => signal.recv_timeout(PATIENCE).is_ok(),
        Step::WaitForHangUp => {
            let mut rest = Vec::new();
            match stream.read_to_end(&mut rest) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) => panic!("the client does not hang up: {error}"),
            }
            false
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        // The first byte of a TLS handshake, which has no end that a line would show.
        if bytes.first() == Some(&0x16) {
            return None;
        }
        receive(stream, &mut bytes)?;
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head in ASCII");
    let (line, head) = head.split_once("\r\n").expect("a request line");
    let head = head.to_lowercase();
    let length: usize = head
        .lines()
        .find_map(|field| field.strip_prefix("content-length: "))
        .expect("a content-length")
        .parse()
        .expect("a number");
    while bytes.len() < head_end + length {
        receive(stream, &mut bytes)?;
    }
    let body = String::from_utf8(bytes[head_end..].to_vec()).expect("a body in UTF-8");
    Some(Request { line: line.to_owned(), head, body })
}

fn receive(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).ok().filter(|length| *length > 0)?;
    bytes.extend_from_slice(&buffer[..length]);
    Some(())
}

/// A whole answer with a `content-length`.
pub(crate) fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{fields}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// The head of an event stream in chunks.
pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\n\
    content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// One chunk (RFC 9112, section 7.1).
pub(crate) fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// An event stream in chunks, one for each part, with its end.
pub(crate) fn stream(parts: &[&str]) -> Vec<u8> {
    let mut bytes = STREAM_HEAD.as_bytes().to_vec();
    for part in parts {
        bytes.extend(chunk(part));
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
