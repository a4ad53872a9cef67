//! How quick calls fare beside many open streams and many sleeping handlers.
//!
//! The server is a process of its own, so that its threads and memory can be counted. Each line of
//! the output is a JSON object: the latencies of unary calls that one or eight threads made, in
//! microseconds, or the server's threads and memory before, during and after.

use std::env;
use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stolid::{Channel, Response, Server, Status};
use stolid_tests::echo::Note;
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::echo_server::EchoServer;
use stolid_tests::handlers::{Handlers, note};
use stolid_tests::lab::Req;
use stolid_tests::lab::bench_client::BenchClient;
use stolid_tests::lab::bench_server::BenchServer;
use stolid_tests::measured::Measured;
use stolid_tests::process::{Process, eventually};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Connections that carry the streams and the calls that sleep.
const CONNECTIONS: usize = 10;

/// Open streams without traffic.
const STREAMS: usize = 1000;

/// Calls whose handlers sleep.
const SLEEPERS: usize = 200;

/// How long such a handler sleeps.
const SLEEP: Duration = Duration::from_secs(5);

/// How long quick calls are made with each number of threads.
const MEASURED: Duration = Duration::from_secs(2);

/// How long the server is left alone before its threads at rest are counted.
const SETTLED: Duration = Duration::from_secs(2);

/// Payload bytes of the quick calls.
const SMALL: usize = 16;

fn main() -> Outcome {
    if env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    let served = Served::start()?;
    served.beside_nothing()?;
    served.beside_idle_streams()?;
    for quick in [Quick::OtherMethod, Quick::SameMethod] {
        served.beside_sleepers(quick, Link::Own)?;
        served.beside_sleepers(quick, Link::Shared)?;
    }
    Ok(())
}

/// The server's process: a note that says `sleep` does, one that says `asleep` counts those.
fn serve() -> Outcome {
    static ASLEEP: AtomicU64 = AtomicU64::new(0);
    let handlers = Handlers::new().say(|request| {
        let mut note = request.into_inner();
        match note.text.as_str() {
            "sleep" => {
                ASLEEP.fetch_add(1, Ordering::Relaxed);
                thread::sleep(SLEEP);
                ASLEEP.fetch_sub(1, Ordering::Relaxed);
            }
            "asleep" => note.number = ASLEEP.load(Ordering::Relaxed),
            _ => (),
        }
        Ok(Response::new(note))
    });
    let server = Server::builder()
        .add_service(EchoServer::new(handlers))
        .add_service(BenchServer::new(Measured))
        .start("127.0.0.1:0")?;
    println!("http://{}", server.local_addr());
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// Which method the quick calls use.
#[derive(Clone, Copy, Debug)]
enum Quick {
    /// One whose handlers never sleep.
    OtherMethod,
    /// The one whose other handlers sleep.
    SameMethod,
}

/// Which connection the quick calls use.
#[derive(Clone, Copy, Debug)]
enum Link {
    /// One of their own.
    Own,
    /// One that carries others too.
    Shared,
}

/// What a server costs at one moment.
#[derive(Clone, Copy, Debug)]
struct Size {
    threads: usize,
    kibibytes: u64,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, kibibytes } = self;
        write!(f, r#"{{"threads":{threads},"resident_kib":{kibibytes}}}"#)
    }
}

/// The running server; killed when dropped.
struct Served {
    process: Child,
    target: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

impl Served {
    fn start() -> Outcome<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("serve");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the output is a pipe")?;
        let mut target = String::new();
        BufReader::new(output).read_line(&mut target)?;
        let target = target.trim_end().to_owned();
        Ok(Self { process, target })
    }

    fn channels(&self) -> Outcome<Vec<Channel>> {
        let channels = (0..CONNECTIONS).map(|_| Channel::connect(&self.target));
        Ok(channels.collect::<Result<_, _>>()?)
    }

    fn process(&self) -> Process {
        Process::with_id(self.process.id())
    }

    fn size(&self) -> Size {
        let threads = self.process().threads().len();
        let kibibytes = self.process().resident_bytes() / 1024;
        Size { threads, kibibytes }
    }

    /// The size of a server that nobody has called for some time.
    fn size_at_rest(&self) -> Size {
        thread::sleep(SETTLED);
        self.size()
    }

