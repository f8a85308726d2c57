#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    devpulse_control::fuzzing::frames(bytes);
    devpulse_control::fuzzing::message(bytes);
});
