//! Records on their way to a socket: from the journal's memory, or from its files through one buffer.

use crate::agent::Agent;
use crate::connection::{Cursor, Operation};
use crate::frame::Kind;
use crate::journal::Record;
use crate::process::Process;
use crate::record::{RecordHeader, Stream, RECORD_FRAME_HEADER};
use crate::replay::{replay, Place, Replay};
use crate::slab::Key;
use crate::sys;
use serde_json::json;

/// Records in one write.
const BATCH: usize = 128;
/// Bytes of records in one write.
const BATCH_BYTES: usize = 512 * 1024;

/// A record, or what a reader gets of it.
pub struct Piece<'a> {
    pub header: RecordHeader,
    pub stream: Stream,
    pub bytes: &'a [u8],
    /// Where both streams stand before and behind it.
    pub before: [u64; 2],
    pub after: [u64; 2],
    /// Where the next one may stand in files.
    pub end: Place,
}

impl<'a> Piece<'a> {
    pub fn of(record: &'a Record) -> Piece<'a> {
        Piece {
            header: record.header,
            stream: record.stream,
            bytes: &record.bytes,
            before: record.before,
            after: record.after(),
            end: Place::default(),
        }
    }
}

/// The records of a replay, with their bytes.
pub fn pieces_of<'a>(found: &Replay, buffer: &'a [u8]) -> Vec<Piece<'a>> {
    let piece = |one: &crate::replay::Replayed| Piece {
        header: one.stored.header,
        stream: one.stored.stream,
        bytes: buffer.get(one.bytes.clone()).unwrap_or(&[]),
        before: one.stored.before,
        after: one.stored.after(),
        end: one.end,
    };
    found.records.iter().map(piece).collect()
}

/// How a write of records went.
pub enum Sent {
    /// This many bytes, those of the first frame that were sent before included.
    Bytes(usize),
    Again,
    Blocked {
        starved: bool,
    },
    Broken,
}

/// Writes frames to a socket, the first one from its byte `skip` on.
pub fn write_frames(socket: &std::os::unix::io::OwnedFd, pieces: &[Piece<'_>], skip: usize) -> Sent {
    let headers: Vec<[u8; RECORD_FRAME_HEADER]> =
        pieces.iter().map(|piece| RecordHeader::encode(&piece.header, piece.stream, piece.bytes.len())).collect();
    let mut left = skip;
    let mut parts: Vec<libc::iovec> = Vec::with_capacity(2 * pieces.len());
    for part in pieces.iter().zip(&headers).flat_map(|(piece, head)| [&head[..], piece.bytes]) {
        parts.push(sys::iovec(&part[left.min(part.len())..]));
        left = left.saturating_sub(part.len());
    }
    match sys::writev(socket, &parts) {
        Ok(sent) => Sent::Bytes(skip + sent),
        Err(libc::EINTR) => Sent::Again,
        Err(libc::EAGAIN) => Sent::Blocked { starved: false },
        Err(libc::ENOBUFS) | Err(libc::ENOMEM) => Sent::Blocked { starved: true },
        Err(_) => Sent::Broken,
    }
}

/// How many of the first pieces are whole within this many bytes, and the bytes of the next one.
pub fn whole(pieces: &[Piece<'_>], mut sent: usize) -> (usize, usize) {
    for (index, piece) in pieces.iter().enumerate() {
        let size = RECORD_FRAME_HEADER + piece.bytes.len();
        if sent < size {
            return (index, sent);
        }
        sent -= size;
    }
    (pieces.len(), 0)
}

impl Agent {
    /// Sends records. False where the connection is broken.
    pub fn send_records(&mut self, key: Key) -> bool {
        let mut buffer = std::mem::take(&mut self.replay);
        let going = self.send_from(key, &mut buffer);
        self.replay = buffer;
        going
    }

    fn send_from(&mut self, key: Key, buffer: &mut Vec<u8>) -> bool {
        let (now, unfrozen) = (self.now, self.unfrozen());
        let failing = self.disk.is_failing(now);
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return true,
        };
        let mut cursor = match connection.cursor() {
            Some(cursor) => cursor,
            None => return true,
        };
        let process = match self.processes.get_mut(cursor.process) {
            Some(process) => process,
            None => return true,
        };
        let most = if connection.has_unsent() { 1 } else { BATCH };
        let visible = process.visible(cursor.own, failing);
        let mut pieces: Vec<Piece<'_>>;
        if cursor.next >= process.journal.memory_start().0 {
            let mut size = 0;
            pieces = process
                .journal
                .read_from(cursor.next)
                .take_while(|record| record.header.seq < visible)
                .take(most)
                .take_while(|record| {
                    let first = size == 0;
                    size += record.bytes.len();
                    first || size <= BATCH_BYTES
                })
                .map(Piece::of)
                .collect();
        } else {
            let found = match &self.disk.control {
                Some(control) => replay(control, &process.request.id, &process.journal, cursor.next, cursor.place, buffer),
                None => Replay::default(),
            };
            cursor.place = found.place;
            pieces = pieces_of(&found, buffer);
            // Behind a hole there is a gap to tell first.
            let dense = pieces.windows(2).take_while(|pair| pair[0].header.seq + 1 == pair[1].header.seq).count() + 1;
            pieces.truncate(most.min(dense));
            if found.more && pieces.is_empty() {
                connection.operation = Operation::Reading(cursor);
                self.behind.push(key);
                return true;
            }
        }
        // What is next is not there: the reader is told, and goes on with what is.
        let (seq, before) = pieces.first().map_or_else(|| process.journal.memory_start(), |piece| (piece.header.seq, piece.before));
        if seq > cursor.next {
            if cursor.sent > 0 {
                return false;
            }
            let bytes = |index: usize| before[index].saturating_sub(cursor.before[index]);
            let told = json!({"from_seq": cursor.next, "to_seq": seq - 1, "stdout_bytes": bytes(0), "stderr_bytes": bytes(1)});
            connection.push_json(Kind::Gap, &told);
            cursor = Cursor { next: seq, before, ..cursor };
            connection.operation = Operation::Reading(cursor);
            return true;
        }
        let sent = match write_frames(&connection.socket, &pieces, cursor.sent) {
            Sent::Bytes(sent) => sent,
            Sent::Again => return true,
            Sent::Blocked { starved } => {
                connection.blocked = true;
                connection.starved = starved;
                connection.operation = Operation::Reading(cursor);
                return true;
            }
            Sent::Broken => return false,
        };
        let (count, rest) = whole(&pieces, sent);
        if let Some(last) = count.checked_sub(1).and_then(|last| pieces.get(last)) {
            cursor = Cursor { next: last.header.seq + 1, before: last.after, place: last.end, ..cursor };
        }
        cursor.sent = rest;
        connection.progress = now;
        connection.operation = Operation::Reading(cursor);
        process.journal.taken = process.journal.taken.max(cursor.next);
        self.last_activity = unfrozen;
        self.eased = true;
        true
    }
}

impl Process {
    /// The number of the first record that a reader is not shown yet.
    pub fn visible(&self, own: bool, failing: bool) -> u64 {
        if own || failing || self.journal.is_written() {
            self.journal.next_seq()
        } else {
            self.journal.written()
        }
    }
}
