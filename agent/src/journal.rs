//! A process's output in memory: records in order, the oldest dropped first.

use crate::record::{RecordHeader, Stream, Tail};
use std::collections::VecDeque;

/// What a record costs beside its bytes.
const OVERHEAD: usize = 128;
/// Places remembered about records that are gone.
const MAX_MARKS: usize = 128;

pub struct Record {
    pub stream: Stream,
    pub header: RecordHeader,
    pub bytes: Vec<u8>,
}

impl Record {
    fn cost(&self) -> usize {
        self.bytes.capacity() + OVERHEAD
    }
}

/// Where both streams stood when a record was about to come.
#[derive(Clone, Copy)]
struct Mark {
    seq: u64,
    offsets: [u64; 2],
}

/// What a reader cannot have any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from_seq: u64,
    pub to_seq: u64,
    /// Bytes of stdout and stderr in it.
    pub bytes: [u64; 2],
}

pub struct Journal {
    records: VecDeque<Record>,
    next_seq: u64,
    offsets: [u64; 2],
    tails: [Tail; 2],
    cost: usize,
    /// What all records together that were dropped held.
    dropped: [u64; 2],
    /// At every `stride`-th dropped record; thinned out, so that they stay few.
    marks: Vec<Mark>,
    stride: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            records: VecDeque::new(),
            next_seq: 1,
            offsets: [0; 2],
            tails: [Tail::default(); 2],
            cost: 0,
            dropped: [0; 2],
            marks: Vec::new(),
            stride: 1,
        }
    }
}

impl Journal {
    /// The sequence number of what comes next.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The sequence number of the oldest record that is kept.
    pub fn first_seq(&self) -> u64 {
        self.records.front().map_or(self.next_seq, |record| record.header.seq)
    }

    /// Bytes printed so far on a stream.
    pub fn printed(&self, stream: Stream) -> u64 {
        self.offsets[stream.index()]
    }

    /// Bytes of memory in use.
    pub fn cost(&self) -> usize {
        self.cost
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a record; gives what it costs.
    pub fn append(&mut self, stream: Stream, bytes: Vec<u8>, time_us: u64) -> usize {
        let index = stream.index();
        let header = RecordHeader { seq: self.next_seq, offset: self.offsets[index], time_us, tail: self.tails[index] };
        self.next_seq += 1;
        self.offsets[index] += bytes.len() as u64;
        self.tails[index] = self.tails[index].after(&bytes);
        let record = Record { stream, header, bytes };
        let cost = record.cost();
        self.cost += cost;
        self.records.push_back(record);
        cost
    }

    /// The records from this one on.
    pub fn read_from(&self, seq: u64) -> impl Iterator<Item = &Record> {
        let skip = seq.saturating_sub(self.first_seq()) as usize;
        self.records.range(skip.min(self.records.len())..)
    }

    /// Drops the oldest record and gives it for its memory to be used again.
    pub fn drop_oldest(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.cost -= record.cost();
        if record.header.seq % self.stride == 0 {
            self.marks.push(Mark { seq: record.header.seq, offsets: self.dropped });
            if self.marks.len() >= MAX_MARKS {
                self.stride *= 2;
                let stride = self.stride;
                self.marks.retain(|mark| mark.seq % stride == 0);
            }
        }
        self.dropped[record.stream.index()] += record.bytes.len() as u64;
        Some(record)
    }

    /// What of the records from `seq` on is gone. Its bytes are exact from the start and for the
    /// latest drops; else they count from the nearest earlier record that is still remembered.
    pub fn gap_from(&self, seq: u64) -> Option<Gap> {
        let first = self.first_seq();
        if seq >= first {
            return None;
        }
        let mark = self.marks.iter().rev().find(|mark| mark.seq <= seq);
        let before = mark.map_or([0; 2], |mark| mark.offsets);
        let bytes = [self.dropped[0] - before[0], self.dropped[1] - before[1]];
        Some(Gap { from_seq: seq, to_seq: first - 1, bytes })
    }

    /// Ends the journal: no record follows, and the end's own sequence number is the next one.
    pub fn end(&mut self) -> u64 {
        self.records.shrink_to_fit();
        self.next_seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(records: u64) -> Journal {
        let mut journal = Journal::default();
        for index in 0..records {
            let stream = if index % 3 == 0 { Stream::Stderr } else { Stream::Stdout };
            journal.append(stream, vec![b'x'; 10], index);
        }
        journal
    }

    #[test]
    fn sequence_numbers_are_dense_and_offsets_count_each_stream() {
        let journal = journal(7);
        let seen: Vec<(u64, u64)> = journal.read_from(1).map(|r| (r.header.seq, r.header.offset)).collect();
        assert_eq!(seen, vec![(1, 0), (2, 0), (3, 10), (4, 10), (5, 20), (6, 30), (7, 20)]);
        assert_eq!(journal.read_from(6).count(), 2);
        assert_eq!(journal.read_from(8).count(), 0);
        assert_eq!((journal.printed(Stream::Stdout), journal.printed(Stream::Stderr)), (40, 30));
    }

    #[test]
    fn a_gap_from_the_start_is_exact_and_none_is_told_for_what_is_kept() {
        let mut journal = journal(7);
        let before = journal.cost();
        assert!(journal.drop_oldest().is_some() && journal.drop_oldest().is_some());
        assert!(journal.cost() < before);
        assert_eq!(journal.gap_from(1), Some(Gap { from_seq: 1, to_seq: 2, bytes: [10, 10] }));
        assert_eq!(journal.gap_from(2), Some(Gap { from_seq: 2, to_seq: 2, bytes: [10, 0] }));
        assert_eq!(journal.gap_from(3), None);
        assert_eq!(journal.read_from(1).next().map(|record| record.header.seq), Some(3));
    }

    #[test]
    fn what_is_remembered_of_dropped_records_stays_small_and_a_gap_never_tells_too_few_bytes() {
        let mut journal = journal(50_000);
        while journal.records.len() > 1 {
            journal.drop_oldest();
        }
        assert!(journal.marks.len() < MAX_MARKS);
        let all = journal.gap_from(1).map(|gap| gap.bytes[0] + gap.bytes[1]);
        assert_eq!(all, Some(499_990));
        let later = journal.gap_from(30_000).map(|gap| gap.bytes[0] + gap.bytes[1]);
        assert!(later >= Some(200_000) && later < Some(215_000), "{:?}", later);
    }
}
