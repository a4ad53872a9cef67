//! `stolid-generate`: the generator as a program, for code that is checked in.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Generates the messages, servers and clients of .proto files for Stolid.
///
/// Exit codes: 0 when the code has been written, 1 when it could not be, 2 for a wrong command line.
#[derive(Debug, Parser)]
#[command(name = "stolid-generate", version)]
struct Arguments {
    /// Where the code goes: one file for each package. Created if it does not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Where imports are looked for; each FILE must be in such a directory. May be given several times. Without it, the
    /// directories of the files.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    includes: Vec<PathBuf>,

    /// The .proto files.
    #[arg(required = true, value_name = "FILE.proto")]
    protos: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match generate(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let out = &arguments.out;
    fs::create_dir_all(out).map_err(|error| format!("cannot create '{}': {error}", out.display()))?;
    stolid_build::configure()
        .out_dir(out)
        .emit_rerun_if_changed(false)
        .compile_protos(&arguments.protos, &arguments.includes)?;
    Ok(())
}
