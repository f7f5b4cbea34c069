//! From memory to files: what a journal has gathered is written before a reader sees it, before the
//! end is told, and after a while in any case.

use crate::agent::Agent;
use crate::clock::{MS, SECOND};
use crate::evict::Space;
use crate::files::{self, ControlDir};
use crate::journal::{Record, Segment};
use crate::process::Process;
use crate::rate::Bucket;
use crate::segment::{Stored, SEGMENT_HEAD, STORED_HEADER};
use crate::settings::Bounds;
use crate::slab::Key;
use crate::sys::{self, Errno};
use crate::timers::Timer;
use std::collections::VecDeque;

/// Bytes of output that gather before they are written.
pub const SPILL_BYTES: usize = 64 * 1024;
/// Milliseconds for which less than that gathers.
pub const SPILL_MS: u64 = 250;
/// Seconds until files that could not be written are tried again.
pub const RETRY_S: u64 = 1;
/// Bytes of a segment, where the bound of a process has room for eight of them.
const MAX_SEGMENT: u64 = 4 << 20;
/// The least that a segment holds before the next one begins.
const MIN_SEGMENT: u64 = 128 * 1024;
/// Memory of written records that are kept for a reader who is close behind.
const TAIL: usize = 384 * 1024;
/// Records in one write.
const BATCH: usize = 256;
/// Files removed in one turn of the loop.
const REMOVALS: usize = 16;

/// What all journals together have on disk.
pub struct Disk {
    /// None where there is no directory to write to.
    pub control: Option<ControlDir>,
    pub bounds: Bounds,
    pub bucket: Bucket,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Writes that failed.
    pub errors: u64,
    /// Nothing is written before this monotonic time, because the last try failed.
    pub failing_until: u64,
    /// Processes that have something to write.
    waiting: Vec<Key>,
    armed: bool,
    pub rate_armed: bool,
    /// Segments of forgotten processes that are still to be removed.
    doomed: VecDeque<(String, u32)>,
}

/// How a try to write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spilled {
    Done,
    /// Readers want what would have to go.
    Pinned,
    /// No reader has taken what would have to go, and the process waits for one.
    Untaken,
    Failed,
}

impl Disk {
    pub fn new(control: Option<ControlDir>, bounds: Bounds, now: u64) -> Disk {
        Disk {
            control,
            bounds,
            bucket: Bucket::new(bounds.rate, now),
            bytes: 0,
            errors: 0,
            failing_until: 0,
            waiting: Vec::new(),
            armed: false,
            rate_armed: false,
            doomed: VecDeque::new(),
        }
    }

    /// Whether what is in memory is all there will be for now.
    pub fn is_failing(&self, now: u64) -> bool {
        self.control.is_none() || now < self.failing_until
    }

    pub fn has_doomed(&self) -> bool {
        !self.doomed.is_empty()
    }

    fn segment_bytes(&self) -> u64 {
        (self.bounds.process / 8).clamp(MIN_SEGMENT, MAX_SEGMENT)
    }

    /// Leaves a process's segments to be removed later, a few in each turn.
    pub fn doom(&mut self, id: &str, segments: &VecDeque<Segment>, spare: Option<u32>) {
        self.bytes = self.bytes.saturating_sub(segments.iter().map(|segment| segment.length).sum());
        self.doomed.extend(spare.map(|number| (id.to_string(), number)));
        self.doomed.extend(segments.iter().map(|segment| (id.to_string(), segment.number)));
    }

    pub fn remove_doomed(&mut self, most: usize) {
        for _ in 0..most.min(self.doomed.len()) {
            if let (Some(control), Some((id, number))) = (&self.control, self.doomed.pop_front()) {
                control.remove_segment(&id, number);
            }
        }
        if self.doomed.is_empty() {
            self.doomed = VecDeque::new();
        }
    }

    /// Removes some of what is left to remove.
    pub fn tidy(&mut self) {
        self.remove_doomed(REMOVALS);
    }
}

