//! Runs `wharfside::fuzzing::tus_headers`, which says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wharfside::fuzzing::tus_headers(data));
