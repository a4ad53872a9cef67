//! How a program ends.

use std::env;
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// 0 when all went well; else 1, and standard error says `PROGRAM: ERROR`.
pub fn code(outcome: Result<(), impl Display>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let path = env::args().next().unwrap_or_default();
    let program = Path::new(&path).file_name().unwrap_or_default();
    eprintln!("{}: {error}", program.display());
    ExitCode::FAILURE
}
