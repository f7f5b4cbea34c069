//! From a process's pipes to its journal, within bounds: a journal that is full of what a reader
//! still wants stops the reading, and so the process; so does the rate at which files may grow.

use crate::agent::{Agent, READ_SIZE};
use crate::clock::{self, MS, SECOND};
use crate::process::Process;
use crate::record::Stream;
use crate::request::OnFull;
use crate::slab::Key;
use crate::spill::{Spilled, SPILL_BYTES};
use crate::sys;
use crate::timers::Timer;

/// Memory of one process's journal, where it cannot be written to files.
pub const PROCESS_JOURNAL: usize = 1 << 20;
/// The same for a plain process, whose output nobody reads later.
pub const PLAIN_JOURNAL: usize = 256 * 1024;
/// Memory of all journals of the capsule.
pub const CAPSULE_JOURNALS: usize = 16 << 20;
/// What a process may still print when all that memory is taken by unread output of others.
const LEAST: usize = 4096;
/// Bytes of a streaming process's pipe.
const PIPE_SIZE: i32 = 256 * 1024;
/// Reads of one stream in one turn of the loop.
const TURN: usize = 4;
/// Seconds in which a reader that holds a process up must take something.
pub const MAX_STALL_S: u64 = 30;
/// Buffers kept for the next reads.
const MAX_BUFFERS: usize = 8;
/// Reads up to this are stored in memory of their own size.
const SMALL: usize = READ_SIZE / 2;

/// Seconds after which memory that is free is given back.
const TRIM_S: u64 = 5;

pub enum Got {
    Bytes,
    Nothing,
    End,
    /// Not read, because of its readers.
    Paced,
    /// Not read for now, which is no reader's fault.
    Waits,
}

/// Milliseconds from one record to the next while a reader is behind that takes what it can: a
/// process is slowed to the speed of such a reader, but not below 64 KiB in this time.
const CLOSE_MS: u64 = 2;
/// Bytes that such a reader is behind.
const CLOSE_BYTES: u64 = 256 * 1024;
/// Milliseconds in which it has taken something.
const ACTIVE_MS: u64 = 100;

/// How much a process may print now.
enum Room {
    Bytes(usize),
    Readers,
    Later,
}

impl Agent {
    /// Reads a stream until it is empty, at its end, paced, or its turn is over.
    pub fn read_output(&mut self, key: Key, stream: Stream) {
        for _ in 0..TURN {
            let ended = match self.processes.get(key) {
                Some(process) if process.outputs[stream.index()].pipe.is_some() => process.is_ended(),
                _ => return,
            };
            match if ended { self.discard(key, stream) } else { self.read_record(key, stream) } {
                Got::Bytes => {}
                Got::Nothing => return self.try_finish(key),
                Got::End => return self.close_output(key, stream),
                Got::Paced => return self.pace(key, true),
                Got::Waits => return self.pace(key, false),
            }
        }
        self.try_finish(key);
        if let Some(process) = self.processes.get_mut(key) {
            let output = process.output(stream);
            if !output.queued && output.pipe.is_some() {
                output.queued = true;
                self.ready.push((key, stream));
            }
        }
    }

