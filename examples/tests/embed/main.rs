//! `embed`, as the process it is.

use program::{Finished, Program, command};
use stolid_examples::embed::own_calls;
use stolid_examples::embed::proto::RunRequest;
use stolid_examples::embed::proto::job_service_client::JobServiceClient;
use stolid_tests::watchdog::watched;

#[path = "../support/output.rs"]
mod output;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "the tests of the chat use the rest of it")]
mod program;

const EMBED: &str = env!("CARGO_BIN_EXE_embed");

/// The program on a free port, when it has done its own jobs.
fn start() -> (Program, JobServiceClient) {
    let mut program = Program::start(command(EMBED, &[]));
    let port = program.port();
    for answer in ["168 prime numbers below 1000", "1229 prime numbers below 10000", "9592 prime numbers below 100000"]
    {
        program.expect(&format!("Answer: {answer}\n"));
    }
    let client = JobServiceClient::connect(format!("http://localhost:{port}")).expect("it listens");
    (program, client)
}

#[track_caller]
fn assert_stopped(finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.output.ends_with("Stopped, and nothing is left to do.\n"), "{finished:?}");
    assert_eq!(finished.errors, "");
}

#[test]
fn a_hundred_rounds_leave_nothing_behind() {
    watched(|| {
        let finished = Program::run(command(EMBED, &["--rounds", "100"]), "");
        // It compares threads, files and memory itself: anything that is left over is a failure.
        assert_eq!(finished.code, Some(0), "{finished:?}");
        for line in ["100 rounds in ", "Threads: 4 before, 4 after", "Open files: ", "Memory: "] {
            assert!(finished.output.contains(line), "{finished:?}");
        }
    });
}

#[test]
fn it_answers_itself_and_others_until_a_signal_comes() {
    watched(|| {
        for signal in ["INT", "TERM"] {
            let (mut program, client) = start();
            assert_eq!(own_calls::run(&client, 20).expect("it runs jobs"), 8);
            program.expect("Job 4: the prime numbers below 20\n");
            program.signal(signal);
            assert_stopped(&program.finish());
        }
    });
}

#[test]
fn a_job_that_came_in_is_done_before_it_stops() {
    watched(|| {
        let (mut program, client) = start();
        let mut progress = client.run(RunRequest { limit: 30_000 }).expect("it takes the job");
        assert!(progress.message().expect("it says how far it is").is_some());
        program.signal("TERM");
        program.expect("Job 4: done, 3245 found\n");
        let last = progress.by_ref().last().expect("the last part of the job").expect("the job is done");
        assert_eq!((last.percent, last.found), (100, 3_245));
        assert_stopped(&program.finish());
    });
}

#[test]
fn a_job_is_given_up_when_its_client_leaves() {
    watched(|| {
        let (mut program, client) = start();
        let mut progress = client.run(RunRequest { limit: 1_500_000 }).expect("it takes the job");
        assert!(progress.message().expect("it says how far it is").is_some());
        drop(progress);
        program.expect("Job 4: given up, nobody listens any more\n");
        program.signal("TERM");
        assert_stopped(&program.finish());
    });
}
