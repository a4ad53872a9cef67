//! See `stolid_fuzz::base64`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::base64::check(data));
