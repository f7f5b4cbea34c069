//! SHA-256 that can be put away and gone on with, so that a digest covers bytes that are long gone.

use sha2::compress256;
use sha2::digest::generic_array::{typenum::U64, GenericArray};
use std::convert::TryInto;

const BLOCK: usize = 64;
/// Bytes of a digest that is put away.
pub const SAVED: usize = 104;

const START: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The digest of what a stream has printed so far.
#[derive(Clone)]
pub struct Digest {
    state: [u32; 8],
    length: u64,
    /// The bytes behind the last whole block.
    rest: [u8; BLOCK],
}

impl Default for Digest {
    fn default() -> Self {
        Digest { state: START, length: 0, rest: [0; BLOCK] }
    }
}

fn blocks(bytes: &[u8]) -> &[GenericArray<u8, U64>] {
    // SAFETY: an array of 64 bytes has their layout, and only whole ones are counted.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / BLOCK) }
}

impl Digest {
    fn held(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        let held = self.held();
        self.length += bytes.len() as u64;
        if held > 0 {
            let taken = bytes.len().min(BLOCK - held);
            self.rest[held..held + taken].copy_from_slice(&bytes[..taken]);
            if held + taken < BLOCK {
                return;
            }
            compress256(&mut self.state, blocks(&self.rest));
            bytes = &bytes[taken..];
        }
        compress256(&mut self.state, blocks(bytes));
        let rest = &bytes[bytes.len() - bytes.len() % BLOCK..];
        self.rest[..rest.len()].copy_from_slice(rest);
    }

    /// The digest as lower-case hexadecimal.
    pub fn hex(&self) -> String {
        let (mut state, held) = (self.state, self.held());
        let mut last = [0; 2 * BLOCK];
        last[..held].copy_from_slice(&self.rest[..held]);
        last[held] = 0x80;
        let end = if held < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        last[end - 8..end].copy_from_slice(&(self.length * 8).to_be_bytes());
        compress256(&mut state, blocks(&last[..end]));
        let bytes: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
        hex(&bytes)
    }

    pub fn save(&self) -> [u8; SAVED] {
        let mut out = [0; SAVED];
        out[..8].copy_from_slice(&self.length.to_le_bytes());
        for (place, word) in out[8..40].chunks_exact_mut(4).zip(&self.state) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let held = self.held();
        out[40..40 + held].copy_from_slice(&self.rest[..held]);
        out
    }

    pub fn load(saved: &[u8; SAVED]) -> Digest {
        let mut digest = Digest::default();
        digest.length = u64::from_le_bytes(saved[..8].try_into().unwrap_or_default());
        for (word, place) in digest.state.iter_mut().zip(saved[8..40].chunks_exact(4)) {
            *word = u32::from_le_bytes(place.try_into().unwrap_or_default());
        }
        digest.rest.copy_from_slice(&saved[40..]);
        digest
    }
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> String {
        let mut digest = Digest::default();
        digest.update(bytes);
        digest.hex()
    }

    #[test]
    fn known_texts_have_their_known_digests() {
        assert_eq!(of(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let long = of(&vec![b'a'; 1_000_000]);
        assert_eq!(long, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    #[test]
    fn any_cut_with_the_digest_put_away_between_gives_the_same() {
        let bytes: Vec<u8> = (0..300u32).map(|number| (number * 7) as u8).collect();
        for cut in 0..bytes.len() {
            let mut digest = Digest::default();
            digest.update(&bytes[..cut]);
            let mut digest = Digest::load(&digest.save());
            digest.update(&bytes[cut..]);
            assert_eq!(digest.hex(), of(&bytes), "cut at {}", cut);
        }
    }
}
