#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| devpulse_pipeline::fuzzing::sealed_key(bytes));
