//! libFuzzer's entry to [`nova_fuzz::journal`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::journal(input));
