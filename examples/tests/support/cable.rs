//! A connection that a test can cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Listens on a port of its own and passes everything on to a server and back. Cut connections are lost to both sides;
/// new ones can be made.
pub(crate) struct Cable {
    address: SocketAddr,
    server: Arc<Mutex<SocketAddr>>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    /// A cable to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let server = Arc::new(Mutex::new(server));
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let (end, plugged) = (Arc::clone(&server), Arc::clone(&sockets));
        // It ends with the test's process. A connection that nobody takes at the other end is closed.
        thread::spawn(move || listener.incoming().flatten().for_each(|near| drop(plug(near, &end, &plugged))));
        Self { address, server, sockets }
    }

    /// From now on new connections go to another server.
    pub(crate) fn move_to(&self, server: SocketAddr) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// What a channel connects to.
    pub(crate) fn target(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for socket in sockets.drain(..) {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn plug(near: TcpStream, server: &Mutex<SocketAddr>, plugged: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    let server = *server.lock().unwrap_or_else(PoisonError::into_inner);
    let far = TcpStream::connect(server)?;
    let mut sockets = plugged.lock().unwrap_or_else(PoisonError::into_inner);
    sockets.extend([near.try_clone()?, far.try_clone()?]);
    pass_on(near.try_clone()?, far.try_clone()?);
    pass_on(far, near);
    Ok(())
}

/// One direction, and its end: no more of it after a clean one, nothing more at all after a reset.
fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let end = io::copy(&mut from, &mut to).map_or(Shutdown::Both, |_| Shutdown::Write);
        to.shutdown(end)
    });
}
