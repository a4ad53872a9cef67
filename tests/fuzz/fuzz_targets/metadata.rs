//! See `stolid_fuzz::metadata`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::metadata::check(data));
