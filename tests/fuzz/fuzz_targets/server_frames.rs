//! See `stolid_fuzz::server_frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stolid_fuzz::server_frames::check(data));
