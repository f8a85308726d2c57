//! The size of an image, from its file's header: enough to tell that it is one.

/// Format and size of an image file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) format: &'static str,
    pub(super) width: u64,
    pub(super) height: u64,
}

/// Reads the header; nothing where this is no complete WebP, PNG or JPEG file.
pub(super) fn read(file: &[u8]) -> Option<Image> {
    webp(file).or_else(|| png(file)).or_else(|| jpeg(file))
}

fn webp(file: &[u8]) -> Option<Image> {
    let body = file.strip_prefix(b"RIFF")?;
    let length = little(body.get(..4)?);
    let chunk = body.get(4..)?.strip_prefix(b"WEBP")?;
    if length + 8 > file.len() as u64 {
        return None;
    }
    let data = chunk.get(8..)?;
    let (width, height) = match chunk.get(..4)? {
        b"VP8 " if data.get(3..6)? == [0x9d, 0x01, 0x2a] => {
            (little(data.get(6..8)?) & 0x3fff, little(data.get(8..10)?) & 0x3fff)
        }
        b"VP8L" if data.first() == Some(&0x2f) => {
            let bits = little(data.get(1..5)?);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        b"VP8X" => (little(data.get(4..7)?) + 1, little(data.get(7..10)?) + 1),
        _ => return None,
    };
    Some(Image { format: "webp", width, height })
}

fn png(file: &[u8]) -> Option<Image> {
    let chunk = file.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    let header = chunk.get(4..)?.strip_prefix(b"IHDR")?;
    if !file.ends_with(b"IEND\xae\x42\x60\x82") {
        return None;
    }
    let (width, height) = (big(header.get(..4)?), big(header.get(4..8)?));
    Some(Image { format: "png", width, height })
}

fn jpeg(file: &[u8]) -> Option<Image> {
    if !file.starts_with(&[0xff, 0xd8]) || !file.ends_with(&[0xff, 0xd9]) {
        return None;
    }
    let mut rest = file.get(2..)?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else {
            return None;
        };
        let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            let (height, width) = (big(rest.get(5..7)?), big(rest.get(7..9)?));
            return Some(Image { format: "jpeg", width, height });
        }
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?;
    }
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(format: &'static str, width: u64, height: u64) -> Option<Image> {
        Some(Image { format, width, height })
    }

    #[test]
    fn a_webp_tells_its_size_and_a_cut_one_is_none() {
        let mut file = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x30\0\0\x9d\x01\x2a".to_vec();
        file.extend([0x00, 0x05, 0x20, 0x03]);
        assert_eq!(read(&file), image("webp", 1280, 800));
        assert_eq!(read(&file[..29]), None);
    }

    #[test]
    fn a_png_tells_its_size_and_a_cut_one_is_none() {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\0\0\0\x03\x20".to_vec();
        assert_eq!(read(&file), None);
        file.extend(b"IEND\xae\x42\x60\x82");
        assert_eq!(read(&file), image("png", 1280, 800));
    }

    #[test]
    fn a_jpeg_tells_its_size_and_a_cut_one_is_none() {
        let mut file = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2];
        file.extend([0xff, 0xc0, 0, 11, 8, 0x03, 0x20, 0x05, 0x00, 1, 1, 0x11, 0]);
        assert_eq!(read(&file), None);
        file.extend([0xff, 0xd9]);
        assert_eq!(read(&file), image("jpeg", 1280, 800));
    }

    #[test]
    fn anything_else_is_no_image() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"<html>not found</html>"), None);
    }
}
