//! A server in a process of its own, which is killed and replaced.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use stolid::ServerStats;
use stolid_tests::child::Child;
use stolid_tests::gate::Gate;
use stolid_tests::handlers::Handlers;
use stolid_tests::pair;
use stolid_tests::process::Process;

/// The server's process.
#[derive(Debug)]
pub(crate) struct Away {
    child: Child,
    addr: SocketAddr,
}

impl Away {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("the system tells which program runs");
        let (child, addr) = Child::server(program.to_str().expect("cargo's paths are text"));
        Self { child, addr }
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process, to be measured.
    pub(crate) fn process(&self) -> Process {
        self.child.measured()
    }

    /// How many connections it has, and how many handlers run in it.
    pub(crate) fn load(&mut self) -> (usize, usize) {
        self.child.tell("load");
        let load = self.child.expect_line("load ");
        let numbers = load.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        numbers.expect("the child says two numbers")
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.child.kill();
    }

    /// Has it shut down with this much time for its calls, and end.
    pub(crate) fn shut_down(mut self, grace: Duration) {
        self.child.shut_down(grace);
        self.child.expect_line("shut down");
    }
}

/// What the process does: it serves until its standard input ends, and does what is said there.
pub(crate) fn serve() -> io::Result<()> {
    let server = pair::serve(Handlers::as_told(&Gate::new()));
    println!("listening {}", server.local_addr());
    for line in io::stdin().lines() {
        let line = line?;
        if line == "load" {
            let ServerStats { connections, running, .. } = server.stats();
            println!("load {connections} {running}");
        } else if let Some(grace) = line.strip_prefix("shutdown ").and_then(|millis| millis.parse().ok()) {
            server.shutdown(Duration::from_millis(grace));
            println!("shut down");
        } else {
            return Err(io::Error::other(format!("there is no command {line:?}")));
        }
    }
    Ok(())
}
