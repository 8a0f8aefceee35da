//! Runs `wharfside::fuzzing::query`, which says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wharfside::fuzzing::query(data));
