//! The log of starts and ends: numbered lines in two files, each of which can be checked alone. What
//! cannot be written stays in memory for a while.

use crate::files::{self, ControlDir};
use crate::log_line::{line, parse, walk};
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::os::unix::io::OwnedFd;

/// Bytes of one file's entries; the file before it is kept too.
pub const MAX_LOG: u64 = 8 << 20;
/// Bytes of entries that wait in memory for a file that cannot be written.
pub const MAX_PENDING: usize = 1 << 20;
/// Bytes between two remembered places of a file.
const STRIDE: u64 = 64 * 1024;

const CURRENT: &[u8] = b"processes.log\0";
const BEFORE: &[u8] = b"processes.log.1\0";

/// A place in one of the files, which are told apart by their generation; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogPlace {
    generation: u32,
    at: u64,
}

struct LogFile {
    generation: u32,
    file: OwnedFd,
    length: u64,
    /// Bytes before its first entry.
    preface: u64,
    /// No entry is added any more.
    closed: bool,
    /// Some of the entries and where they stand.
    marks: Vec<(u64, u64)>,
}

impl LogFile {
    fn mark(&mut self, n: u64, at: u64) {
        if self.marks.last().map_or(true, |last| at >= last.1 + STRIDE) {
            self.marks.push((n, at));
        }
    }
}

#[derive(Default)]
pub struct ProcessLog {
    /// The older one first, and at most two.
    files: Vec<LogFile>,
    pending: VecDeque<(u64, Vec<u8>)>,
    pending_bytes: usize,
    /// The number of the next entry.
    next: u64,
    /// Of the latest file.
    generation: u32,
}

impl ProcessLog {
    /// Opens what an earlier agent left and shows `visit` every entry, in order.
    pub fn open(control: Option<&ControlDir>, visit: &mut dyn FnMut(&Value)) -> ProcessLog {
        let mut log = ProcessLog { next: 1, ..ProcessLog::default() };
        let control = match control {
            Some(control) => control,
            None => return log,
        };
        for file in [control.existing(BEFORE), control.existing(CURRENT)].into_iter().flatten() {
            log.generation += 1;
            let length = files::length(&file);
            let mut opened = LogFile { generation: log.generation, file, length: 0, preface: 0, closed: false, marks: Vec::new() };
            let (mut next, mut end, mut damaged) = (log.next, 0, 0);
            let mut found: Vec<(u64, u64)> = Vec::new();
            walk(&opened.file, 0, length, &mut |line| {
                end = line.end;
                match line.entry.and_then(|(n, json)| Some((n, serde_json::from_slice::<Value>(json).ok()?))) {
                    Some((0, value)) => {
                        next = next.max(value["next"].as_u64().unwrap_or(0));
                        visit(&value);
                    }
                    Some((n, value)) if n >= next => {
                        next = n + 1;
                        damaged = 0;
                        found.push((n, line.at));
                        visit(&value);
                    }
                    Some(_) => {}
                    None => damaged += 1,
                }
                true
            });
            // The numbers of the last lines may have been told: they are not given again.
            next += damaged;
            found.into_iter().for_each(|(n, at)| opened.mark(n, at));
            log.next = next;
            // A line that was written in part is written over.
            opened.length = end;
            log.files.push(opened);
        }
        // Only the current one grows: without it, the next entry begins one.
        if log.files.len() == 1 && control.existing(CURRENT).is_err() {
            log.files[0].closed = true;
        }
        log
    }

    /// The number of the next entry.
    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Adds an entry, to be written by `write`.
    pub fn add(&mut self, kind: &str, time_ms: u64, process: Value, end: Option<Value>) {
        let n = self.next;
        self.next += 1;
        let mut entry = json!({"n": n, "kind": kind, "time_ms": time_ms, "process": process});
        if let Some(end) = end {
            entry["end"] = end;
        }
        let line = line(n, entry.to_string().as_bytes());
        self.pending_bytes += line.len();
        self.pending.push_back((n, line));
        while self.pending_bytes > MAX_PENDING && self.pending.len() > 1 {
            if let Some((_, lost)) = self.pending.pop_front() {
                self.pending_bytes -= lost.len();
            }
        }
    }

    /// Whether the next entry begins a new file.
    pub fn is_full(&self) -> bool {
        self.files.last().map_or(true, |last| last.closed || last.length.saturating_sub(last.preface) >= MAX_LOG)
    }