    fn read_record(&mut self, key: Key, stream: Stream) -> Got {
        let room = match self.make_room(key, stream) {
            Room::Bytes(room) => room,
            Room::Readers => return Got::Paced,
            Room::Later => return Got::Waits,
        };
        let mut buffer = self.buffers.pop().unwrap_or_else(|| Vec::with_capacity(READ_SIZE));
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return Got::Nothing,
        };
        let output = process.output(stream);
        let result = match &output.pipe {
            Some(pipe) => sys::read_into(pipe, &mut buffer, room),
            None => Ok(0),
        };
        let got = match result {
            Ok(got) if got > 0 => got,
            other => {
                if other == Err(libc::EAGAIN) {
                    output.readable = false;
                    output.owed = 0;
                }
                self.keep_buffer(buffer);
                return match other {
                    Err(libc::EINTR) => Got::Bytes,
                    Err(libc::EAGAIN) => Got::Nothing,
                    Ok(_) | Err(_) => Got::End,
                };
            }
        };
        if got == READ_SIZE && !output.enlarged {
            output.enlarged = true;
            let _ = output.pipe.as_ref().map(|pipe| sys::set_pipe_size(pipe, PIPE_SIZE));
        }
        output.owed = output.owed.saturating_sub(got);
        let kept = if got <= SMALL {
            let exact = buffer.as_slice().to_vec();
            self.keep_buffer(buffer);
            exact
        } else {
            buffer
        };
        let now = self.now;
        if let Some(process) = self.processes.get_mut(key) {
            self.journal_bytes += process.journal.append(stream, kept, clock::unix() / 1000, now);
            process.paced_since = None;
            process.read_at = now;
            let readers = std::mem::take(&mut process.readers);
            readers.iter().for_each(|reader| self.mark_dirty(*reader));
            if let Some(process) = self.processes.get_mut(key) {
                process.readers = readers;
            }
        }
        self.spill_later(key);
        Got::Bytes
    }

    pub fn keep_buffer(&mut self, buffer: Vec<u8>) {
        if self.buffers.len() < MAX_BUFFERS && buffer.capacity() == READ_SIZE {
            self.buffers.push(buffer);
        }
        if !self.trimming {
            self.trimming = true;
            self.timers.at_unfrozen(self.unfrozen() + TRIM_S * SECOND, Timer::Trim);
        }
    }

    /// Gives the memory back that a burst of output has left behind.
    pub fn trim(&mut self) {
        self.trimming = false;
        self.buffers = Vec::new();
        self.scratch = Vec::new();
        self.replay = Vec::new();
        self.processes.keys().into_iter().for_each(|key| self.free_written(key));
        self.timers.compact_memory();
        // SAFETY: works on the allocator's own free memory.
        unsafe { libc::malloc_trim(0) };
    }

    /// How many bytes the process may print now.
    fn make_room(&mut self, key: Key, stream: Stream) -> Room {
        if let Some(wait) = self.disk.bucket.wait(self.now) {
            if !std::mem::replace(&mut self.disk.rate_armed, true) {
                self.timers.at_real(self.now + wait, Timer::Rate);
            }
            return Room::Later;
        }
        // What was in the pipe at the end of the leader belongs to the journal, whatever its bound.
        let (unwritten, owed) = self.processes.get(key).map_or((0, false), |process| {
            (process.journal.unwritten, process.leader.is_some() && process.outputs[stream.index()].owed > 0)
        });
        if unwritten >= SPILL_BYTES {
            match self.spill(key, owed) {
                Spilled::Done => {}
                Spilled::Pinned => return Room::Readers,
                Spilled::Untaken => return Room::Later,
                Spilled::Failed => {
                    if let Some(room) = self.ring_room(key) {
                        return room;
                    }
                }
            }
        }
        if self.waits_for_close_reader(key) {
            return Room::Later;
        }
        let mut freed = false;
        while self.journal_bytes >= CAPSULE_JOURNALS {
            if !std::mem::replace(&mut freed, true) {
                self.free_all_memory();
            } else if !self.drop_somewhere(key) {
                let empty = self.processes.get(key).map_or(true, |process| process.journal.is_empty());
                return if empty { Room::Bytes(LEAST) } else { Room::Readers };
            }
        }
        Room::Bytes(READ_SIZE)
    }

    /// Whether a process gives a reader that is behind and takes what it can a moment, so that it
    /// reads from memory and not from files.
    fn waits_for_close_reader(&mut self, key: Key) -> bool {
        let (now, connections) = (self.now, &self.connections);
        let process = match self.processes.get(key) {
            Some(process) if now < process.read_at + CLOSE_MS * MS => process,
            _ => return false,
        };
        let printed: u64 = process.journal.offsets().iter().sum();
        let is_close = |reader: &Key| {
            connections.get(*reader).map_or(false, |connection| {
                let taken: u64 = connection.cursor().map_or(printed, |cursor| cursor.before.iter().sum());
                printed - taken.min(printed) >= CLOSE_BYTES && now < connection.progress + ACTIVE_MS * MS
            })
        };
        if !process.readers.iter().any(is_close) {
            return false;
        }
        if !std::mem::replace(&mut self.close_armed, true) {
            self.timers.at_real(process.read_at + CLOSE_MS * MS, Timer::Close);
        }
        true
    }

    /// Processes have waited long enough for readers that are close behind.
    pub fn close_due(&mut self) {
        self.close_armed = false;
        self.eased = true;
    }

    /// Keeps a journal that cannot be written within its memory; none where that is done.
    fn ring_room(&mut self, key: Key) -> Option<Room> {
        let (limit, blocks) = match self.processes.get(key) {
            Some(process) if process.is_plain() => (PLAIN_JOURNAL, process.request.on_full == OnFull::Block),
            Some(process) => (PROCESS_JOURNAL, process.request.on_full == OnFull::Block),
            None => return None,
        };
        while self.processes.get(key).map_or(false, |process| process.journal.cost() >= limit) {
            let untaken = self.processes.get(key).map_or(false, |process| process.journal.taken < process.journal.oldest_end());
            if blocks && untaken {
                return Some(Room::Later);
            }
            if !self.drop_unpinned(key) {
                return Some(Room::Readers);
            }
        }
        None
    }

    /// Writes what can be written and frees all memory that holds the same.
    fn free_all_memory(&mut self) {
        self.spill_all();
        for key in self.processes.keys() {
            self.free_written(key);
        }
    }

    fn free_written(&mut self, key: Key) {
        if let Some(process) = self.processes.get_mut(key) {
            let before = process.journal.cost();
            while process.journal.free_written(u64::MAX).is_some() {}
            self.journal_bytes = self.journal_bytes.saturating_sub(before - process.journal.cost());
        }
    }

    /// Drops a process's oldest record if every reader has it.
    fn drop_unpinned(&mut self, key: Key) -> bool {
        let connections = &self.connections;
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return false,
        };
        let first = process.journal.memory_start().0;
        let wanted = |reader: &Key| connections.get(*reader).and_then(|one| one.position()).map_or(false, |(_, next)| next <= first);
        if process.readers.iter().any(wanted) {
            return false;
        }
        let before = process.journal.cost();
        match process.journal.drop_oldest() {
            Some(record) => {
                self.journal_bytes = self.journal_bytes.saturating_sub(before - process.journal.cost());
                self.keep_buffer(record.bytes);
                true
            }
            None => false,
        }
    }

    /// Drops a record of the one that ended first, else of `key`, else of who has most.
    fn drop_somewhere(&mut self, key: Key) -> bool {
        let mut ended: Vec<(u64, Key)> = self
            .processes
            .iter()
            .filter(|(_, p)| p.is_ended() && !p.journal.is_empty())
            .map(|(key, process)| (process.ended_order, key))
            .collect();
        ended.sort_unstable();
        if ended.iter().any(|(_, key)| self.drop_unpinned(*key)) || self.drop_unpinned(key) {
            return true;
        }
        let mut others: Vec<(usize, Key)> =
            self.processes.iter().filter(|(_, p)| !p.journal.is_empty()).map(|(key, process)| (process.journal.cost(), key)).collect();
        others.sort_unstable();
        others.iter().rev().any(|(_, key)| self.drop_unpinned(*key))
    }

    fn pace(&mut self, key: Key, by_readers: bool) {
        let (now, due) = (self.now, self.unfrozen() + MAX_STALL_S * SECOND);
        if let Some(process) = self.processes.get_mut(key).filter(|_| by_readers) {
            if process.paced_since.is_none() {
                process.paced_since = Some(now);
            }
            if !process.pace_timer {
                process.pace_timer = true;
                self.timers.at_unfrozen(due, Timer::Pace(key));
            }
        }
        if !self.paced.contains(&key) {
            self.paced.push(key);
        }
    }

    /// Files may grow again.
    pub fn rate_due(&mut self) {
        self.disk.rate_armed = false;
        self.eased = true;
    }

    /// Lets paced processes try again after readers have taken something, or time has passed.
    pub fn ease(&mut self) {
        if !std::mem::take(&mut self.eased) {
            return;
        }
        for key in std::mem::take(&mut self.paced) {
            for stream in Stream::BOTH {
                if self.processes.get(key).map_or(false, |process| process.outputs[stream.index()].readable) {
                    self.read_output(key, stream);
                }
            }
        }
    }

    fn close_output(&mut self, key: Key, stream: Stream) {
        if let Some(process) = self.processes.get_mut(key) {
            *process.output(stream) = Default::default();
            self.try_finish(key);
            self.release_forgotten(key);
        }
    }

    /// Notes what of the output still belongs before the end, when the leader has exited; true where that is any.
    pub fn settle_debts(process: &mut Process) -> bool {
        for output in &mut process.outputs {
            output.owed = output.pipe.as_ref().map_or(0, sys::unread);
        }
        process.owes_output()
    }
}
