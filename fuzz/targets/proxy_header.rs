//! libFuzzer's entry to [`nova_fuzz::proxy_header`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nova_fuzz::proxy_header(input));
