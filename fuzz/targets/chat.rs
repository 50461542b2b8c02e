//! libFuzzer's entry to [`nova_fuzz::chat`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::chat(input));
