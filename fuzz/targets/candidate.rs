//! libFuzzer's entry to [`nova_fuzz::candidate`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::candidate(input));
