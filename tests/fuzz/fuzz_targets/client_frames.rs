//! See `stolid_fuzz::client_frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::client_frames::check(data));
