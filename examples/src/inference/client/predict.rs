//! Asks for many predictions at the same time, so that the server can make batches of them.

use std::error::Error;
use std::io::Write;
use std::thread;

use stolid::Status;

use crate::terminal::printable::printable;

/// Predicts for each text on a thread of its own, and writes a line for each, in their order.
///
/// # Errors
/// When a prediction failed, after the lines of the others; or what is wrong with `out`.
pub fn print(
    texts: &[String],
    predict: impl Fn(String) -> Result<String, Status> + Sync,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let results: Vec<Result<String, Status>> = thread::scope(|scope| {
        let threads: Vec<_> = texts.iter().map(|text| scope.spawn(|| predict(text.clone()))).collect();
        let lost = || Err(Status::internal("the thread of the prediction panicked"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut failed = None;
    for (text, result) in texts.iter().zip(results) {
        let result = result.unwrap_or_else(|status| failed.insert(status).to_string());
        writeln!(out, "{}: {}", printable(text), printable(&result))?;
    }
    failed.map_or(Ok(()), |status| Err(status.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_its_line() {
        let mut out = Vec::new();
        let texts = ["good", "", "bad"].map(str::to_owned);
        let predict = |text: String| match text.as_str() {
            "" => Err(Status::invalid_argument("no text")),
            text => Ok(text.to_uppercase()),
        };
        let error = print(&texts, predict, &mut out).unwrap_err();
        assert_eq!(String::from_utf8(out).unwrap(), "good: GOOD\n: INVALID_ARGUMENT: no text\nbad: BAD\n");
        assert_eq!(error.to_string(), "INVALID_ARGUMENT: no text");
    }
}
