//! A way for connections to a server that can be cut, and that leads on to another server when that is replaced.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};

use stolid_tests::attack::Dice;

/// Bytes that are carried at a time: few and odd, so that a cut goes through the middle of frames.
const PIECE: usize = 3_001;

/// An address whose connections lead to a server.
#[derive(Debug)]
pub(crate) struct Line {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// The server; without one, connections are closed as they come.
    end: Mutex<Option<SocketAddr>>,
    links: Mutex<Vec<Weak<Link>>>,
    over: AtomicBool,
}

/// One connection: that of the client, and the one to the server.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
}

impl Line {
    /// A line on a free port that leads nowhere as yet.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let addr = listener.local_addr().expect("it is bound");
        let (end, links) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { end, links, over: AtomicBool::new(false) });
        let accepting = {
            let shared = Arc::clone(&shared);
            spawn("line-accept", move || shared.accept(&listener))
        };
        Self { addr, shared, accepting }
    }

    /// Where clients connect.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Leads connections that come from now on to this server, or nowhere.
    pub(crate) fn lead_to(&self, end: Option<SocketAddr>) {
        *locked(&self.shared.end) = end;
    }

    /// Cuts one of the connections, if there is any.
    pub(crate) fn cut(&self, dice: &mut Dice) -> bool {
        let mut links = locked(&self.shared.links);
        links.retain(|link| link.strong_count() > 0);
        if links.is_empty() {
            return false;
        }
        let chosen = dice.roll(links.len() as u64) as usize;
        let link = links.swap_remove(chosen).upgrade();
        link.is_some_and(|link| {
            link.cut();
            true
        })
    }

    /// Cuts everything and takes no more.
    pub(crate) fn end(self) {
        self.shared.over.store(true, Ordering::Release);
        // It wakes the thread that accepts; a listener that is gone needs no waking.
        let _woken = TcpStream::connect(self.addr);
        self.accepting.join().expect("accepting does not panic");
        for link in locked(&self.shared.links).drain(..).filter_map(|link| link.upgrade()) {
            link.cut();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let end = *locked(&self.end);
            let (Ok(client), Some(end)) = (client, end) else { continue };
            let Ok(server) = TcpStream::connect(end) else { continue };
            for socket in [&client, &server] {
                // A connection that is gone already need not be quick.
                let _gone = socket.set_nodelay(true);
            }
            let link = Arc::new(Link { client, server });
            locked(&self.links).push(Arc::downgrade(&link));
            let back = Arc::clone(&link);
            spawn("line-there", move || link.carry(&link.client, &link.server));
            spawn("line-back", move || back.carry(&back.server, &back.client));
        }
    }
}

impl Link {
    fn carry(&self, mut from: &TcpStream, mut to: &TcpStream) {
        let mut piece = [0; PIECE];
        while let Ok(bytes @ 1..) = from.read(&mut piece) {
            if to.write_all(&piece[..bytes]).is_err() {
                break;
            }
        }
        self.cut();
    }

    fn cut(&self) {
        for socket in [&self.client, &self.server] {
            // The peer may have closed it already.
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the machine has threads left")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use stolid::Code;
    use stolid_tests::handlers::{Handlers, note};
    use stolid_tests::pair::{client_of, serve};
    use stolid_tests::process::eventually;
    use stolid_tests::watchdog::watched;

    use super::*;

    #[test]
    fn a_line_carries_calls_until_it_is_cut_and_again_afterwards() {
        watched(|| {
            let mut dice = Dice::seeded(1);
            let server = serve(Handlers::new());
            let line = Line::start();
            assert!(!line.cut(&mut dice), "there is nothing to cut");
            line.lead_to(Some(server.local_addr()));
            let client = client_of(line.addr());
            let (sender, mut replies) = client.relay(()).expect("the call opens").split();
            sender.send(note(1)).expect("the call runs");
            assert_eq!(replies.message().expect("the call runs"), Some(note(1)));
            assert!(line.cut(&mut dice), "there is one connection");
            assert_eq!(replies.message().expect_err("it was cut").code(), Code::Unavailable);
            eventually("the server notices", || server.stats().connections == 0);
            eventually("another connection is made", || client.say(note(2)).is_ok());
            line.lead_to(None);
            assert!(line.cut(&mut dice));
            eventually("calls fail", || client.say(note(3)).is_err());
            line.end();
            eventually("nothing is left", || server.stats().connections == 0);
        });
    }
}
