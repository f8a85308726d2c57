//! Hiding windows in images, before anything is scaled or hashed.

use devpulse_protocol::Mask;

use super::{Area, Frame};

/// Edge of a tile of the mosaic, in pixels: no letter survives it.
const TILE: u32 = 24;

/// What a solid mask is filled with.
const GREY: [u8; 3] = [96, 96, 96];

/// Hides `area`, given in the coordinates of the desktop, in the image of `monitor`, which may
/// have more pixels than the monitor has on the desktop.
pub(crate) fn hide(frame: &mut Frame, monitor: Area, area: Area, mask: Mask) {
    let across = Side { desktop: monitor.width, image: frame.width };
    let down = Side { desktop: monitor.height, image: frame.height };
    let (x, y) = (offset(area.x, monitor.x), offset(area.y, monitor.y));
    let left = across.near(x);
    let top = down.near(y);
    let right = across.far(x + i64::from(area.width));
    let bottom = down.far(y + i64::from(area.height));
    if left >= right || top >= bottom {
        return;
    }
    match mask {
        Mask::Solid => fill(frame, [left, top, right, bottom], GREY),
        Mask::Mosaic => {
            for y in (top..bottom).step_by(TILE as usize) {
                for x in (left..right).step_by(TILE as usize) {
                    let tile = [x, y, (x + TILE).min(right), (y + TILE).min(bottom)];
                    let colour = average(frame, tile);
                    fill(frame, tile, colour);
                }
            }
        }
    }
}

/// How long a monitor is on the desktop, and in its image.
struct Side {
    desktop: u32,
    image: u32,
}

impl Side {
    /// The pixel in which something begins that lies at `offset` on the monitor.
    fn near(&self, offset: i64) -> u32 {
        self.clamp(self.scaled(offset).div_euclid(self.length()))
    }

    /// The pixel after the last one that something touches which ends at `offset`.
    fn far(&self, offset: i64) -> u32 {
        self.clamp(-(-self.scaled(offset)).div_euclid(self.length()))
    }

    fn scaled(&self, offset: i64) -> i64 {
        offset * i64::from(self.image)
    }

    fn length(&self) -> i64 {
        i64::from(self.desktop.max(1))
    }

    fn clamp(&self, edge: i64) -> u32 {
        u32::try_from(edge.clamp(0, i64::from(self.image))).unwrap_or(self.image)
    }
}

fn offset(place: i32, origin: i32) -> i64 {
    i64::from(place) - i64::from(origin)
}

/// Where each row of a rectangle starts and ends in an image of this width.
fn rows(width: u32, [left, top, right, bottom]: [u32; 4]) -> impl Iterator<Item = [usize; 2]> {
    (top..bottom)
        .map(move |y| [left, right].map(|x| 3 * (y as usize * width as usize + x as usize)))
}

fn fill(frame: &mut Frame, rectangle: [u32; 4], colour: [u8; 3]) {
    for [start, end] in rows(frame.width, rectangle) {
        for pixel in frame.rgb[start..end].chunks_exact_mut(3) {
            pixel.copy_from_slice(&colour);
        }
    }
}

fn average(frame: &Frame, rectangle: [u32; 4]) -> [u8; 3] {
    let (mut sums, mut count) = ([0u64; 3], 0u64);
    for [start, end] in rows(frame.width, rectangle) {
        for pixel in frame.rgb[start..end].chunks_exact(3) {
            count += 1;
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
    }
    sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn white(width: u32, height: u32) -> Frame {
        Frame { width, height, rgb: vec![255; (width * height * 3) as usize] }
    }

    const RIGHT_MONITOR: Area = Area { x: 100, y: 0, width: 100, height: 50 };

    fn hidden(frame: &Frame) -> usize {
        frame.rgb.chunks_exact(3).filter(|pixel| **pixel != [255, 255, 255]).count()
    }

    #[test]
    fn only_the_part_on_the_monitor_is_hidden() {
        let mut frame = white(100, 50);
        let window = Area { x: 90, y: -10, width: 30, height: 20 };
        hide(&mut frame, RIGHT_MONITOR, window, Mask::Solid);
        assert_eq!(hidden(&frame), 20 * 10);
        assert_eq!(frame.rgb[..3], GREY);
        let before = frame.clone();
        let elsewhere = Area { x: 0, y: 0, width: 100, height: 50 };
        hide(&mut frame, RIGHT_MONITOR, elsewhere, Mask::Solid);
        assert!(frame == before);
    }

    #[test]
    fn an_image_with_several_pixels_a_point_hides_every_pixel_of_the_window() {
        let window = Area { x: 110, y: 10, width: 5, height: 5 };
        let mut doubled = white(200, 100);
        hide(&mut doubled, RIGHT_MONITOR, window, Mask::Solid);
        assert_eq!(hidden(&doubled), 10 * 10);
        let pixel = |x: usize, y: usize| doubled.rgb[3 * (y * 200 + x)];
        assert_eq!((pixel(19, 20), pixel(20, 20)), (255, GREY[0]));
        assert_eq!((pixel(29, 29), pixel(30, 29)), (GREY[0], 255));
        // What is touched in part is hidden whole.
        let mut half_again = white(150, 75);
        hide(&mut half_again, RIGHT_MONITOR, Area { x: 101, width: 1, ..window }, Mask::Solid);
        assert_eq!(hidden(&half_again), 2 * 8);
    }

    #[test]
    fn areas_at_the_ends_of_the_desktop_are_no_trouble() {
        let vast = Area { x: i32::MIN, y: i32::MIN, width: u32::MAX, height: u32::MAX };
        let mut frame = white(100, 50);
        hide(&mut frame, RIGHT_MONITOR, vast, Mask::Solid);
        assert_eq!(hidden(&frame), 100 * 50);
        let nowhere = Area { x: i32::MAX, y: i32::MAX, ..vast };
        let far = Area { x: i32::MIN, ..RIGHT_MONITOR };
        let mut frame = white(100, 50);
        hide(&mut frame, far, nowhere, Mask::Solid);
        assert_eq!(hidden(&frame), 0);
    }

    #[test]
    fn a_mosaic_leaves_one_colour_a_tile() {
        let mut frame = white(100, 50);
        for (index, pixel) in frame.rgb.chunks_exact_mut(3).enumerate() {
            pixel.fill(if index % 2 == 0 { 0 } else { 200 });
        }
        hide(&mut frame, RIGHT_MONITOR, RIGHT_MONITOR, Mask::Mosaic);
        assert!(frame.rgb.iter().all(|value| *value == 100));
    }
}
