//! Statuses, and the trailers that carry them.

use bytes::Bytes;
use stolid::fuzzing::{build_trailers, trailers};
use stolid::{Code, Metadata, Status};

use crate::stopwatch::Stopwatch;

const MESSAGE: &str = "no room of this name: \u{201c}rust\u{201d}";

pub(crate) fn rows(watch: &Stopwatch) {
    let plain = || Status::not_found(MESSAGE);
    let detailed = || Status::with_details(Code::NotFound, MESSAGE, Bytes::from_static(&[7; 100]));
    watch.time("status: make", plain);
    watch.time_with("status: OK to trailers", Metadata::new, |metadata| build_trailers(&Ok(()), metadata));
    watch.time_with("status: OK from trailers", || build_trailers(&Ok(()), Metadata::new()), trailers);
    for (what, status) in [("a failure", plain()), ("a failure with 100 B of details", detailed())] {
        let outcome = Err(status);
        watch.time_with(&format!("status: {what} to trailers"), Metadata::new, |metadata| {
            build_trailers(&outcome, metadata)
        });
        let headers = build_trailers(&outcome, Metadata::new());
        let name = format!("status: {what} from trailers");
        watch.time_with(&name, || headers.clone(), |headers| trailers(headers).expect_err("it is a failure"));
    }
}
