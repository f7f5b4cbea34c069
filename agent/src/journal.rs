//! A process's output: its latest records in memory, and what is known of those in files.

use crate::digest::Digest;
use crate::record::{RecordHeader, Stream, Tail};
use crate::segment::SegmentHead;
use std::collections::VecDeque;
use std::os::unix::io::OwnedFd;

/// What a record costs in memory beside its bytes.
const OVERHEAD: usize = 128;
/// Places remembered about records that are gone.
const MAX_MARKS: usize = 128;

pub struct Record {
    pub stream: Stream,
    pub header: RecordHeader,
    /// Bytes of both streams before it.
    pub before: [u64; 2],
    pub bytes: Vec<u8>,
}

impl Record {
    fn cost(&self) -> usize {
        self.bytes.capacity() + OVERHEAD
    }

    /// Where both streams stand behind it.
    pub fn after(&self) -> [u64; 2] {
        let mut after = self.before;
        after[self.stream.index()] += self.bytes.len() as u64;
        after
    }
}

/// One file of a journal, and which records are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub number: u32,
    pub first_seq: u64,
    pub offsets: [u64; 2],
    /// The number behind its last record, and the offsets there.
    pub until: u64,
    pub until_offsets: [u64; 2],
    /// Bytes of the file.
    pub length: u64,
}

/// Where both streams stood when a record was about to come.
#[derive(Clone, Copy)]
struct Mark {
    seq: u64,
    offsets: [u64; 2],
}

pub struct Journal {
    /// The latest ones, without a hole. All that are not in files are among them.
    records: VecDeque<Record>,
    next_seq: u64,
    offsets: [u64; 2],
    tails: [Tail; 2],
    /// Of what is before `written`, so that a segment can begin with them; none where an earlier
    /// agent's files did not tell.
    digests: Option<[Digest; 2]>,
    cost: usize,
    /// Records before this one are in files, or lost.
    written: u64,
    /// Bytes of output that are not in files yet.
    pub unwritten: usize,
    /// Monotonic time at which the first of them came.
    pub unwritten_since: u64,
    pub segments: VecDeque<Segment>,
    /// The last segment's file, while records may still be added to it.
    pub file: Option<OwnedFd>,
    pub next_number: u32,
    /// The file of a segment that went, for the next one: its memory need not be found anew.
    pub spare: Option<u32>,
    /// Bytes of all segments.
    pub disk_bytes: u64,
    /// The greatest number that a reader has taken all records before of.
    pub taken: u64,
    /// Bytes of output that are not kept any more.
    gap_bytes: u64,
    /// Some of the places where what is gone began; thinned out, so that they stay few.
    marks: Vec<Mark>,
    stride: u64,
    noted: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Journal {
            records: VecDeque::new(),
            next_seq: 1,
            offsets: [0; 2],
            tails: [Tail::default(); 2],
            digests: Some(Default::default()),
            cost: 0,
            written: 1,
            unwritten: 0,
            unwritten_since: 0,
            segments: VecDeque::new(),
            file: None,
            next_number: 1,
            spare: None,
            disk_bytes: 0,
            taken: 1,
            gap_bytes: 0,
            marks: Vec::new(),
            stride: 1,
            noted: 0,
        }
    }
}

impl Journal {
    /// The journal that an earlier agent left, which nothing is added to.
    pub fn recovered(next_seq: u64, offsets: [u64; 2], segments: VecDeque<Segment>, gap_bytes: u64) -> Journal {
        let disk_bytes = segments.iter().map(|segment| segment.length).sum();
        let evicted: u64 = segments.front().map_or(offsets, |first| first.offsets).iter().sum();
        let gap_bytes = gap_bytes.max(evicted);
        Journal { next_seq, offsets, digests: None, written: next_seq, segments, disk_bytes, gap_bytes, ..Journal::default() }
    }

