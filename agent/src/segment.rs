//! The form of a journal on disk: segments of records, each of which can be checked alone.
//!
//! A segment begins with a head of 256 bytes: magic, version, checksum (8), the first record's
//! number (8), both streams' offsets (16), tails (8) and digests (208) before it. A record is a
//! header of 56 bytes and its output: magic (4), length (4), checksum (8), number (8), both
//! streams' offsets before it (16), time (8), stream (1), length and bytes of the tail (4), 3 zeros.
//! Numbers are little-endian; a checksum is over everything behind it, and a record's length.

use crate::digest::{Digest, SAVED};
use crate::record::{RecordHeader, Stream, Tail, MAX_RECORD};
use std::convert::TryInto;

/// Bytes before the first record.
pub const SEGMENT_HEAD: usize = 256;
/// Bytes before a record's output.
pub const STORED_HEADER: usize = 56;

const HEAD_MAGIC: [u8; 4] = *b"CjS1";
/// Not a byte of text, so that damage is passed over quickly.
const RECORD_MAGIC: [u8; 4] = [0xf7, b'C', b'j', 0xfb];

/// A checksum of two parts that sees every change of up to eight neighbouring bytes, and others
/// but for one in 2^64. No defence against intent: whoever can write the files can write anything.
pub fn checksum(seed: u64, parts: [&[u8]; 2]) -> u64 {
    const LANES: usize = 8;
    const PRIME: u64 = 0x9e37_79b1_85eb_ca87;
    let step = |lane: u64, word: u64| (lane.rotate_left(27) ^ word).wrapping_mul(PRIME);
    let mut lanes = [0; LANES];
    lanes.iter_mut().enumerate().for_each(|(index, lane)| *lane = seed ^ (index as u64 + 1).wrapping_mul(PRIME));
    for part in parts {
        let mut whole = part.chunks_exact(8 * LANES);
        for chunk in &mut whole {
            for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
                *lane = step(*lane, u64::from_le_bytes(word.try_into().unwrap_or_default()));
            }
        }
        for (lane, word) in lanes.iter_mut().zip(whole.remainder().chunks(8)) {
            let mut last = [0; 8];
            last[..word.len()].copy_from_slice(word);
            *lane = step(*lane, u64::from_le_bytes(last));
        }
        lanes[LANES - 1] = step(lanes[LANES - 1], part.len() as u64);
    }
    let sum = lanes.iter().fold(0, |sum, lane| step(sum, *lane));
    sum ^ sum >> 32
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn put_tail(out: &mut [u8], tail: &Tail) {
    let bytes = tail.as_slice();
    out[0] = bytes.len() as u8;
    out[1..1 + bytes.len()].copy_from_slice(bytes);
}

fn tail_at(bytes: &[u8]) -> Option<Tail> {
    let length = usize::from(*bytes.first()?);
    Tail::from_slice(bytes.get(1..1 + length)?)
}

/// Where a segment begins.
pub struct SegmentHead {
    pub first_seq: u64,
    pub offsets: [u64; 2],
    pub tails: [Tail; 2],
    /// None where they were not known any more.
    pub digests: Option<[Digest; 2]>,
}

impl SegmentHead {
    pub fn encode(&self) -> [u8; SEGMENT_HEAD] {
        let mut out = [0; SEGMENT_HEAD];
        out[..4].copy_from_slice(&HEAD_MAGIC);
        out[4] = 1;
        out[5] = self.digests.is_some().into();
        out[16..24].copy_from_slice(&self.first_seq.to_le_bytes());
        for index in 0..2 {
            out[24 + 8 * index..32 + 8 * index].copy_from_slice(&self.offsets[index].to_le_bytes());
            put_tail(&mut out[40 + 4 * index..44 + 4 * index], &self.tails[index]);
            if let Some(digests) = &self.digests {
                out[48 + SAVED * index..48 + SAVED * (index + 1)].copy_from_slice(&digests[index].save());
            }
        }
        let sum = checksum(u64::from(out[5]), [&out[16..], &[]]);
        out[8..16].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// The head at the front of a segment; none where it is damaged.
    pub fn decode(bytes: &[u8]) -> Option<SegmentHead> {
        let head = bytes.get(..SEGMENT_HEAD)?;
        let intact = head[..4] == HEAD_MAGIC && head[4] == 1 && number(head, 8) == checksum(u64::from(head[5]), [&head[16..], &[]]);
        let saved = |index: usize| head[48 + SAVED * index..48 + SAVED * (index + 1)].try_into().ok().map(Digest::load);
        if !intact {
            return None;
        }
        Some(SegmentHead {
            first_seq: number(head, 16),
            offsets: [number(head, 24), number(head, 32)],
            tails: [tail_at(&head[40..44])?, tail_at(&head[44..48])?],
            digests: if head[5] == 1 { Some([saved(0)?, saved(1)?]) } else { None },
        })
    }
}

/// A record as it stands on disk, without its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub header: RecordHeader,
    pub stream: Stream,
    /// Bytes of both streams before it.
    pub before: [u64; 2],
    /// Bytes of output.
    pub length: usize,
}

