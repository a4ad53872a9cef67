//! Which methods have been called, against all that the descriptors list.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prost::Message;
use prost_types::FileDescriptorSet;
use stolid::Request;
use stolid_tests::watchdog::watched;

/// The path of each call that reached a handler.
static CALLED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Takes the message out of a request that has reached its handler.
pub(crate) fn arrived<T>(request: Request<T>) -> T {
    let path = request.context().method().to_owned();
    CALLED.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    request.into_inner()
}

/// What a method answers: its own name, as the trait has it, and what it was asked.
pub(crate) fn answer(method: &str, asked: &str) -> String {
    format!("{method}({asked})")
}

#[test]
fn no_method_is_left_out() {
    watched(|| {
        super::kinds::call_all();
        super::messages::call_all();
        super::names::call_all();

        let set = include_bytes!(concat!(env!("OUT_DIR"), "/golden/set.bin"));
        let set = FileDescriptorSet::decode(&set[..]).unwrap();
        let mut all = BTreeSet::new();
        for file in &set.file {
            let dot = if file.package().is_empty() { "" } else { "." };
            for service in &file.service {
                for method in &service.method {
                    all.insert(format!("/{}{dot}{}/{}", file.package(), service.name(), method.name()));
                }
            }
        }
        assert_eq!(all.len(), 77);
        let called = CALLED.lock().unwrap();
        let missing: Vec<&String> = all.difference(&called).collect();
        assert!(missing.is_empty(), "{missing:?}");
    });
}
