//! libFuzzer's entry to [`nova_fuzz::keys_file`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::keys_file(input));
