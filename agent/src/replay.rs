//! Records read back from files. What stands there is checked, and damage passed over: whoever
//! reads on finds the next record that is whole.

use crate::files::{self, ControlDir};
use crate::journal::{Journal, Segment};
use crate::segment::{self, Found, Stored, SEGMENT_HEAD, STORED_HEADER};
use std::ops::Range;

/// Bytes read at once.
pub const CHUNK: usize = 256 * 1024;
/// Records found at once.
const BATCH: usize = 128;
/// Bytes that are gone over without a record before others have their turn.
const MAX_SCAN: u64 = 4 << 20;
/// Bytes at the end of a chunk in which a record may have begun unseen.
const OVERLAP: usize = 3;

/// A place in a process's files; number 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub number: u32,
    pub at: u64,
}

/// A record that was found, its output in the buffer, and the place behind it.
#[derive(Clone, Debug)]
pub struct Replayed {
    pub stored: Stored,
    pub bytes: Range<usize>,
    pub end: Place,
}

/// What one look at the files gave.
#[derive(Debug, Default)]
pub struct Replay {
    pub records: Vec<Replayed>,
    /// Where to go on if there are none.
    pub place: Place,
    /// Not all that is there was looked at.
    pub more: bool,
    /// Where both streams stood behind the last record before the one looked for, as far as it was seen.
    pub before: Option<[u64; 2]>,
}

/// The segment in which a record is looked for, as an index, and where in it.
fn place_of(journal: &Journal, seq: u64, place: Place) -> (usize, u64) {
    if let Some(index) = journal.segments.iter().position(|segment| segment.number == place.number && segment.first_seq <= seq) {
        return (index, place.at);
    }
    let behind = journal.segments.iter().position(|segment| segment.first_seq > seq).unwrap_or(journal.segments.len());
    (behind.saturating_sub(1), SEGMENT_HEAD as u64)
}

/// Reads records from `seq` on, from the place where it is supposed to stand.
pub fn replay(control: &ControlDir, id: &str, journal: &Journal, seq: u64, place: Place, buffer: &mut Vec<u8>) -> Replay {
    let (mut index, mut at) = place_of(journal, seq, place);
    let mut result = Replay::default();
    let mut scanned = 0;
    while let Some(segment) = journal.segments.get(index) {
        result.place = Place { number: segment.number, at };
        if at == SEGMENT_HEAD as u64 {
            result.before = Some(segment.offsets);
        }
        let file = if at < segment.length { control.open_segment(id, segment.number).ok() } else { None };
        if let Some(file) = file {
            while at < segment.length && result.records.is_empty() {
                if scanned >= MAX_SCAN {
                    result.more = true;
                    return result;
                }
                let limit = CHUNK.min((segment.length - at) as usize);
                let got = match files::pread_into(&file, buffer, limit, at) {
                    Ok(got) if got > 0 => got,
                    _ => break,
                };
                let to_end = at + got as u64 >= segment.length || got < limit;
                let used = collect(buffer, to_end, seq, segment, Place { number: segment.number, at }, &mut result);
                at += used as u64;
                scanned += used as u64;
                if result.records.is_empty() {
                    result.place.at = at;
                }
            }
        }
        if !result.records.is_empty() {
            return result;
        }
        index += 1;
        at = SEGMENT_HEAD as u64;
    }
    result
}

/// Takes the records of a chunk that begins at `place`; gives how many bytes are done with.
fn collect(buffer: &[u8], to_end: bool, seq: u64, segment: &Segment, place: Place, result: &mut Replay) -> usize {
    let mut at = 0;
    let mut least = 0;
    while at < buffer.len() && result.records.len() < BATCH {
        match segment::decode(&buffer[at..]) {
            Found::Record(stored) => {
                let start = at + STORED_HEADER;
                at += stored.size();
                let fits = stored.header.seq >= least.max(segment.first_seq) && stored.header.seq < segment.until;
                if fits && stored.header.seq >= seq {
                    let end = Place { number: place.number, at: place.at + at as u64 };
                    result.records.push(Replayed { stored, bytes: start..at, end });
                } else if fits {
                    result.before = Some(stored.after());
                }
                least = if fits { stored.header.seq + 1 } else { least };
            }
            Found::Partial if !to_end && at > 0 => return at,
            Found::Partial | Found::Damage => match segment::resync(buffer, at + 1) {
                Some(next) => at = next,
                None if to_end => return buffer.len(),
                None => return buffer.len().saturating_sub(OVERLAP).max(at + 1),
            },
        }
    }
    at
}
