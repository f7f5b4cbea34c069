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
/// Bytes of records that are copied, to go out in one write with what stands before and behind them.
const JOINED_BYTES: usize = 16 * 1024;

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
    /// Puts a reader's next records, where they are few and in memory, behind what is unsent, and the end behind them: each write
    /// wakes the host.
    pub fn join_records(&mut self, key: Key) {
        let (unfrozen, failing) = (self.unfrozen(), self.disk.is_failing(self.now));
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return,
        };
        let mut cursor = match connection.cursor().filter(|cursor| cursor.sent == 0) {
            Some(cursor) => cursor,
            None => return,
        };
        let process = match self.processes.get_mut(cursor.process) {
            Some(process) => process,
            None => return,
        };
        let (visible, journal) = (process.visible(cursor.own, failing), &process.journal);
        let is_last = process.is_ended() && visible >= journal.next_seq();
        if cursor.next < journal.memory_start().0 || !(is_last || connection.has_unsent()) {
            return;
        }
        let records = || journal.read_from(cursor.next).take_while(|record| record.header.seq < visible);
        let most = JOINED_BYTES / RECORD_FRAME_HEADER + 1;
        let bytes: usize = records().take(most).map(|record| RECORD_FRAME_HEADER + record.bytes.len()).sum();
        if bytes > JOINED_BYTES {
            return;
        }
        for record in records() {
            connection.push_record(&record.header, record.stream, &record.bytes);
            cursor = Cursor { next: record.header.seq + 1, before: record.after(), ..cursor };
        }
        if bytes > 0 {
            connection.operation = Operation::Reading(cursor);
            process.journal.taken = process.journal.taken.max(cursor.next);
            self.last_activity = unfrozen;
            self.eased = true;
        }
        if is_last {
            self.push_exit(key);
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Connection;
    use crate::frame;
    use crate::process::{LeaderExit, Phase};
    use crate::request::{Object, StartRequest};

    /// The kinds of the frames in each write to a reader that waits for `started`, of a process with these records.
    fn writes(records: &[(Stream, usize)], has_ended: bool) -> Vec<Vec<Kind>> {
        let mut agent = Agent::bare();
        let mut object = Object::new();
        object.insert("id".into(), json!("pr-abcdefghijklmnopqrstuvwxy"));
        object.insert("cmd".into(), json!("true"));
        object.insert("foreground".into(), json!(true));
        let mut process = Process::new(StartRequest::read(&object).unwrap_or_else(|_| panic!("a start")), None);
        for (stream, length) in records {
            process.journal.append(*stream, vec![b'x'; *length], 0, 0);
        }
        process.phase = if has_ended { Phase::Ended } else { Phase::Running };
        process.leader = Some(LeaderExit { status: 0, by_signal: false, at: 0, at_unix_ms: 0, oom_kills: 0 });
        let process = agent.processes.insert(process);
        // Each write to such a socket is a packet of its own.
        let (socket, host) = sys::socket_pair(libc::SOCK_SEQPACKET).unwrap();
        [&socket, &host].iter().for_each(|end| sys::set_nonblocking(end).unwrap());
        let mut connection = Connection::new(socket, 0);
        connection.push_json(Kind::Started, &json!({}));
        let cursor = Cursor { process, next: 1, before: [0; 2], place: Place::default(), sent: 0, own: true };
        connection.operation = Operation::Reading(cursor);
        let key = agent.connections.insert(connection);
        agent.pump(key);
        let mut packets = Vec::new();
        let mut packet = vec![0; 1 << 20];
        while let Ok(length) = sys::read(&host, &mut packet) {
            let (mut kinds, mut left) = (Vec::new(), &packet[..length]);
            while let Ok(Some(frame)) = frame::decode(left, frame::MAX_PAYLOAD) {
                kinds.push(frame.kind);
                left = &left[frame.size()..];
            }
            assert!(left.is_empty(), "a part of a frame");
            packets.push(kinds);
        }
        packets
    }

    #[test]
    fn what_a_short_run_gives_is_one_write() {
        let out = (Stream::Stdout, 6);
        assert_eq!(writes(&[], true), [[Kind::Started, Kind::Exit]]);
        assert_eq!(writes(&[out, (Stream::Stderr, 5), out], true), [[Kind::Started, Kind::Stdout, Kind::Stderr, Kind::Stdout, Kind::Exit]]);
        assert_eq!(writes(&[out], false), [[Kind::Started, Kind::Stdout]]);
    }

    #[test]
    fn many_bytes_are_not_copied_and_come_in_order() {
        let most = (Stream::Stdout, JOINED_BYTES - RECORD_FRAME_HEADER);
        assert_eq!(writes(&[most], true), [[Kind::Started, Kind::Stdout, Kind::Exit]]);
        let apart = [vec![Kind::Started], vec![Kind::Stdout, Kind::Stdout], vec![Kind::Exit]];
        assert_eq!(writes(&[most, (Stream::Stdout, 1)], true), apart);
        let small = JOINED_BYTES / (RECORD_FRAME_HEADER + 1) + 1;
        let kinds = writes(&vec![(Stream::Stdout, 1); small], true);
        assert_eq!(kinds.concat().len(), small + 2);
        assert!(kinds.len() > 2, "{} writes", kinds.len());
    }
}
