//! See `stolid_fuzz::envelope`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::envelope::check(data));
