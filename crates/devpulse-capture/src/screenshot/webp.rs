//! WebP files, by libwebp.
//!
//! The colours go straight into the planes that are encoded, without the copy of the frame in four
//! bytes a pixel that the `webp` crate makes first.

use std::error::Error;
use std::ffi::c_int;

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear,
    WebPMemoryWriterInit, WebPPicture, WebPPictureFree, WebPPictureImportRGB, WebPValidateConfig,
};

use super::Frame;

type Failure = Box<dyn Error + Send + Sync>;

/// The frame as a lossy WebP file.
///
/// # Errors
/// Fails where libwebp does: a frame wider or higher than 16,383 pixels, or no memory.
pub(super) fn encode(frame: &Frame, quality: u8) -> Result<Vec<u8>, Failure> {
    let config = config(quality)?;
    let mut picture = Picture::of(frame)?;
    let mut file = File::default();
    picture.0.writer = Some(WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut file.0).cast();
    // SAFETY: the configuration was validated, the picture holds its pixels, and what its
    // writer writes to outlives the call.
    if unsafe { WebPEncode(&raw const config, &raw mut picture.0) } == 0 {
        return Err(refusal(&picture));
    }
    Ok(file.bytes().to_vec())
}

fn config(quality: u8) -> Result<WebPConfig, Failure> {
    let mut config = WebPConfig::new().map_err(|()| "libwebp has another version")?;
    config.quality = f32::from(quality);
    // The least effort takes two thirds of the time of the next useful one and a fifth more
    // bytes; text comes out no worse.
    config.method = 0;
    // SAFETY: it looks at the configuration and nothing else.
    match unsafe { WebPValidateConfig(&raw const config) } {
        0 => Err("libwebp refuses its configuration".into()),
        _ => Ok(config),
    }
}

/// A picture and the memory that libwebp took for it.
struct Picture(WebPPicture);

impl Picture {
    fn of(frame: &Frame) -> Result<Self, Failure> {
        let (width, height) = (c_int::try_from(frame.width)?, c_int::try_from(frame.height)?);
        let stride = width.checked_mul(3).ok_or("the frame is too wide")?;
        let bytes = u64::from(frame.width) * u64::from(frame.height) * 3;
        if bytes != frame.rgb.len() as u64 {
            return Err("the frame is not as large as it says".into());
        }
        let mut picture = Self(WebPPicture::new().map_err(|()| "libwebp has another version")?);
        picture.0.width = width;
        picture.0.height = height;
        // SAFETY: the frame holds `height` rows of `stride` bytes.
        let taken = unsafe { WebPPictureImportRGB(&raw mut picture.0, frame.rgb.as_ptr(), stride) };
        if taken == 0 { Err(refusal(&picture)) } else { Ok(picture) }
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: it was initialised, and is not used again.
        unsafe { WebPPictureFree(&raw mut self.0) }
    }
}

/// What the encoder wrote, in memory that libwebp took.
struct File(WebPMemoryWriter);

impl Default for File {
    fn default() -> Self {
        let mut writer =
            WebPMemoryWriter { mem: std::ptr::null_mut(), size: 0, max_size: 0, pad: [0] };
        // SAFETY: it only sets the fields.
        unsafe { WebPMemoryWriterInit(&raw mut writer) }
        Self(writer)
    }
}

impl File {
    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: so many bytes were written there, and stay until it is dropped.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: it was initialised, and is not used again.
        unsafe { WebPMemoryWriterClear(&raw mut self.0) }
    }
}

fn refusal(picture: &Picture) -> Failure {
    format!("libwebp says {:?}", picture.0.error_code).into()
}
