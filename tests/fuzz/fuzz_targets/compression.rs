//! See `stolid_fuzz::compression`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::compression::check(data));