    /// Begins a new file, which says what `live` processes there are. False where that fails.
    pub fn rotate(&mut self, control: &ControlDir, live: &[Value]) -> bool {
        if self.files.last().map_or(false, |last| !last.closed) && control.rename(CURRENT, BEFORE).is_err() {
            return false;
        }
        let file = match control.file(CURRENT) {
            Ok(file) => file,
            Err(_) => return false,
        };
        if let Some(last) = self.files.last_mut() {
            last.closed = true;
        }
        files::truncate(&file, 0);
        let first = self.pending.front().map_or(self.next, |(n, _)| *n);
        let mut preface = line(0, json!({"next": first}).to_string().as_bytes());
        live.iter().for_each(|process| preface.extend(line(0, json!({"live": process}).to_string().as_bytes())));
        let length = preface.len() as u64;
        if files::pwritev(&file, &[crate::sys::iovec(&preface)], 0) != Ok(preface.len()) {
            return false;
        }
        self.generation += 1;
        self.files.drain(..self.files.len().saturating_sub(1));
        self.files.push(LogFile { generation: self.generation, file, length, preface: length, closed: false, marks: Vec::new() });
        true
    }

    /// Writes what waits; false where that fails.
    pub fn write(&mut self) -> bool {
        let last = match self.files.last_mut() {
            Some(last) => last,
            None => return false,
        };
        while let Some((n, line)) = self.pending.front() {
            match files::pwritev(&last.file, &[crate::sys::iovec(line)], last.length) {
                Ok(written) if written == line.len() => {}
                Err(libc::EINTR) => continue,
                _ => {
                    files::truncate(&last.file, last.length);
                    return false;
                }
            }
            last.mark(*n, last.length);
            last.length += line.len() as u64;
            self.pending_bytes -= line.len();
            self.pending.pop_front();
        }
        true
    }

    /// Gives entries from `next` on, gaps included, until `most` bytes of them were given; moves
    /// `next` and `place` behind them.
    pub fn read(&self, next: &mut u64, place: &mut LogPlace, most: usize, give: &mut dyn FnMut(&[u8])) {
        let mut given = 0;
        let mut hand = |next: &mut u64, n: u64, json: &[u8]| {
            if n > *next {
                give(json!({"n": n - 1, "kind": "gap", "from": *next, "to": n - 1}).to_string().as_bytes());
            }
            give(json);
            *next = n + 1;
        };
        for (index, file) in self.files.iter().enumerate() {
            let from = if place.generation == file.generation {
                place.at
            } else if place.generation > file.generation || self.files.get(index + 1).map_or(false, |later| later.begins_by(*next)) {
                continue;
            } else {
                let marked = file.marks.partition_point(|(n, _)| *n <= *next);
                marked.checked_sub(1).and_then(|at| file.marks.get(at)).map_or(0, |(_, at)| *at)
            };
            let at = walk(&file.file, from, file.length, &mut |line| {
                if given >= most {
                    return false;
                }
                if let Some((n, json)) = line.entry.filter(|(n, _)| *n >= *next && *n > 0) {
                    hand(next, n, json);
                    given += json.len();
                }
                true
            });
            *place = LogPlace { generation: file.generation, at };
            if given >= most {
                return;
            }
        }
        for (_, line) in &self.pending {
            if given >= most {
                return;
            }
            if let Some((n, json)) = parse(&line[..line.len() - 1]).filter(|(n, _)| *n >= *next) {
                hand(next, n, json);
                given += json.len();
            }
        }
        if *next < self.next {
            give(json!({"n": self.next - 1, "kind": "gap", "from": *next, "to": self.next - 1}).to_string().as_bytes());
            *next = self.next;
        }
    }
}

