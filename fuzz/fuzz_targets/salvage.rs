#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let home = folder.join(format!("devpulse-salvage-{}", std::process::id()));
    devpulse_pipeline::fuzzing::open(&home, bytes);
});
