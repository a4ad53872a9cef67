//! See `stolid_fuzz::details`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::details::check(data));