    /// The sequence number of what comes next.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Bytes of both streams so far.
    pub fn offsets(&self) -> [u64; 2] {
        self.offsets
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

    pub fn gap_bytes(&self) -> u64 {
        self.gap_bytes
    }

    pub fn tail(&self, stream: Stream) -> Tail {
        self.tails[stream.index()]
    }

    /// The digest of all that a stream printed, in hexadecimal.
    pub fn digest(&self, stream: Stream) -> Option<String> {
        let mut digest = self.digests.as_ref()?[stream.index()].clone();
        self.read_from(self.written).filter(|record| record.stream == stream).for_each(|record| digest.update(&record.bytes));
        Some(digest.hex())
    }

    /// The number of the first record that is not in files.
    pub fn written(&self) -> u64 {
        self.written
    }

    pub fn is_written(&self) -> bool {
        self.written >= self.next_seq
    }

    /// The oldest record in memory, or what comes next: its number, and the offsets there.
    pub fn memory_start(&self) -> (u64, [u64; 2]) {
        self.records.front().map_or((self.next_seq, self.offsets), |record| (record.header.seq, record.before))
    }

    /// The oldest record that is kept at all, in the same way.
    pub fn kept_start(&self) -> (u64, [u64; 2]) {
        self.segments.front().map_or_else(|| self.memory_start(), |segment| (segment.first_seq, segment.offsets))
    }

    /// A reader whose next record is before this one keeps the oldest part from being dropped.
    pub fn oldest_end(&self) -> u64 {
        self.segments.front().map_or_else(|| self.memory_start().0 + 1, |segment| segment.until)
    }

    /// Adds a record; gives what it costs.
    pub fn append(&mut self, stream: Stream, bytes: Vec<u8>, time_us: u64, now: u64) -> usize {
        let index = stream.index();
        let header = RecordHeader { seq: self.next_seq, offset: self.offsets[index], time_us, tail: self.tails[index] };
        let record = Record { stream, header, before: self.offsets, bytes };
        if self.unwritten == 0 {
            self.unwritten_since = now;
        }
        self.unwritten += record.bytes.len();
        self.next_seq += 1;
        self.offsets = record.after();
        self.tails[index] = self.tails[index].after(&record.bytes);
        let cost = record.cost();
        self.cost += cost;
        self.records.push_back(record);
        cost
    }

    /// The records in memory from this one on.
    pub fn read_from(&self, seq: u64) -> impl Iterator<Item = &Record> {
        let skip = seq.saturating_sub(self.memory_start().0) as usize;
        self.records.range(skip.min(self.records.len())..)
    }

    /// Notes that all records before `seq` are in files now, in the last segment, which has grown.
    pub fn note_written(&mut self, seq: u64, length: u64) {
        let until_offsets = self.read_from(seq).next().map_or(self.offsets, |record| record.before);
        let skip = self.written.saturating_sub(self.memory_start().0) as usize;
        for record in self.records.range(skip.min(self.records.len())..).take_while(|record| record.header.seq < seq) {
            if let Some(digests) = &mut self.digests {
                digests[record.stream.index()].update(&record.bytes);
            }
            self.unwritten -= record.bytes.len();
        }
        self.written = seq;
        if let Some(segment) = self.segments.back_mut() {
            segment.until = seq;
            segment.until_offsets = until_offsets;
            self.disk_bytes += length - segment.length;
            segment.length = length;
        }
    }

    /// The head of a segment that begins with the first record that is not in files.
    pub fn head(&self) -> SegmentHead {
        let first = self.read_from(self.written).next();
        let (first_seq, offsets) = first.map_or((self.next_seq, self.offsets), |record| (record.header.seq, record.before));
        let tail_of = |stream: Stream| {
            let next = self.read_from(self.written).find(|record| record.stream == stream);
            next.map_or(self.tails[stream.index()], |record| record.header.tail)
        };
        let digests = self.digests.clone();
        SegmentHead { first_seq, offsets, tails: [tail_of(Stream::Stdout), tail_of(Stream::Stderr)], digests }
    }

    /// Frees the oldest record in memory if it is in a file and its number is below `limit`.
    pub fn free_written(&mut self, limit: u64) -> Option<Record> {
        let seq = self.records.front()?.header.seq;
        if seq >= self.written || seq >= limit {
            return None;
        }
        let record = self.records.pop_front()?;
        self.cost -= record.cost();
        Some(record)
    }

    /// Drops the oldest record in memory and gives it for its memory to be used again.
    pub fn drop_oldest(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.cost -= record.cost();
        if record.header.seq >= self.written {
            self.written = record.header.seq + 1;
            self.unwritten -= record.bytes.len();
            self.gap_bytes += record.bytes.len() as u64;
            if let Some(digests) = &mut self.digests {
                digests[record.stream.index()].update(&record.bytes);
            }
            self.note_gone(record.header.seq, record.before);
        }
        Some(record)
    }

    /// Drops the oldest segment; gives its number.
    pub fn drop_segment(&mut self) -> Option<Segment> {
        let segment = self.segments.pop_front()?;
        if self.segments.is_empty() {
            self.file = None;
        }
        self.disk_bytes -= segment.length;
        self.gap_bytes += (0..2).map(|index| segment.until_offsets[index] - segment.offsets[index]).sum::<u64>();
        self.note_gone(segment.first_seq, segment.offsets);
        Some(segment)
    }

    fn note_gone(&mut self, seq: u64, offsets: [u64; 2]) {
        if self.noted % self.stride == 0 {
            self.marks.push(Mark { seq, offsets });
            if self.marks.len() >= MAX_MARKS {
                let mut index = 0;
                self.marks.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
        }
        self.noted += 1;
    }

    /// Where both streams stood before `seq`, a record that is gone: exact at the start and for the
    /// latest that went, else of the nearest earlier record that is still remembered.
    pub fn before_gone(&self, seq: u64) -> [u64; 2] {
        self.marks.iter().rev().find(|mark| mark.seq <= seq).map_or([0; 2], |mark| mark.offsets)
    }

    /// Ends the journal: no record follows.
    pub fn end(&mut self) {
        if let (Some(file), Some(last)) = (self.file.take(), self.segments.back()) {
            // A file that was used before may be longer.
            crate::files::truncate(&file, last.length);
        }
        self.records.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(records: u64) -> Journal {
        let mut journal = Journal::default();
        for index in 0..records {
            let stream = if index % 3 == 0 { Stream::Stderr } else { Stream::Stdout };
            journal.append(stream, vec![b'x'; 10], index, 0);
        }
        journal
    }

    fn bytes_gone(journal: &Journal, from: u64) -> u64 {
        let (before, now) = (journal.before_gone(from), journal.kept_start().1);
        now[0] + now[1] - before[0] - before[1]
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
    fn what_is_gone_from_the_start_is_counted_exactly() {
        let mut journal = journal(7);
        let before = journal.cost();
        assert!(journal.drop_oldest().is_some() && journal.drop_oldest().is_some());
        assert!(journal.cost() < before);
        assert_eq!((journal.kept_start(), journal.gap_bytes(), journal.unwritten), ((3, [10, 10]), 20, 50));
        assert_eq!((journal.before_gone(1), journal.before_gone(2)), ([0, 0], [0, 10]));
        assert_eq!(journal.read_from(1).next().map(|record| record.header.seq), Some(3));
    }

    #[test]
    fn what_is_remembered_of_dropped_records_stays_small_and_never_tells_too_few_bytes() {
        let mut journal = journal(50_000);
        while journal.records.len() > 1 {
            journal.drop_oldest();
        }
        assert!(journal.marks.len() < MAX_MARKS);
        assert_eq!(bytes_gone(&journal, 1), 499_990);
        let later = bytes_gone(&journal, 30_000);
        assert!((200_000..215_000).contains(&later), "{}", later);
    }

    #[test]
    fn written_records_are_freed_without_a_gap_and_unwritten_ones_are_not() {
        let mut journal = journal(5);
        assert!(journal.free_written(9).is_none());
        let first = Segment { number: 1, first_seq: 1, offsets: [0; 2], until: 1, until_offsets: [0; 2], length: 0 };
        journal.segments.push_back(first);
        journal.note_written(4, 500);
        assert_eq!((journal.segments[0].until_offsets, journal.unwritten, journal.disk_bytes), ([20, 10], 20, 500));
        while journal.free_written(3).is_some() {}
        assert_eq!((journal.memory_start().0, journal.kept_start().0, journal.gap_bytes()), (3, 1, 0));
        assert!(journal.drop_segment().is_some());
        assert_eq!((journal.kept_start(), journal.gap_bytes()), ((3, [10, 10]), 30));
    }
}
