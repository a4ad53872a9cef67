//! See `stolid_fuzz::timeout`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::timeout::check(data));
