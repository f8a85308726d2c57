//! Scaling, and image files.

use std::error::Error;

use devpulse_protocol::ImageFormat;
use fast_image_resize as fir;

use super::{Frame, ScreenshotError, memory, webp};

/// What a frame is made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Encoding {
    pub(crate) format: ImageFormat,
    /// 1 to 100; PNG ignores it.
    pub(crate) quality: u8,
    /// Wider frames are scaled down to this.
    pub(crate) max_width: u32,
}

impl Encoding {
    /// The frame, no wider than allowed.
    ///
    /// # Errors
    /// Fails only for a frame that is not what it says it is.
    pub(crate) fn scale(self, frame: Frame) -> Result<Frame, ScreenshotError> {
        if frame.width <= self.max_width {
            return Ok(frame);
        }
        let (from, to) = (u64::from(frame.width), u64::from(self.max_width));
        let height = ((u64::from(frame.height) * to + from / 2) / from).max(1);
        let height = u32::try_from(height).unwrap_or(u32::MAX);
        resize(&frame, self.max_width, height)
            .map_err(|source| ScreenshotError::Encode(self.format, source))
    }

    /// The frame as a file.
    ///
    /// # Errors
    /// Fails where the format cannot hold the frame.
    pub(crate) fn encode(self, frame: &Frame) -> Result<Vec<u8>, ScreenshotError> {
        let file = match self.format {
            ImageFormat::Webp => webp::encode(frame, self.quality),
            ImageFormat::Jpeg => jpeg(frame, self.quality),
            ImageFormat::Png => png(frame),
        };
        file.map_err(|source| ScreenshotError::Encode(self.format, source))
    }
}

type Failure = Box<dyn Error + Send + Sync>;

fn resize(frame: &Frame, width: u32, height: u32) -> Result<Frame, Failure> {
    let source =
        fir::images::ImageRef::new(frame.width, frame.height, &frame.rgb, fir::PixelType::U8x3)?;
    let bytes = width as usize * height as usize * 3;
    let mut room = memory::room_for_pixels(bytes);
    room.resize(bytes, 0);
    let mut scaled = fir::images::Image::from_vec_u8(width, height, room, fir::PixelType::U8x3)?;
    let options = fir::ResizeOptions::new()
        .resize_alg(fir::ResizeAlg::Convolution(fir::FilterType::CatmullRom));
    fir::Resizer::new().resize(&source, &mut scaled, &options)?;
    Ok(Frame { width, height, rgb: scaled.into_vec() })
}

fn jpeg(frame: &Frame, quality: u8) -> Result<Vec<u8>, Failure> {
    let (width, height) = (u16::try_from(frame.width)?, u16::try_from(frame.height)?);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    // Coloured text on a screen does not survive half the colour resolution.
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
    encoder.encode(&frame.rgb, width, height, jpeg_encoder::ColorType::Rgb)?;
    Ok(file)
}

fn png(frame: &Frame) -> Result<Vec<u8>, Failure> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, frame.width, frame.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&frame.rgb)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left half red, right half blue.
    fn frame(width: u32, height: u32) -> Frame {
        let row = (0..width).flat_map(|x| if x < width / 2 { [255, 0, 0] } else { [0, 0, 255] });
        let row: Vec<u8> = row.collect();
        Frame { width, height, rgb: row.repeat(height as usize) }
    }

    fn encoding(format: ImageFormat) -> Encoding {
        Encoding { format, quality: 75, max_width: 400 }
    }

    fn close(pixel: &[u8], colour: [u8; 3]) -> bool {
        pixel.iter().zip(colour).all(|(have, want)| have.abs_diff(want) < 12)
    }

    #[test]
    fn a_wide_frame_is_scaled_to_the_width_and_keeps_its_shape() {
        let scaled = encoding(ImageFormat::Png).scale(frame(1000, 500)).unwrap();
        assert_eq!((scaled.width, scaled.height), (400, 200));
        assert_eq!(scaled.rgb.len(), 400 * 200 * 3);
        assert!(close(&scaled.rgb[..3], [255, 0, 0]));
        assert!(close(&scaled.rgb[scaled.rgb.len() - 3..], [0, 0, 255]));
    }

    #[test]
    fn a_narrow_frame_is_left_as_it_is() {
        let scaled = encoding(ImageFormat::Png).scale(frame(400, 30)).unwrap();
        assert!(scaled == frame(400, 30));
    }

    #[test]
    fn webp_decodes_to_the_same_colours() {
        let frame = frame(64, 48);
        let file = encoding(ImageFormat::Webp).encode(&frame).unwrap();
        let image = ::webp::Decoder::new(&file).decode().unwrap();
        assert_eq!((image.width(), image.height()), (64, 48));
        assert!(close(&image[..3], [255, 0, 0]));
        assert!(close(&image[64 * 3 - 3..64 * 3], [0, 0, 255]));
    }

    #[test]
    fn png_decodes_to_the_same_pixels() {
        let frame = frame(64, 48);
        let file = encoding(ImageFormat::Png).encode(&frame).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels == frame.rgb);
    }

    #[test]
    fn jpeg_bears_its_size() {
        let file = encoding(ImageFormat::Jpeg).encode(&frame(64, 48)).unwrap();
        assert_eq!(file[..2], [0xff, 0xd8]);
        let header = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        assert_eq!(file[header + 5..header + 9], [0, 48, 0, 64]);
    }

    #[test]
    fn a_frame_too_large_for_its_format_is_an_error() {
        let frame = frame(70_000, 1);
        assert!(encoding(ImageFormat::Jpeg).encode(&frame).is_err());
        assert!(encoding(ImageFormat::Webp).encode(&frame).is_err());
    }
}
