//! The header of a piece of output: where it stands in the journal and in its stream.

use crate::frame::{self, Kind};
use std::convert::TryInto;

/// Bytes of a record's header, after the frame's own.
pub const RECORD_HEADER: usize = 28;
/// Most bytes of output in one record.
pub const MAX_RECORD: usize = 64 * 1024;
/// Bytes of both headers together.
pub const RECORD_FRAME_HEADER: usize = frame::HEADER + RECORD_HEADER;

/// The two streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub const BOTH: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

    pub fn index(self) -> usize {
        match self {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Stream::Stdout => Kind::Stdout,
            Stream::Stderr => Kind::Stderr,
        }
    }
}

/// The incomplete UTF-8 sequence at the end of what a stream printed so far: 0 to 3 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    length: u8,
    bytes: [u8; 3],
}

impl Tail {
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length.min(3))]
    }

    /// A tail of these bytes; none when they are more than three.
    pub fn from_slice(bytes: &[u8]) -> Option<Tail> {
        let mut tail = Tail::default();
        tail.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        tail.length = bytes.len() as u8;
        Some(tail)
    }

    /// The tail after `more` has followed this one.
    pub fn after(&self, more: &[u8]) -> Tail {
        let mut window = [0u8; 6];
        let recent = &more[more.len().saturating_sub(3)..];
        let kept = if more.len() >= 3 { &[][..] } else { self.as_slice() };
        let length = kept.len() + recent.len();
        window[..kept.len()].copy_from_slice(kept);
        window[kept.len()..length].copy_from_slice(recent);
        let seen = &window[..length];
        Tail::from_slice(&seen[length - incomplete(seen)..]).unwrap_or_default()
    }
}

/// How many of the last bytes begin a UTF-8 character that they do not finish.
fn incomplete(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let start = bytes.len() - back;
        let needed = match bytes[start] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        if needed <= back {
            return 0;
        }
        // A prefix that no continuation can make valid is an error now, not an unfinished character.
        return match std::str::from_utf8(&bytes[start..]) {
            Err(error) if error.error_len().is_none() => back,
            _ => 0,
        };
    }
    0
}

/// What stands before a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    pub seq: u64,
    /// Bytes of this stream before the record.
    pub offset: u64,
    /// Unix time in microseconds.
    pub time_us: u64,
    pub tail: Tail,
}

impl RecordHeader {
    /// The frame's header and the record's, for `length` bytes of output.
    pub fn encode(&self, stream: Stream, length: usize) -> [u8; RECORD_FRAME_HEADER] {
        let mut out = [0u8; RECORD_FRAME_HEADER];
        out[..5].copy_from_slice(&frame::header(stream.kind(), RECORD_HEADER + length));
        out[5..13].copy_from_slice(&self.seq.to_le_bytes());
        out[13..21].copy_from_slice(&self.offset.to_le_bytes());
        out[21..29].copy_from_slice(&self.time_us.to_le_bytes());
        out[29] = self.tail.length;
        out[30..33].copy_from_slice(&self.tail.bytes);
        out
    }

    /// Splits a payload into header and bytes; none where it is no record.
    pub fn decode(payload: &[u8]) -> Option<(RecordHeader, &[u8])> {
        if payload.len() > RECORD_HEADER + MAX_RECORD {
            return None;
        }
        let number = |at: usize| {
            let part = payload.get(at..at + 8)?;
            Some(u64::from_le_bytes(part.try_into().ok()?))
        };
        let length = usize::from(*payload.get(24)?);
        if length > 3 {
            return None;
        }
        let tail = Tail::from_slice(payload.get(25..25 + length)?)?;
        let bytes = payload.get(RECORD_HEADER..)?;
        let header = RecordHeader { seq: number(0)?, offset: number(8)?, time_us: number(16)?, tail };
        Some((header, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of(bytes: &[u8]) -> Vec<u8> {
        Tail::default().after(bytes).as_slice().to_vec()
    }

    #[test]
    fn the_tail_is_what_a_decoder_would_hold_back() {
        assert_eq!(tail_of(b"abc"), b"");
        assert_eq!(tail_of("a\u{e9}".as_bytes()), b"");
        assert_eq!(tail_of(b"a\xc3"), b"\xc3");
        assert_eq!(tail_of(b"a\xe2\x82"), b"\xe2\x82");
        assert_eq!(tail_of(b"a\xf0\x9f\x98"), b"\xf0\x9f\x98");
        assert_eq!(tail_of(b"\xff"), b"");
        assert_eq!(tail_of(b"\x80\x80\x80"), b"");
        assert_eq!(tail_of(b"\xe0\x80"), b"", "an overlong form can never become valid");
        assert_eq!(tail_of(b"\xed\xa0"), b"", "nor can a surrogate");
        assert_eq!(tail_of(b"\xf4\x90"), b"", "nor what is beyond the last character");
    }

    #[test]
    fn cutting_a_stream_anywhere_gives_the_same_text() {
        let whole = "a\u{e9}\u{20ac}\u{1f600}z".as_bytes().to_vec();
        let mut bytes = whole.clone();
        bytes.extend_from_slice(b"\xf0\x9f\xff\xe2\x82ok\xed\xa0\x80\xc3");
        let expected = String::from_utf8_lossy(&bytes).into_owned();
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let mut tail = Tail::default();
                let mut text = String::new();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                for (index, piece) in pieces.iter().enumerate() {
                    let mut part = tail.as_slice().to_vec();
                    part.extend_from_slice(piece);
                    tail = tail.after(piece);
                    let held = if index == 2 { 0 } else { tail.as_slice().len() };
                    text.push_str(&String::from_utf8_lossy(&part[..part.len() - held]));
                }
                assert_eq!(text, expected, "cut at {} and {}", first, second);
            }
        }
    }
}
