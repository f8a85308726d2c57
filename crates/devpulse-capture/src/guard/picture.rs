//! What is left of an image that a crate says is of a screen.

use crate::screenshot::{Area, Frame, GrabError};

/// No monitor is longer on either side, in pixels.
const LONGEST_SIDE: u32 = 32_768;

/// Pixels with four bytes each (red, green, blue, one that says nothing), row by row.
pub(crate) struct Claimed {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
}

/// The image of `monitor`, if it can be one.
///
/// # Errors
/// Fails where its size is no monitor's, is not this one's, or is not that of its bytes.
pub(crate) fn frame(claimed: &Claimed, monitor: Area) -> Result<Frame, GrabError> {
    let Claimed { width, height, rgba } = claimed;
    let sides = 1..=LONGEST_SIDE;
    if !sides.contains(width) || !sides.contains(height) {
        return Err(GrabError::new(format!("an image of {width} by {height} pixels is none")));
    }
    if rgba.len() as u64 != u64::from(*width) * u64::from(*height) * 4 {
        return Err(GrabError::new("an image has other pixels than its size says"));
    }
    // Both sides may be multiplied where the desktop is shown larger than it is drawn.
    let [here, there] = [(*width, monitor.height), (monitor.width, *height)]
        .map(|(one, other)| u64::from(one) * u64::from(other));
    if here.abs_diff(there) > u64::from((*width).max(*height)) {
        return Err(GrabError::new("an image has not the shape of its monitor"));
    }
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for pixel in rgba.chunks_exact(4) {
        rgb.extend_from_slice(&pixel[..3]);
    }
    Ok(Frame { width: *width, height: *height, rgb })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONITOR: Area = Area { x: 0, y: 0, width: 4, height: 2 };

    fn claimed(width: u32, height: u32) -> Claimed {
        let rgba = [1, 2, 3, 255].repeat((width * height) as usize);
        Claimed { width, height, rgba }
    }

    #[test]
    fn an_image_of_the_monitor_is_taken_without_what_says_nothing() {
        let frame = frame(&claimed(4, 2), MONITOR).unwrap();
        assert_eq!((frame.width, frame.height), (4, 2));
        assert_eq!(frame.rgb, [1, 2, 3].repeat(8));
        assert!(super::frame(&claimed(8, 4), MONITOR).is_ok());
    }

    #[test]
    fn an_image_that_cannot_be_of_the_monitor_is_refused() {
        for (width, height) in [(0, 2), (4, 0), (2, 4), (2, 2)] {
            assert!(frame(&claimed(width, height), MONITOR).is_err(), "{width} by {height}");
        }
        let vast = Claimed { width: u32::MAX, height: u32::MAX, rgba: Vec::new() };
        assert!(frame(&vast, MONITOR).is_err());
        let short = Claimed { rgba: vec![0; 31], ..claimed(4, 2) };
        assert!(frame(&short, MONITOR).is_err());
    }
}
