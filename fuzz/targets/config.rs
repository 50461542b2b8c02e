//! libFuzzer's entry to [`nova_fuzz::config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::config(input));