impl Stored {
    /// The header of a record whose output is `bytes`.
    pub fn encode(header: &RecordHeader, stream: Stream, before: &[u64; 2], bytes: &[u8]) -> [u8; STORED_HEADER] {
        let mut out = [0; STORED_HEADER];
        let length = (bytes.len() as u32).to_le_bytes();
        out[..4].copy_from_slice(&RECORD_MAGIC);
        out[4..8].copy_from_slice(&length);
        out[16..24].copy_from_slice(&header.seq.to_le_bytes());
        out[24..32].copy_from_slice(&before[0].to_le_bytes());
        out[32..40].copy_from_slice(&before[1].to_le_bytes());
        out[40..48].copy_from_slice(&header.time_us.to_le_bytes());
        out[48] = stream.index() as u8;
        put_tail(&mut out[49..53], &header.tail);
        let sum = checksum(bytes.len() as u64, [&out[16..], bytes]);
        out[8..16].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Bytes of the whole record.
    pub fn size(&self) -> usize {
        STORED_HEADER + self.length
    }

    /// Where both streams stand behind it.
    pub fn after(&self) -> [u64; 2] {
        let mut after = self.before;
        after[self.stream.index()] += self.length as u64;
        after
    }
}

/// What stands at the front of some bytes of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Record(Stored),
    /// The beginning of what may be a record: more bytes are needed.
    Partial,
    Damage,
}

/// Reads the record at the front of `bytes`.
pub fn decode(bytes: &[u8]) -> Found {
    let known = bytes.len().min(RECORD_MAGIC.len());
    if bytes[..known] != RECORD_MAGIC[..known] {
        return Found::Damage;
    }
    let header = match bytes.get(..STORED_HEADER) {
        Some(header) => header,
        None => return Found::Partial,
    };
    let length = number(header, 4) as u32 as usize;
    if length == 0 || length > MAX_RECORD {
        return Found::Damage;
    }
    let output = match bytes.get(STORED_HEADER..STORED_HEADER + length) {
        Some(output) => output,
        None => return Found::Partial,
    };
    if number(header, 8) != checksum(length as u64, [&header[16..], output]) {
        return Found::Damage;
    }
    let (stream, tail) = match (Stream::BOTH.get(usize::from(header[48])), tail_at(&header[49..53])) {
        (Some(stream), Some(tail)) => (*stream, tail),
        _ => return Found::Damage,
    };
    let before = [number(header, 24), number(header, 32)];
    // No process prints as much, and sums stay far from their end.
    if before.iter().any(|offset| *offset >= 1 << 62) {
        return Found::Damage;
    }
    let header = RecordHeader { seq: number(header, 16), offset: before[stream.index()], time_us: number(header, 40), tail };
    Found::Record(Stored { header, stream, before, length })
}

/// How far behind `from` the next record may begin; none where it does not in these bytes.
pub fn resync(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let at = rest.windows(RECORD_MAGIC.len()).position(|window| window == RECORD_MAGIC)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let tail = Tail::from_slice(b"\xe2\x82").unwrap_or_default();
        let header = RecordHeader { seq: 7, offset: 40, time_us: 5, tail };
        let mut bytes = Stored::encode(&header, Stream::Stderr, &[30, 40], b"some output").to_vec();
        bytes.extend_from_slice(b"some output");
        bytes
    }

    #[test]
    fn a_record_reads_back_and_waits_for_its_last_byte() {
        let bytes = sample();
        match decode(&bytes) {
            Found::Record(stored) => {
                assert_eq!((stored.header.seq, stored.before, stored.stream), (7, [30, 40], Stream::Stderr));
                assert_eq!((stored.header.offset, stored.after(), stored.size()), (40, [30, 51], bytes.len()));
                assert_eq!(stored.header.tail.as_slice(), b"\xe2\x82");
            }
            other => panic!("{:?}", other),
        }
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), Found::Partial, "cut at {}", cut);
        }
    }

    #[test]
    fn every_flipped_bit_of_a_record_or_head_is_seen() {
        let bytes = sample();
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(decode(&damaged), Found::Record(_)), "bit {}", bit);
        }
        let digests = Some([Digest::default(), Digest::default()]);
        let head = SegmentHead { first_seq: 9, offsets: [1, 2], tails: [Tail::default(); 2], digests }.encode();
        assert!(SegmentHead::decode(&head).map_or(false, |head| head.first_seq == 9 && head.offsets == [1, 2]));
        for bit in (0..8 * head.len()).filter(|bit| !(48..64).contains(bit)) {
            let mut damaged = head;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHead::decode(&damaged).is_none(), "bit {}", bit);
        }
    }

    #[test]
    fn behind_damage_the_next_record_is_found() {
        let mut bytes = b"damage".to_vec();
        bytes.extend_from_slice(&sample());
        assert_eq!(decode(&bytes), Found::Damage);
        assert_eq!(resync(&bytes, 1), Some(6));
        assert_eq!(resync(&bytes, 7), None);
    }
}
