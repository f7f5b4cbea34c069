//! `output`: a range of one stream's bytes.

use super::Outcome;
use crate::agent::Agent;
use crate::connection::{Operation, Ranging};
use crate::frame::Kind;
use crate::journal::Journal;
use crate::record::Stream;
use crate::refusal::{Code, Refusal};
use crate::replay::{replay, Place, Replay};
use crate::request::{number, required, Object};
use crate::send::{pieces_of, whole, write_frames, Piece, Sent};
use crate::slab::Key;
use serde_json::json;

pub fn run(agent: &mut Agent, key: Key, object: &Object) -> Outcome {
    let selector = required(object, "selector")?;
    let stream = match required(object, "stream")? {
        "stdout" => Stream::Stdout,
        "stderr" => Stream::Stderr,
        _ => return Err(Refusal::of(Code::BadRequest, "stream", "must be stdout or stderr")),
    };
    let (from, limit) = (number(object, "from", 0)?, number(object, "limit", 0)?);
    let found = agent.select(selector).ok_or_else(|| Refusal::new(Code::NotFound, "no such process"))?;
    // What is shown is written before.
    agent.spill(found, true);
    let now = agent.now;
    let process = agent.processes.get_mut(found).ok_or_else(|| Refusal::new(Code::NotFound, "no such process"))?;
    let total = process.journal.printed(stream);
    if from > total {
        return Err(Refusal::of(Code::InvalidOffset, "from", format!("{} bytes were printed", total)));
    }
    let at = from.max(process.journal.kept_start().1[stream.index()]).min(total);
    let end = if limit == 0 { total } else { at.saturating_add(limit).min(total) };
    let next = record_before(&process.journal, stream, at);
    let ranging = Ranging { process: found, stream, from: at, at, end, next, place: Place::default(), sent: 0 };
    process.readers.push(key);
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Ranging(ranging);
        connection.progress = now;
        agent.mark_dirty(key);
    }
    Ok(None)
}

/// The number of a record from which on the byte at `offset` is found, close before it.
fn record_before(journal: &Journal, stream: Stream, offset: u64) -> u64 {
    let (memory, offsets) = journal.memory_start();
    if offsets[stream.index()] <= offset {
        return memory;
    }
    let segment = journal.segments.iter().rev().find(|segment| segment.offsets[stream.index()] <= offset);
    segment.map_or_else(|| journal.kept_start().0, |segment| segment.first_seq)
}

/// Records cut to a range, and the range, which moves behind a hole where nothing of it was given yet.
struct Cut<'a> {
    pieces: Vec<Piece<'a>>,
    from: u64,
    end: u64,
    /// A hole ends the range.
    over: bool,
}

fn cut<'a>(ranging: &Ranging, total: u64, records: Vec<Piece<'a>>) -> Cut<'a> {
    let mut result = Cut { pieces: Vec::new(), from: ranging.from, end: ranging.end, over: false };
    let mut at = ranging.at;
    for mut piece in records {
        let (offset, length) = (piece.header.offset, piece.bytes.len() as u64);
        if piece.stream != ranging.stream || offset + length <= at {
            continue;
        }
        if offset > at {
            if at > result.from {
                result.over = true;
                return result;
            }
            result.end = (offset + (result.end - result.from)).min(total);
            result.from = offset;
            at = offset;
        }
        let (skip, stop) = ((at - offset) as usize, (result.end - offset).min(length) as usize);
        if skip > 0 {
            piece.header.tail = piece.header.tail.after(&piece.bytes[..skip]);
        }
        piece.bytes = &piece.bytes[skip..stop];
        piece.header.offset = at;
        at = offset + stop as u64;
        result.pieces.push(piece);
        if at == result.end {
            break;
        }
    }
    result
}

impl Agent {
    /// Sends more of a range, or its result. False where the connection is broken.
    pub fn send_range(&mut self, key: Key) -> bool {
        let mut buffer = std::mem::take(&mut self.replay);
        let going = self.range_from(key, &mut buffer);
        self.replay = buffer;
        going
    }

    fn range_from(&mut self, key: Key, buffer: &mut Vec<u8>) -> bool {
        let connection = match self.connections.get_mut(key) {
            Some(connection) => connection,
            None => return true,
        };
        let mut ranging = match connection.operation {
            Operation::Ranging(ranging) => ranging,
            _ => return true,
        };
        let process = match self.processes.get(ranging.process) {
            Some(process) => process,
            None => return false,
        };
        let mut more = false;
        let records: Vec<Piece<'_>> = if ranging.at >= ranging.end {
            Vec::new()
        } else if ranging.next >= process.journal.memory_start().0 {
            process.journal.read_from(ranging.next).take(64).map(Piece::of).collect()
        } else {
            let found = match &self.disk.control {
                Some(control) => replay(control, &process.request.id, &process.journal, ranging.next, ranging.place, buffer),
                None => Replay::default(),
            };
            ranging.place = found.place;
            more = found.more;
            pieces_of(&found, buffer)
        };
        let last = records.last().map(|last| (last.header.seq + 1, last.end));
        if records.is_empty() && ranging.at < ranging.end && !more {
            // Nothing is left in files: the rest is in memory, or gone.
            let start = process.journal.memory_start().0;
            more = ranging.next < start;
            ranging.next = start;
        }
        let found_any = !records.is_empty();
        let total = process.journal.printed(ranging.stream);
        let cut = cut(&ranging, total, records);
        if cut.pieces.is_empty() {
            if let (Some((next, place)), false) = (last, cut.over) {
                ranging.next = next;
                ranging.place = place;
            }
            let going = !cut.over && ranging.at < ranging.end && (more || found_any);
            if !going && !cut.over && ranging.at < ranging.end && ranging.at == ranging.from {
                // All of it is gone, to the end.
                ranging.from = total;
                ranging.at = total;
            }
            connection.operation = Operation::Ranging(ranging);
            if going {
                self.behind.push(key);
            } else {
                self.finish_range(key, ranging);
            }
            return true;
        }
        match write_frames(&connection.socket, &cut.pieces, ranging.sent) {
            Sent::Bytes(sent) => {
                let (count, rest) = whole(&cut.pieces, sent);
                if sent > 0 && ranging.from != cut.from {
                    ranging = Ranging { from: cut.from, at: cut.from, end: cut.end, ..ranging };
                }
                if let Some(last) = count.checked_sub(1).and_then(|last| cut.pieces.get(last)) {
                    ranging.at = last.header.offset + last.bytes.len() as u64;
                    ranging.place = last.end;
                    ranging.next = last.header.seq + 1;
                }
                ranging.sent = rest;
                connection.progress = self.now;
                connection.operation = Operation::Ranging(ranging);
                self.eased = true;
            }
            Sent::Again => {}
            Sent::Blocked { starved } => {
                connection.blocked = true;
                connection.starved = starved;
            }
            Sent::Broken => return false,
        }
        true
    }

    /// Answers what was given of a range.
    fn finish_range(&mut self, key: Key, ranging: Ranging) {
        let told = match self.processes.get_mut(ranging.process) {
            Some(process) => {
                process.readers.retain(|reader| *reader != key);
                json!({
                    "from": ranging.from, "next": ranging.at, "kept_from": process.journal.kept_start().1[ranging.stream.index()],
                    "total": process.journal.printed(ranging.stream), "ended": process.is_ended(),
                })
            }
            None => return,
        };
        if let Some(connection) = self.connections.get_mut(key) {
            connection.operation = Operation::Idle;
            connection.push_json(Kind::Result, &told);
        }
        self.reader_left(ranging.process);
    }
}
