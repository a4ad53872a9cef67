//! A server as the callers see it: its address, the channels to it, and whether they may lose it.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stolid_tests::attack::Dice;
use stolid_tests::config;
use stolid_tests::echo::echo_client::EchoClient;

/// A server with two channels, which its callers share.
#[derive(Debug)]
pub(crate) struct Place {
    addr: SocketAddr,
    /// Connections to it are cut, or the server is killed.
    pub(crate) may_be_lost: bool,
    clients: [Mutex<EchoClient>; 2],
}

impl Place {
    /// The server at `addr`.
    pub(crate) fn new(addr: SocketAddr, may_be_lost: bool) -> Self {
        Self { addr, may_be_lost, clients: [(); 2].map(|()| Mutex::new(fresh(addr))) }
    }

    /// One of its clients.
    pub(crate) fn client(&self, dice: &mut Dice) -> EchoClient {
        self.pick(dice).clone()
    }

    /// Puts a new channel in the place of an old one, which goes with the last call that uses it.
    pub(crate) fn renew(&self, dice: &mut Dice) {
        let _old = std::mem::replace(&mut *self.pick(dice), fresh(self.addr));
    }

    fn pick(&self, dice: &mut Dice) -> MutexGuard<'_, EchoClient> {
        let chosen = &self.clients[dice.roll(2) as usize];
        chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh(addr: SocketAddr) -> EchoClient {
    let channel = config::channel(format!("http://{addr}")).connect_lazy();
    EchoClient::new(channel.expect("the address is good"))
}