impl LogFile {
    /// Whether this entry is not before the first one of this file.
    fn begins_by(&self, n: u64) -> bool {
        self.marks.first().map_or(false, |(first, _)| *first <= n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;

    struct Place(std::path::PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let path = std::env::temp_dir().join(format!("capsuled-log-{}-{}", std::process::id(), name));
            std::fs::create_dir_all(&path).unwrap();
            Place(path)
        }

        fn control(&self) -> ControlDir {
            let path = format!("{}\0", self.0.display());
            ControlDir::open(sys::open_at(None, path.as_bytes(), libc::O_PATH | libc::O_DIRECTORY).unwrap()).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn add(log: &mut ProcessLog, control: &ControlDir, count: u64) {
        for _ in 0..count {
            log.add("started", 1, json!({"id": "pr-1"}), None);
            assert!(!log.is_full() || log.rotate(control, &[json!({"id": "pr-live"})]));
            assert!(log.write());
        }
    }

    fn all(log: &ProcessLog, from: u64, most: usize) -> Vec<Value> {
        let (mut next, mut place, mut seen) = (from, LogPlace::default(), Vec::new());
        while next < log.next() {
            let before = next;
            log.read(&mut next, &mut place, most, &mut |json| seen.push(serde_json::from_slice(json).unwrap()));
            assert!(next > before);
        }
        seen
    }

    fn numbers(entries: &[Value]) -> Vec<u64> {
        entries.iter().map(|entry| entry["n"].as_u64().unwrap()).collect()
    }

    #[test]
    fn entries_keep_their_numbers_over_a_restart_and_any_size_of_read_gives_all() {
        let place = Place::new("restart");
        let control = place.control();
        let mut log = ProcessLog::open(Some(&control), &mut |_| {});
        add(&mut log, &control, 2000);
        let mut seen = 0;
        let mut again = ProcessLog::open(Some(&control), &mut |value| seen += u64::from(value["n"].is_u64()));
        assert_eq!((seen, again.next()), (2000, 2001));
        add(&mut again, &control, 1);
        for (from, most) in [(1, 1), (1, 1 << 20), (1500, 100), (2001, 1)] {
            assert_eq!(numbers(&all(&again, from, most)), (from..=2001).collect::<Vec<u64>>(), "from {} by {}", from, most);
        }
    }

    #[test]
    fn damaged_lines_are_a_gap_and_what_was_half_written_is_written_over() {
        let place = Place::new("damage");
        let control = place.control();
        let mut log = ProcessLog::open(Some(&control), &mut |_| {});
        add(&mut log, &control, 10);
        let file = place.0.join("processes.log");
        let mut text = std::fs::read(&file).unwrap();
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1)).collect();
        // Two lines stand before the first entry.
        text[starts[5] + 30] ^= 1;
        text[starts[6] + 30] ^= 1;
        text[starts[11] + 30] ^= 1;
        text.extend_from_slice(b"0123456789abcdef 11 {\"half");
        std::fs::write(&file, &text).unwrap();
        let mut again = ProcessLog::open(Some(&control), &mut |_| {});
        assert_eq!(again.next(), 11, "a number that may have been told is not given again");
        add(&mut again, &control, 1);
        let entries = all(&ProcessLog::open(Some(&control), &mut |_| {}), 1, 1 << 20);
        assert_eq!(numbers(&entries), [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(entries[3], json!({"n": 5, "kind": "gap", "from": 4, "to": 5}));
        assert_eq!(entries[8], json!({"n": 10, "kind": "gap", "from": 10, "to": 10}));
    }

    #[test]
    fn two_files_hold_the_latest_entries_and_a_new_one_says_who_lives() {
        let place = Place::new("rotate");
        let control = place.control();
        let mut log = ProcessLog::open(Some(&control), &mut |_| {});
        let long = "x".repeat(100_000);
        for _ in 0..300 {
            log.add("started", 1, json!({ "id": long }), None);
            assert!(!log.is_full() || log.rotate(&control, &[json!({"id": "pr-live"})]));
            assert!(log.write());
        }
        let (mut lives, mut first) = (0, 0);
        let again = ProcessLog::open(Some(&control), &mut |value| {
            lives += u64::from(value["live"]["id"] == "pr-live");
            first = if first == 0 { value["n"].as_u64().unwrap_or(0) } else { first };
        });
        assert_eq!((again.next(), lives), (301, 2));
        assert!(first > 1 && std::fs::read_dir(&place.0).unwrap().count() == 3);
        for from in [1, first, first + 90, 300] {
            let entries = all(&again, from, 1 << 20);
            let begin = if from < first { first - 1 } else { from };
            assert_eq!(numbers(&entries), (begin..=300).collect::<Vec<u64>>());
            assert_eq!(entries[0]["kind"], if from < first { "gap" } else { "started" });
        }
    }

    #[test]
    fn without_a_file_the_latest_entries_stay_in_memory() {
        let mut log = ProcessLog::open(None, &mut |_| {});
        (0..20_000).for_each(|_| log.add("started", 1, json!({"id": "pr-1"}), None));
        assert!(!log.write() && log.pending_bytes <= MAX_PENDING);
        let entries = all(&log, 1, 1 << 10);
        assert_eq!((entries[0]["kind"].as_str(), log.next()), (Some("gap"), 20_001));
        assert_eq!(numbers(&entries).last(), Some(&20_000));
        assert_eq!(entries.len() as u64, 20_000 - entries[0]["n"].as_u64().unwrap() + 1);
    }
}
