//! The client of the interoperability tests:
//! `interop-client --server_host=HOST --server_port=PORT --test_case=CASE[,CASE...] [FLAG...]`.
//!
//! Prints one line for each case. Ends with 0 when all passed, with 1 when one failed, with 2 when
//! the command line is wrong.

use std::process::ExitCode;
use std::time::Duration;

use stolid_tests::interop::cases::{Caller, Case, Soak};
use stolid_tests::interop::flags::Flags;

const FLAGS: &[&str] = &[
    "server_host",
    "server_port",
    "test_case",
    "use_tls",
    "soak_iterations",
    "soak_max_failures",
    "soak_per_iteration_max_acceptable_latency_ms",
    "soak_overall_timeout_seconds",
    "soak_min_time_ms_between_rpcs",
    "soak_request_size",
    "soak_response_size",
];

fn main() -> ExitCode {
    let (cases, caller) = match read(std::env::args().skip(1)) {
        Ok(told) => told,
        Err(error) => {
            eprintln!("{error}\n{}", usage());
            return ExitCode::from(2);
        }
    };
    let mut code = ExitCode::SUCCESS;
    for case in cases {
        match case.run(&caller) {
            Ok(()) => println!("{}: passed", case.name),
            Err(failure) => {
                println!("{}: {failure}", case.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

fn usage() -> String {
    let flags = Vec::from_iter(FLAGS.iter().map(|flag| format!("[--{flag}=VALUE]")));
    let cases = Vec::from_iter(Case::all().iter().map(|case| case.name));
    format!("usage: interop-client {}\ncases: {}", flags.join(" "), cases.join(", "))
}

fn read(arguments: impl Iterator<Item = String>) -> Result<(Vec<&'static Case>, Caller), String> {
    let flags = Flags::parse(arguments, FLAGS)?;
    flags.expect_plaintext()?;
    let cases = flags.text("test_case").ok_or("--test_case is missing")?.split(',');
    let known = |name: &str| Case::named(name).ok_or_else(|| format!("there is no case {name:?}"));
    let cases = cases.map(known).collect::<Result<Vec<_>, _>>()?;
    let host = flags.text("server_host").unwrap_or("localhost");
    flags.text("server_port").ok_or("--server_port is missing")?;
    let port: u16 = flags.number("server_port", 0)?;
    // An IPv6 address stands in brackets before a port.
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let caller = Caller::new(format!("http://{host}:{port}"), soak(&flags)?);
    Ok((cases, caller.map_err(|error| error.to_string())?))
}

fn soak(flags: &Flags) -> Result<Soak, String> {
    let given = Soak::default();
    let millis = |name, default: Duration| {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        flags.number(name, default).map(Duration::from_millis)
    };
    Ok(Soak {
        iterations: flags.number("soak_iterations", given.iterations)?,
        max_failures: flags.number("soak_max_failures", given.max_failures)?,
        max_latency: millis("soak_per_iteration_max_acceptable_latency_ms", given.max_latency)?,
        overall: flags.number("soak_overall_timeout_seconds", given.overall.as_secs()).map(Duration::from_secs)?,
        interval: millis("soak_min_time_ms_between_rpcs", given.interval)?,
        request_size: flags.number("soak_request_size", given.request_size)?,
        response_size: flags.number("soak_response_size", given.response_size)?,
    })
}
