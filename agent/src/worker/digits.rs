//! Base64, for names that are no text.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity((bytes.len() + 2) / 3 * 4);
    for part in bytes.chunks(3) {
        let group = part.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for index in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= part.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// None where it is not base64 with its padding.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if bytes.len() % 4 != 0 {
        return None;
    }
    let end = bytes.iter().position(|byte| *byte == b'=').unwrap_or(bytes.len());
    if bytes.len() - end > 2 || bytes[end..].iter().any(|byte| *byte != b'=') {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for part in bytes[..end].chunks(4) {
        let mut group = 0u32;
        for byte in part {
            group = group << 6 | ALPHABET.iter().position(|digit| digit == byte)? as u32;
        }
        group <<= 6 * (4 - part.len());
        out.extend_from_slice(&group.to_be_bytes()[1..part.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_base64_and_what_is_none_is_refused() {
        for length in 0..80u8 {
            let bytes: Vec<u8> = (0..length).map(|at| at.wrapping_mul(89)).collect();
            assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }
        assert_eq!(to_base64(b"\xff\n"), "/wo=");
        for bad in ["a", "a===", "ab=c", "====", "a!bc", "ab\n="] {
            assert_eq!(from_base64(bad), None, "{}", bad);
        }
    }
}
