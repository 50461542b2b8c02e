//! A PNG image of one pixel.
//!
//! Source: PNG specification (third edition): signature, chunks with CRC-32, and a zlib stream (RFC 1950) with one
//! stored block (RFC 1951, section 3.2.4).

use aws_lc_rs::digest;

/// An image whose color follows from `source`.
pub(super) fn one_pixel(source: &str) -> Vec<u8> {
    let hash = digest::digest(&digest::SHA256, source.as_bytes());
    let color = hash.as_ref().iter().take(3).copied();
    // One line: filter type 0, then red, green and blue.
    let line: Vec<u8> = std::iter::once(0).chain(color).collect();
    let mut image = vec![0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
    // Width and height 1, eight bits a channel, RGB, no interlacing.
    chunk(&mut image, *b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
    let mut stream = vec![0x78, 0x01, 0x01, 0x04, 0x00, 0xfb, 0xff];
    stream.extend_from_slice(&line);
    stream.extend_from_slice(&adler32(&line).to_be_bytes());
    chunk(&mut image, *b"IDAT", &stream);
    chunk(&mut image, *b"IEND", &[]);
    image
}

/// `content` is a few dozen bytes.
fn chunk(image: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or_default();
    image.extend_from_slice(&length.to_be_bytes());
    let named: Vec<u8> = kind.iter().chain(content).copied().collect();
    image.extend_from_slice(&named);
    image.extend_from_slice(&crc32(&named).to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (one, two) = bytes.iter().fold((1_u32, 0_u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    (two << 16) | one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of both algorithms: CRC-32/ISO-HDLC of "123456789", and RFC 1950's of "Wikipedia".
    #[test]
    fn checksums_are_those_of_the_specifications() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn an_image_follows_from_its_source() {
        assert_eq!(one_pixel("a"), one_pixel("a"));
        assert_ne!(one_pixel("a"), one_pixel("b"));
    }
}