/// Writes records that are not in files yet to the last segment, or to a new one; gives how many bytes.
fn write_some(disk: &Disk, process: &mut Process) -> Result<u64, Errno> {
    let control = disk.control.as_ref().ok_or(libc::ENOTDIR)?;
    let journal = &mut process.journal;
    let most = disk.segment_bytes();
    let first = journal.read_from(journal.written()).next().map_or(journal.next_seq(), |record| record.header.seq);
    let last = journal.segments.back();
    let goes_on = journal.file.is_some() && last.map_or(false, |last| last.until == first && last.length < most);
    let mut head = None;
    if !goes_on {
        let begun = journal.head();
        journal.file = Some(match journal.spare.take() {
            // Its old records have smaller numbers, and nobody takes them for those of this segment.
            Some(spare) => control.reuse_segment(&process.request.id, spare, journal.next_number).or_else(|_| {
                control.remove_segment(&process.request.id, spare);
                control.make_segment(&process.request.id, journal.next_number)
            })?,
            None => control.make_segment(&process.request.id, journal.next_number)?,
        });
        head = Some((
            Segment {
                number: journal.next_number,
                first_seq: first,
                offsets: begun.offsets,
                until: first,
                until_offsets: begun.offsets,
                length: 0,
            },
            begun.encode(),
        ));
    }
    let at = if goes_on { last.map_or(0, |last| last.length) } else { 0 };
    let mut size = 0;
    let records: Vec<&Record> = journal
        .read_from(first)
        .take(BATCH)
        .take_while(|record| {
            let begun = size > 0;
            size += (STORED_HEADER + record.bytes.len()) as u64;
            !begun || at + size <= most
        })
        .collect();
    let headers: Vec<[u8; STORED_HEADER]> =
        records.iter().map(|record| Stored::encode(&record.header, record.stream, &record.before, &record.bytes)).collect();
    let mut parts: Vec<libc::iovec> = head.iter().map(|(_, head)| sys::iovec(head)).collect();
    parts.extend(records.iter().zip(&headers).flat_map(|(record, header)| [sys::iovec(header), sys::iovec(&record.bytes)]));
    let written = match journal.file.as_ref().map_or(Err(libc::EBADF), |file| files::pwritev(file, &parts, at)) {
        Err(libc::EINTR) => 0,
        other => other?,
    };
    // What is written in part is written again, at the same place.
    let mut whole = if goes_on { 0 } else { SEGMENT_HEAD };
    let mut until = first;
    for record in records.iter().take_while(|record| {
        let fits = whole + STORED_HEADER + record.bytes.len() <= written;
        whole += if fits { STORED_HEADER + record.bytes.len() } else { 0 };
        fits
    }) {
        until = record.header.seq + 1;
    }
    if until == first {
        if !goes_on {
            journal.file = None;
            control.remove_segment(&process.request.id, journal.next_number);
        }
        return Err(libc::ENOSPC);
    }
    if let Some((segment, _)) = head {
        journal.segments.push_back(segment);
        journal.next_number += 1;
    }
    journal.note_written(until, at + whole as u64);
    Ok(whole as u64)
}

