//! See `stolid_fuzz::codegen`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::codegen::check(data));
