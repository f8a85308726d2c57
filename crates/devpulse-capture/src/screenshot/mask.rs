//! Hiding windows in images, before anything is scaled or hashed.

use devpulse_protocol::Mask;

use super::{Area, Frame};

/// Edge of a tile of the mosaic, in pixels: no letter survives it.
const TILE: u32 = 24;

/// What a solid mask is filled with.
const GREY: [u8; 3] = [96, 96, 96];

/// Hides `area`, given in the coordinates of the desktop, in the image of `monitor`.
pub(crate) fn hide(frame: &mut Frame, monitor: Area, area: Area, mask: Mask) {
    let left = clamp(area.x - monitor.x, frame.width);
    let top = clamp(area.y - monitor.y, frame.height);
    let right = clamp(far_edge(area.x - monitor.x, area.width), frame.width);
    let bottom = clamp(far_edge(area.y - monitor.y, area.height), frame.height);
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

fn far_edge(near: i32, length: u32) -> i32 {
    near.saturating_add(i32::try_from(length).unwrap_or(i32::MAX))
}

fn clamp(edge: i32, length: u32) -> u32 {
    u32::try_from(edge).unwrap_or(0).min(length)
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
    fn a_mosaic_leaves_one_colour_a_tile() {
        let mut frame = white(100, 50);
        for (index, pixel) in frame.rgb.chunks_exact_mut(3).enumerate() {
            pixel.fill(if index % 2 == 0 { 0 } else { 200 });
        }
        hide(&mut frame, RIGHT_MONITOR, RIGHT_MONITOR, Mask::Mosaic);
        assert!(frame.rgb.iter().all(|value| *value == 100));
    }
}
