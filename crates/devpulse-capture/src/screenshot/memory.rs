//! What a capture took goes back to the system when the capture is over.

use std::sync::Once;

/// Buffers of this size and above, in bytes, are the system's again once they are dropped.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES: i32 = 256 * 1024;

/// Has large buffers taken from the system one by one, from the first call on. Left to itself
/// glibc learns from the first frame that is dropped to keep as much for the next one, which
/// may be hours away.
pub(crate) fn give_back_large_buffers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: the call takes two numbers and may be made at any time.
        if unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES) } == 0 {
            tracing::debug!("memory of screenshots is kept for the next one");
        }
    });
}

/// Room for so many bytes of pixels, in large pages where the system has them: in small ones a
/// frame of 1920x1080 costs 1,500 page faults.
pub(crate) fn room_for_pixels(bytes: usize) -> Vec<u8> {
    let room = Vec::with_capacity(bytes);
    #[cfg(target_os = "linux")]
    ask_for_large_pages(&room);
    room
}

#[cfg(target_os = "linux")]
fn ask_for_large_pages(room: &Vec<u8>) {
    const SMALL_PAGE: usize = 4096;

    let skipped = room.as_ptr().align_offset(SMALL_PAGE);
    let Some(length) = room.capacity().checked_sub(skipped) else { return };
    let start = room.as_ptr().wrapping_add(skipped).cast_mut().cast();
    // SAFETY: the range lies within memory that `room` owns, and the advice changes nothing
    // that it holds. It may be refused, which costs time and nothing else.
    unsafe { libc::madvise(start, length, libc::MADV_HUGEPAGE) };
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    const FRAME: usize = 24 * 1024 * 1024;

    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[test]
    fn frames_leave_no_memory_behind() {
        give_back_large_buffers();
        let before = resident();
        for _ in 0..3 {
            drop(std::hint::black_box(vec![1_u8; FRAME]));
        }
        let left = resident().saturating_sub(before);
        assert!(left < FRAME / 2, "{left} bytes are left");
    }
}
