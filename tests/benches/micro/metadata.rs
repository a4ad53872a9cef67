//! Metadata as an application sees it, and as headers.

use stolid::Metadata;
use stolid::fuzzing::{received_metadata, sent_metadata};

use crate::stopwatch::Stopwatch;

/// Eight entries, as many as a call with credentials and tracing has.
const ENTRIES: [(&str, &str); 8] = [
    ("authorization", "Bearer 0123456789abcdef0123456789abcdef"),
    ("x-request-id", "3f6c1d0e-8a54-4a6e-9f5e-2f8f8c3d9b11"),
    ("x-room", "rust"),
    ("x-user", "ada"),
    ("x-locale", "en-GB"),
    ("x-attempt", "1"),
    ("x-client-version", "1.2.3"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
];

fn eight() -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in ENTRIES {
        metadata.insert(key, value).expect("it is legal");
    }
    metadata
}

pub(crate) fn rows(watch: &Stopwatch) {
    let full = eight();
    let first = || {
        let mut metadata = Metadata::new();
        metadata.insert("x-room", "rust").expect("it is legal");
        metadata
    };
    watch.time("metadata: insert the first entry", first);
    watch.time_many("metadata: insert an entry, eight in all", 8, || (), |()| eight());
    watch.time("metadata: get one of eight", || full.get("x-user").map(str::len));
    watch.time("metadata: get what is not there", || full.get("x-nobody").map(str::len));
    let mut binary = full.clone();
    binary.insert_bin("x-trace-bin", [7; 32]).expect("it is legal");
    watch.time("metadata: get 32 bytes", || binary.get_bin("x-trace-bin"));
    watch.time_with("metadata: eight entries to headers", || full.clone(), sent_metadata);
    let headers = sent_metadata(full);
    watch.time_with("metadata: eight entries from headers", || headers.clone(), received_metadata);
    watch.time_with(
        "metadata: eight received entries to headers",
        || received_metadata(headers.clone()),
        sent_metadata,
    );
}
