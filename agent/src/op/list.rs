//! `list`: every process of the capsule but the agent's own. Command lines of those that the API did not start come from the line
//! reader, and the loop goes on meanwhile.

use super::Outcome;
use crate::agent::Agent;
use crate::clock::MS;
use crate::connection::Operation;
use crate::frame::{Kind, MAX_PAYLOAD};
use crate::line_reader::LineReader;
use crate::poller::{Source, READABLE};
use crate::procfs;
use crate::slab::Key;
use crate::timers::Timer;
use serde_json::{json, Value};

/// Milliseconds in which the command lines of one list are read; the processes that are left then are told by their names.
pub const MAX_LINES_MS: u64 = 1000;
/// Bytes of a list beside which a frame has room for the rest.
const BUDGET: usize = MAX_PAYLOAD - 64 * 1024;
/// Lines taken in one turn of the loop.
const TURN: usize = 256;

/// A list that is being made.
struct Making {
    number: u32,
    /// Who gets it: all that asked before it was begun.
    readers: Vec<Key>,
    entries: Vec<Value>,
    size: usize,
    truncated: bool,
    /// Processes that the API did not start, of which the first `told` are in the list and the first `asked` asked for.
    foreign: Vec<i32>,
    told: usize,
    asked: usize,
}

impl Making {
    /// False where the list ends before this one.
    fn add(&mut self, entry: Option<Value>) -> bool {
        if let Some(entry) = entry {
            self.size += entry.to_string().len() + 1;
            self.truncated = self.size > BUDGET;
            if !self.truncated {
                self.entries.push(entry);
            }
        }
        !self.truncated
    }
}

/// One list is made at a time; who asks meanwhile gets the next one.
#[derive(Default)]
pub struct Lists {
    reader: Option<LineReader>,
    making: Option<Making>,
    waiting: Vec<Key>,
    /// How many were made.
    count: u32,
}

impl Lists {
    /// This connection waits for none any more.
    pub fn forget(&mut self, key: Key) {
        let readers = self.making.as_mut().map(|making| &mut making.readers);
        readers.into_iter().chain([&mut self.waiting]).for_each(|keys| keys.retain(|one| *one != key));
    }
}

pub fn run(agent: &mut Agent, key: Key) -> Outcome {
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Listing;
        agent.lists.waiting.push(key);
        agent.begin_list();
    }
    Ok(None)
}

impl Agent {
    /// Begins the list of all that wait for one, unless one is being made.
    fn begin_list(&mut self) {
        if self.lists.making.is_some() || self.lists.waiting.is_empty() {
            return;
        }
        let mut pids = procfs::pids();
        self.read_answers();
        let untold = self.untold_children();
        pids.retain(|pid| !self.is_own(*pid) && !untold.contains(pid));
        pids.sort_unstable();
        // Those started through the API first, should there be more than a frame holds.
        let (own, foreign): (Vec<i32>, Vec<i32>) = pids.into_iter().partition(|pid| self.by_pid.contains_key(pid));
        // 0 is no list's.
        self.lists.count = self.lists.count % u32::MAX + 1;
        let (number, readers) = (self.lists.count, std::mem::take(&mut self.lists.waiting));
        let mut making = Making { number, readers, entries: Vec::new(), size: 0, truncated: false, foreign, told: 0, asked: 0 };
        let fits = own.into_iter().all(|pid| making.add(self.describe(pid, &[])));
        let more = fits && !making.foreign.is_empty();
        self.lists.making = Some(making);
        if more && self.has_line_reader() {
            self.timers.at_real(self.now + MAX_LINES_MS * MS, Timer::List(number));
            self.ask_lines();
        } else {
            self.end_list();
        }
    }

    /// Whether there is a thread that reads command lines; makes it where it is needed first.
    fn has_line_reader(&mut self) -> bool {
        if self.lists.reader.is_none() {
            let nobody = Key { index: 0, generation: 0 };
            let watched = |reader: &LineReader| self.poller.add(&reader.socket, READABLE, Source::Lines, nobody).is_ok();
            self.lists.reader = LineReader::new().ok().filter(watched);
        }
        self.lists.reader.is_some()
    }

    fn ask_lines(&mut self) {
        if let (Some(making), Some(reader)) = (&mut self.lists.making, &self.lists.reader) {
            reader.want(making.number);
            making.asked += reader.ask(making.number, &making.foreign[making.asked..]);
        }
    }

    /// Takes the lines that have been read.
    pub fn read_lines(&mut self) {
        let mut buffer = LineReader::buffer();
        for _ in 0..TURN {
            let line = match self.lists.reader.as_ref().and_then(|reader| reader.next(&mut buffer)) {
                Some(line) => line,
                None => break,
            };
            let wanted = |making: &Making| making.number == line.list && making.foreign.get(making.told) == Some(&line.pid);
            if self.lists.making.as_ref().map_or(false, wanted) {
                let entry = self.describe(line.pid, line.bytes);
                self.tell(entry);
            }
        }
        self.ask_lines();
    }

    /// Puts one more of the others into the list, and ends it behind the last one.
    fn tell(&mut self, entry: Option<Value>) {
        if let Some(making) = &mut self.lists.making {
            making.told += 1;
            if !making.add(entry) || making.told == making.foreign.len() {
                self.end_list();
            }
        }
    }

    /// The time for the lines of a list is over.
    pub fn list_due(&mut self, number: u32) {
        if self.lists.making.as_ref().map_or(false, |making| making.number == number) {
            self.end_list();
        }
    }

    /// Answers with the list, in which those whose lines are not there have their names, and begins the next one.
    fn end_list(&mut self) {
        let mut making = match self.lists.making.take() {
            Some(making) => making,
            None => return,
        };
        if let Some(reader) = &self.lists.reader {
            reader.want(0);
        }
        if !making.truncated {
            let left = making.foreign.split_off(making.told);
            let _ = left.into_iter().all(|pid| making.add(self.describe(pid, &[])));
        }
        let mut result = json!({"processes": making.entries});
        if making.truncated {
            result["truncated"] = Value::Bool(true);
        }
        for key in making.readers {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.operation = Operation::Idle;
                self.reply(key, Kind::Result, &result);
            }
        }
        self.begin_list();
    }

    fn describe(&self, pid: i32, line: &[u8]) -> Option<Value> {
        let stat = procfs::stat(pid)?;
        if let Some(process) = self.by_pid.get(&pid).and_then(|key| self.processes.get(*key)) {
            return Some(json!({
                "id": process.request.id, "pid": pid, "ppid": stat.ppid, "tag": process.request.tag,
                "cmd": process.request.cmd, "args": process.request.args, "started_at_ms": process.started_unix_ms,
            }));
        }
        if stat.is_zombie {
            return None;
        }
        let (cmd, args) = procfs::command(pid, line);
        Some(json!({
            "id": null, "pid": pid, "ppid": stat.ppid, "tag": "", "cmd": cmd, "args": args,
            "started_at_ms": procfs::started_ms(stat.start_ticks),
        }))
    }
}
