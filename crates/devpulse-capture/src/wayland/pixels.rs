//! Pixels as compositors lay them out in shared memory, made into frames.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use wayland_client::protocol::wl_output::Transform;
use wayland_client::protocol::wl_shm::Format;

use super::outputs::is_sideways;
use crate::screenshot::{Frame, GrabError, room_for_pixels};

/// The layout of an image in shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bytes from one row to the next.
    pub(crate) stride: u32,
}

impl Layout {
    pub(crate) const fn size(self) -> u64 {
        self.stride as u64 * self.height as u64
    }

    /// Whether its pixels can be read.
    pub(crate) fn is_known(self) -> bool {
        shifts(self.format).is_some() && u64::from(self.stride) >= u64::from(self.width) * 4
    }

    /// Reads the image row by row, so that its pixels are in memory once.
    pub(super) fn read(self, memory: &File) -> Result<Frame, GrabError> {
        self.rows(|y, row| memory.read_exact_at(row, y as u64 * u64::from(self.stride)))
    }

    /// The image that lies in these bytes.
    pub(crate) fn frame(self, bytes: &[u8]) -> Result<Frame, GrabError> {
        self.rows(|y, row| {
            let start = y * self.stride as usize;
            let there = bytes.get(start..start + row.len());
            row.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn rows(
        self,
        mut read: impl FnMut(usize, &mut [u8]) -> io::Result<()>,
    ) -> Result<Frame, GrabError> {
        let Some(shifts) = shifts(self.format) else {
            return Err(GrabError::new("the pixels have an unknown format"));
        };
        let mut rgb = room_for_pixels(self.width as usize * self.height as usize * 3);
        let mut row = vec![0; self.width as usize * 4];
        for y in 0..self.height as usize {
            read(y, &mut row)
                .map_err(|error| GrabError::with_source("the image could not be read", error))?;
            let pixels = row.as_chunks::<4>().0.iter();
            if shifts == [16, 8, 0] {
                rgb.extend(pixels.flat_map(|[blue, green, red, _]| [*red, *green, *blue]));
                continue;
            }
            rgb.extend(pixels.flat_map(|bytes| {
                let pixel = u32::from_le_bytes(*bytes);
                shifts.map(|shift| (pixel >> shift) as u8)
            }));
        }
        Ok(Frame { width: self.width, height: self.height, rgb })
    }
}

/// How far red, green and blue are shifted in a pixel of four bytes, the lowest first.
const fn shifts(format: Format) -> Option<[u32; 3]> {
    match format {
        Format::Xrgb8888 | Format::Argb8888 => Some([16, 8, 0]),
        Format::Xbgr8888 | Format::Abgr8888 => Some([0, 8, 16]),
        Format::Rgbx8888 | Format::Rgba8888 => Some([24, 16, 8]),
        Format::Bgrx8888 | Format::Bgra8888 => Some([8, 16, 24]),
        // Ten bits a colour: the upper eight are kept.
        Format::Xrgb2101010 | Format::Argb2101010 => Some([22, 12, 2]),
        Format::Xbgr2101010 | Format::Abgr2101010 => Some([2, 12, 22]),
        _ => None,
    }
}

/// The image as the person sees it, from one as the monitor, which is turned, is given it.
pub(super) fn upright(frame: Frame, transform: Transform) -> Frame {
    if transform == Transform::Normal {
        return frame;
    }
    let (width, height) = (frame.width, frame.height);
    let (across, down) = if is_sideways(transform) { (height, width) } else { (width, height) };
    let mut rgb = Vec::with_capacity(frame.rgb.len());
    for y in 0..down {
        for x in 0..across {
            let [from_x, from_y] = origin(transform, [x, y], [across, down]);
            let at = 3 * (from_y as usize * width as usize + from_x as usize);
            rgb.extend_from_slice(frame.rgb.get(at..at + 3).unwrap_or(&[0; 3]));
        }
    }
    Frame { width: across, height: down, rgb }
}

/// Where in the turned image the pixel lies that is seen at `[x, y]`. The compositor flips
/// first, from left to right, and then turns against the clock.
const fn origin(transform: Transform, [x, y]: [u32; 2], [across, down]: [u32; 2]) -> [u32; 2] {
    let flipped = across - 1 - x;
    match transform {
        Transform::_90 => [y, flipped],
        Transform::_180 => [flipped, down - 1 - y],
        Transform::_270 => [down - 1 - y, x],
        Transform::Flipped => [flipped, y],
        Transform::Flipped90 => [y, x],
        Transform::Flipped180 => [x, down - 1 - y],
        Transform::Flipped270 => [down - 1 - y, flipped],
        _ => [x, y],
    }
}

/// The image with its rows in the opposite order.
pub(super) fn upside_down(mut frame: Frame) -> Frame {
    let row = frame.width as usize * 3;
    if row > 0 {
        frame.rgb = frame.rgb.rchunks_exact(row).flatten().copied().collect();
    }
    frame
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// An image of three by two, each pixel named by one letter.
    fn image(width: u32, letters: &str) -> Frame {
        let rgb: Vec<u8> = letters.bytes().flat_map(|letter| [letter; 3]).collect();
        Frame { width, height: letters.len() as u32 / width, rgb }
    }

    #[track_caller]
    fn seen(transform: Transform, given: Frame, expected: &Frame) {
        let got = upright(given, transform);
        let letters: Vec<char> = got.rgb.iter().step_by(3).map(|byte| *byte as char).collect();
        assert!(got == *expected, "{transform:?} gives {letters:?}");
    }

    #[test]
    fn an_image_of_a_turned_monitor_is_set_upright() {
        let content = || image(3, "abcdef");
        // What the monitor is given: flipped left to right, then turned against the clock.
        seen(Transform::_90, image(2, "cfbead"), &content());
        seen(Transform::_180, image(3, "fedcba"), &content());
        seen(Transform::_270, image(2, "daebfc"), &content());
        seen(Transform::Flipped, image(3, "cbafed"), &content());
        seen(Transform::Flipped90, image(2, "adbecf"), &content());
        seen(Transform::Flipped180, image(3, "defabc"), &content());
        seen(Transform::Flipped270, image(2, "fcebda"), &content());
        seen(Transform::Normal, content(), &content());
    }

    #[test]
    fn an_image_that_begins_at_the_bottom_is_turned_over() {
        assert!(upside_down(image(3, "abcdef")) == image(3, "defabc"));
    }

    #[test]
    fn rows_may_be_longer_than_their_pixels() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[3, 2, 1, 0, 9, 9, 9, 9, 6, 5, 4, 0, 9, 9, 9, 9]).unwrap();
        let layout = Layout { format: Format::Xrgb8888, width: 1, height: 2, stride: 8 };
        assert!(layout.is_known());
        let frame = layout.read(&file).unwrap();
        assert_eq!(frame.rgb, [1, 2, 3, 4, 5, 6]);
        assert!(!Layout { stride: 3, ..layout }.is_known());
    }

    #[test]
    fn ten_bits_a_colour_keep_their_upper_eight() {
        let mut file = tempfile::tempfile().unwrap();
        let pixel: u32 = (0x3ff << 20) | (0x200 << 10) | 0x004;
        file.write_all(&pixel.to_le_bytes()).unwrap();
        let layout = Layout { format: Format::Xrgb2101010, width: 1, height: 1, stride: 4 };
        assert_eq!(layout.read(&file).unwrap().rgb, [255, 128, 1]);
    }
}