    fn beside_nothing(&self) -> Outcome {
        let channel = Channel::connect(&self.target)?;
        measure("nothing", Quick::OtherMethod, &channel)
    }

    fn beside_idle_streams(&self) -> Outcome {
        let what = format!("{STREAMS} idle streams on {CONNECTIONS} connections");
        let before = self.size_at_rest();
        let channels = self.channels()?;
        let clients = Vec::from_iter(channels.iter().cloned().map(BenchClient::new));
        let mut streams = Vec::new();
        for client in clients.iter().cycle().take(STREAMS) {
            let mut stream = client.bidi(())?;
            let payload = vec![5; SMALL];
            stream.send(Req { payload })?;
            stream.message()?.ok_or("the stream is not answered")?;
            streams.push(stream);
        }
        let during = self.size();
        measure(&what, Quick::OtherMethod, &Channel::connect(&self.target)?)?;
        measure(&format!("{what}, on one of them"), Quick::OtherMethod, &channels[0])?;
        drop(streams);
        drop((clients, channels));
        self.report_size(&what, before, during);
        Ok(())
    }

    fn beside_sleepers(&self, quick: Quick, link: Link) -> Outcome {
        let what = format!("{SLEEPERS} sleeping handlers, quick calls {quick:?} {link:?}");
        let before = self.size_at_rest();
        let channels = self.channels()?;
        let own = Channel::connect(&self.target)?;
        let asleep = || -> Result<u64, Status> {
            let text = "asleep".to_owned();
            let told = Note { text, ..note(0) };
            Ok(EchoClient::new(own.clone()).say(told)?.into_inner().number)
        };
        let during = thread::scope(|scope| {
            for channel in channels.iter().cycle().take(SLEEPERS) {
                scope.spawn(move || {
                    let text = "sleep".to_owned();
                    let told = Note { text, ..note(0) };
                    let slept = EchoClient::new(channel.clone()).say(told);
                    slept.expect("a sleeping handler answers");
                });
            }
            let begun = Instant::now();
            eventually("all sleep", || asleep().is_ok_and(|count| count == SLEEPERS as u64));
            let asleep_after = begun.elapsed();
            let during = self.size();
            measure(
                &what,
                quick,
                match link {
                    Link::Own => &own,
                    Link::Shared => &channels[0],
                },
            )?;
            let still = asleep()?;
            println!(
                r#"{{"beside":"{what}","all_asleep_after_us":{},"still_asleep":{still}}}"#,
                asleep_after.as_micros()
            );
            Outcome::Ok(during)
        })?;
        drop((own, channels));
        self.report_size(&what, before, during);
        Ok(())
    }

    /// Prints the server's size before, during and after; nothing is open any more.
    fn report_size(&self, what: &str, before: Size, during: Size) {
        let after = self.size_at_rest();
        println!(r#"{{"beside":"{what}","before":{before},"during":{during},"after_2s":{after}}}"#);
    }
}

/// Makes quick calls with one and with eight threads and prints their latencies.
fn measure(beside: &str, quick: Quick, channel: &Channel) -> Outcome {
    let bench = BenchClient::new(channel.clone());
    let echo = EchoClient::new(channel.clone());
    let call = || -> Result<(), Status> {
        let payload = vec![5; SMALL];
        match quick {
            Quick::OtherMethod => bench.unary(Req { payload }).map(|_reply| ()),
            Quick::SameMethod => echo.say(Note { body: payload, ..note(0) }).map(|_reply| ()),
        }
    };
    for threads in [1, 8] {
        let mut times = thread::scope(|scope| {
            let caller = || -> Result<Vec<Duration>, Status> {
                let end = Instant::now() + MEASURED;
                let mut times = Vec::new();
                while Instant::now() < end {
                    let begun = Instant::now();
                    call()?;
                    times.push(begun.elapsed());
                }
                Ok(times)
            };
            let callers = Vec::from_iter((0..threads).map(|_| scope.spawn(caller)));
            let times = callers.into_iter().map(|caller| caller.join().expect("no caller panics"));
            times.collect::<Result<Vec<_>, _>>()
        })?
        .concat();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
        println!(
            r#"{{"beside":"{beside}","caller_threads":{threads},"n":{},"p50_us":{p50:.1},"p99_us":{p99:.1},"max_us":{max:.1}}}"#,
            times.len()
        );
    }
    Ok(())
}