impl Agent {
    /// Writes all that a process's journal has only in memory. `forced` goes beyond the bounds
    /// where readers are in the way, by what is in memory at most.
    pub fn spill(&mut self, key: Key, forced: bool) -> Spilled {
        let mut tries = 0;
        loop {
            let incoming = match self.processes.get(key) {
                Some(process) if !process.journal.is_written() => process.journal.unwritten as u64 + SEGMENT_HEAD as u64,
                _ => break,
            };
            if self.disk.is_failing(self.now) {
                return Spilled::Failed;
            }
            match self.make_space(key, incoming) {
                Space::Pinned if !forced => return Spilled::Pinned,
                Space::Untaken if !forced => return Spilled::Untaken,
                Space::Full if !forced => return Spilled::Failed,
                Space::Free | Space::Pinned | Space::Untaken | Space::Full => {}
            }
            let result = match self.processes.get_mut(key) {
                Some(process) => write_some(&self.disk, process),
                None => break,
            };
            match result {
                Ok(bytes) => {
                    self.disk.bytes += bytes;
                    self.disk.bucket.take(bytes, self.now);
                }
                // What is about to be removed may be what is in the way.
                Err(_) if self.disk.has_doomed() => self.disk.remove_doomed(usize::MAX),
                Err(_) if tries == 0 => tries += 1,
                Err(_) => {
                    self.disk.errors += 1;
                    self.disk.failing_until = self.now + RETRY_S * SECOND;
                    self.spill_later(key);
                    self.wake_readers(key);
                    return Spilled::Failed;
                }
            }
        }
        self.wake_readers(key);
        self.free_memory(key);
        Spilled::Done
    }

    /// There is more for the readers of a process.
    fn wake_readers(&mut self, key: Key) {
        let readers = self.processes.get_mut(key).map(|process| std::mem::take(&mut process.readers));
        if let Some(readers) = readers {
            readers.iter().for_each(|reader| self.mark_dirty(*reader));
            if let Some(process) = self.processes.get_mut(key) {
                process.readers = readers;
            }
        }
    }

    /// Frees the memory of written records that no reader will look for there.
    pub fn free_memory(&mut self, key: Key) {
        let connections = &self.connections;
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        let positions = process.readers.iter().filter_map(|reader| connections.get(*reader)?.position());
        let nearest = positions.map(|(_, next)| next).min().unwrap_or(u64::MAX);
        let before = process.journal.cost();
        let mut freed = Vec::new();
        loop {
            let limit = if process.journal.cost() > TAIL { u64::MAX } else { nearest };
            match process.journal.free_written(limit) {
                Some(record) => freed.push(record.bytes),
                None => break,
            }
        }
        self.journal_bytes = self.journal_bytes.saturating_sub(before - process.journal.cost());
        freed.into_iter().for_each(|buffer| self.keep_buffer(buffer));
    }

    /// Sees to it that what a process has only in memory is written in a while.
    pub fn spill_later(&mut self, key: Key) {
        if let Some(process) = self.processes.get_mut(key).filter(|process| !process.spills_later) {
            process.spills_later = true;
            self.disk.waiting.push(key);
            self.arm_spill(SPILL_MS * MS);
        }
    }

    fn arm_spill(&mut self, wait: u64) {
        if !self.disk.armed && self.disk.control.is_some() {
            self.disk.armed = true;
            self.timers.at_real(self.now + wait, Timer::Spill);
        }
    }

    /// Writes what has waited long enough.
    pub fn spill_due(&mut self) {
        self.disk.armed = false;
        let now = self.now;
        let mut next = u64::MAX;
        for key in std::mem::take(&mut self.disk.waiting) {
            let since = match self.processes.get_mut(key) {
                Some(process) => {
                    process.spills_later = false;
                    if process.journal.is_written() || process.rests_in_memory() {
                        continue;
                    }
                    process.journal.unwritten_since
                }
                None => continue,
            };
            let due = since + SPILL_MS * MS;
            if due > now || self.spill(key, false) != Spilled::Done {
                if let Some(process) = self.processes.get_mut(key).filter(|process| !process.spills_later) {
                    process.spills_later = true;
                    self.disk.waiting.push(key);
                }
                next = next.min(due.max(self.disk.failing_until).max(now + SPILL_MS * MS / 4));
            }
        }
        if next != u64::MAX {
            self.arm_spill(next - now);
        }
        // Failed writes may have held processes up.
        self.eased = true;
    }

    /// Writes everything that is only in memory and belongs in files.
    pub fn spill_all(&mut self) {
        for key in self.processes.keys() {
            if self.processes.get(key).map_or(false, |process| !process.rests_in_memory()) {
                self.spill(key, true);
            }
        }
    }
}
