//! See `stolid_fuzz::percent`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::percent::check(data));
