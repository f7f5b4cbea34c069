//! What an earlier agent of this capsule left: its ended processes answer again, and what it left
//! running gets its end. Nothing in the files is believed before it is checked.

use crate::agent::Agent;
use crate::digest::{hex, Digest};
use crate::files::{self, ControlDir};
use crate::journal::{Journal, Segment};
use crate::log::ProcessLog;
use crate::process::{cut, Phase, Process, MAX_ARGS_KEPT};
use crate::record::{Stream, Tail};
use crate::replay::{replay, Place};
use crate::request::{is_process_id, Object, StartRequest};
use crate::retention::MAX_KEPT;
use crate::segment::{SegmentHead, SEGMENT_HEAD};
use crate::slab::Key;
use serde_json::{json, Value};
use std::collections::{HashMap, VecDeque};

/// A process as the log has it.
struct Left {
    facts: Value,
    /// None where it was left running.
    end: Option<Value>,
}

#[derive(Default)]
struct Logged {
    running: HashMap<String, Value>,
    ended: VecDeque<Left>,
    /// Unix milliseconds of the latest entry.
    latest_ms: u64,
}

impl Logged {
    fn note(&mut self, value: &Value) {
        self.latest_ms = self.latest_ms.max(value["time_ms"].as_u64().unwrap_or(0));
        let facts = if value["live"].is_object() { &value["live"] } else { &value["process"] };
        let id = match facts["id"].as_str() {
            Some(id) if is_process_id(id) => id.to_string(),
            _ => return,
        };
        if !value["end"].is_object() {
            self.running.insert(id, facts.clone());
            return;
        }
        self.running.remove(&id);
        self.ended.push_back(Left { facts: facts.clone(), end: Some(value["end"].clone()) });
        if self.ended.len() > MAX_KEPT {
            self.ended.pop_front();
        }
    }
}

/// Where a journal stood, as far as its files tell.
struct Traced {
    next_seq: u64,
    offsets: [u64; 2],
    tails: [Tail; 2],
    digests: Option<[Digest; 2]>,
    latest_us: u64,
}

/// Reads the heads of a process's segments, in order; what contradicts the rest is left out.
fn segments_of(control: &ControlDir, id: &str, mut numbers: Vec<u32>) -> (VecDeque<Segment>, Option<SegmentHead>) {
    numbers.sort_unstable();
    let mut segments: VecDeque<Segment> = VecDeque::new();
    let mut last_head = None;
    for number in numbers {
        let file = match control.open_segment(id, number) {
            Ok(file) => file,
            Err(_) => continue,
        };
        let length = files::length(&file);
        let mut bytes = Vec::new();
        let _ = files::pread_into(&file, &mut bytes, SEGMENT_HEAD, 0);
        let mut segment = Segment { number, first_seq: 0, offsets: [0; 2], until: u64::MAX, until_offsets: [0; 2], length };
        let head = SegmentHead::decode(&bytes);
        match &head {
            Some(head) => {
                segment.first_seq = head.first_seq;
                segment.offsets = head.offsets;
            }
            None => {
                // Its first record that can be read tells as much.
                let alone = Journal::recovered(u64::MAX, [0; 2], VecDeque::from(vec![segment.clone()]), 0);
                match search(control, id, &alone, 0) {
                    Some((seq, offsets)) => {
                        segment.first_seq = seq;
                        segment.offsets = offsets;
                    }
                    None => continue,
                }
            }
        }
        let follows = segments
            .back()
            .map_or(true, |last| segment.first_seq > last.first_seq && (0..2).all(|index| segment.offsets[index] >= last.offsets[index]));
        if follows && segment.first_seq > 0 {
            if let Some(last) = segments.back_mut() {
                last.until = segment.first_seq;
                last.until_offsets = segment.offsets;
            }
            segments.push_back(segment);
            last_head = head;
        }
    }
    (segments, last_head)
}

/// The first record from `seq` on that can be read: its number and the offsets before it.
fn search(control: &ControlDir, id: &str, journal: &Journal, seq: u64) -> Option<(u64, [u64; 2])> {
    let (mut buffer, mut place) = (Vec::new(), Place::default());
    loop {
        let found = replay(control, id, journal, seq, place, &mut buffer);
        match found.records.first() {
            Some(first) => return Some((first.stored.header.seq, first.stored.before)),
            None if found.more => place = found.place,
            None => return None,
        }
    }
}

/// Goes over the last segment to where the journal ends.
fn trace(control: &ControlDir, id: &str, segments: &VecDeque<Segment>, head: Option<SegmentHead>) -> Traced {
    let last = match segments.back() {
        Some(last) => last,
        None => {
            let digests = Some([Digest::default(), Digest::default()]);
            return Traced { next_seq: 1, offsets: [0; 2], tails: [Tail::default(); 2], digests, latest_us: 0 };
        }
    };
    let (tails, digests) = head.map_or(([Tail::default(); 2], None), |head| (head.tails, head.digests));
    let mut traced = Traced { next_seq: last.first_seq, offsets: last.offsets, tails, digests, latest_us: 0 };
    let alone = Journal::recovered(u64::MAX, [0; 2], VecDeque::from(vec![last.clone()]), 0);
    let (mut buffer, mut place) = (Vec::new(), Place::default());
    loop {
        let found = replay(control, id, &alone, traced.next_seq, place, &mut buffer);
        for one in &found.records {
            let (bytes, index) = (&buffer[one.bytes.clone()], one.stored.stream.index());
            if one.stored.header.seq != traced.next_seq || one.stored.before != traced.offsets {
                traced.digests = None;
            }
            if let Some(digests) = &mut traced.digests {
                digests[index].update(bytes);
            }
            traced.next_seq = one.stored.header.seq + 1;
            traced.offsets = one.stored.after();
            traced.tails[index] = one.stored.header.tail.after(bytes);
            traced.latest_us = traced.latest_us.max(one.stored.header.time_us);
        }
        place = found.records.last().map_or(found.place, |last| last.end);
        if found.records.is_empty() && !found.more {
            return traced;
        }
    }
}

/// A request as it must have been.
fn request_of(facts: &Value) -> Option<StartRequest> {
    let mut object = Object::new();
    for name in ["id", "tag", "foreground", "key", "by"] {
        object.insert(name.into(), facts[name].clone());
    }
    object.insert("cmd".into(), "unknown".into());
    let mut request = StartRequest::read(&object).ok()?;
    request.program = Default::default();
    let text = |value: &Value| {
        value.as_str().map(|text| {
            let mut text = text.to_string();
            cut(&mut text, MAX_ARGS_KEPT);
            text
        })
    };
    request.cmd = text(&facts["cmd"]).unwrap_or_default();
    request.args = facts["args"].as_array().map_or(Vec::new(), |args| args.iter().filter_map(text).collect());
    Some(request)
}

impl Agent {
    /// Takes over what is in the control directory.
    pub fn recover(&mut self) {
        let control = match self.disk.control.take() {
            Some(control) => control,
            None => return,
        };
        let mut logged = Logged::default();
        self.log = ProcessLog::open(Some(&control), &mut |value| logged.note(value));
        let mut files: HashMap<String, Vec<u32>> = HashMap::new();
        for (id, number) in control.segments() {
            files.entry(id).or_default().push(number);
        }
        let mut running: Vec<Value> = logged.running.into_values().collect();
        running.sort_by_key(|facts| facts["started_at_ms"].as_u64().unwrap_or(0));
        let ended = logged.ended.into_iter();
        let mut lost = Vec::new();
        for left in ended.chain(running.into_iter().map(|facts| Left { facts, end: None })) {
            let numbers = left.facts["id"].as_str().and_then(|id| files.remove(id)).unwrap_or_default();
            let (end_missing, id) = (left.end.is_none(), left.facts["id"].clone());
            let adopted = adopt(&control, left, numbers.clone());
            let known = |number: &u32| {
                adopted.as_ref().map_or(false, |(process, _)| process.journal.segments.iter().any(|one| one.number == *number))
            };
            for number in numbers.iter().filter(|number| !known(number)) {
                control.remove_segment(id.as_str().unwrap_or_default(), *number);
            }
            if let Some((process, latest_ms)) = adopted {
                logged.latest_ms = logged.latest_ms.max(latest_ms);
                lost.extend(self.keep(process, end_missing));
            }
        }
        // Journals of nobody: of plain processes, and of those that are long forgotten.
        for (id, numbers) in files {
            numbers.into_iter().for_each(|number| control.remove_segment(&id, number));
        }
        self.disk.control = Some(control);
        for key in lost {
            self.end_left(key, logged.latest_ms);
        }
        // SAFETY: gives back what reading the files took.
        unsafe { libc::malloc_trim(0) };
    }

    /// Keeps a process as one that has ended; its key where its end is still to be told.
    fn keep(&mut self, process: Process, end_missing: bool) -> Option<Key> {
        if self.by_id.contains_key(&process.request.id) {
            return None;
        }
        self.disk.bytes += process.journal.disk_bytes;
        let (id, name) = (process.request.id.clone(), process.request.key.clone());
        let key = self.processes.insert(process);
        self.by_id.insert(id, key);
        if let Some(name) = name {
            self.by_key.insert(name, key);
        }
        self.ends += 1;
        let order = self.ends;
        if let Some(process) = self.processes.get_mut(key) {
            process.ended_order = order;
        }
        self.retain(key, false);
        if end_missing {
            Some(key)
        } else {
            None
        }
    }

    /// Writes the end of a process that was left running.
    fn end_left(&mut self, key: Key, latest_ms: u64) {
        let reason = self.settings.previous.text();
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        let mut end: Value = process.past_end.take().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_else(|| json!({}));
        let ended = latest_ms.max(process.started_unix_ms);
        end["reason"] = reason.into();
        end["ended_at_ms"] = ended.into();
        end["duration_ms"] = (ended - process.started_unix_ms).into();
        process.past_end = Some(end.to_string().into_boxed_str());
        let (facts, exit) = (process.log_json(), process.exit_json());
        self.log.add("ended", crate::clock::unix() / crate::clock::MS, facts, exit);
        self.write_log();
    }
}

/// A process of an earlier agent with its journal, and the last sign of its life in milliseconds.
fn adopt(control: &ControlDir, left: Left, numbers: Vec<u32>) -> Option<(Process, u64)> {
    let request = request_of(&left.facts)?;
    let had_files = !numbers.is_empty();
    let (mut segments, head) = segments_of(control, &request.id, numbers);
    let number = |value: &Value, name: &str| value[name].as_u64().unwrap_or(0);
    let id = request.id.clone();
    let tag = request.tag.clone();
    let mut process = Process::new(request, None);
    process.program = Vec::new();
    process.phase = Phase::Ended;
    process.pid = left.facts["pid"].as_i64().unwrap_or(0) as i32;
    process.started_unix_ms = number(&left.facts, "started_at_ms");
    if process.is_plain() {
        return None;
    }
    let (next_seq, offsets, gap_bytes, latest_us, end) = match left.end {
        Some(end) => {
            let offsets = [number(&end, "stdout_bytes"), number(&end, "stderr_bytes")];
            if offsets.iter().any(|bytes| *bytes > 0) && !had_files && number(&end, "gap_bytes") < offsets[0] + offsets[1] {
                // Its time was over before, and its files are gone.
                return None;
            }
            (number(&end, "seq").max(1), offsets, number(&end, "gap_bytes"), 0, end)
        }
        None => {
            let traced = trace(control, &id, &segments, head);
            let digest = |stream: Stream| traced.digests.as_ref().map(|digests| digests[stream.index()].hex());
            let tail = |stream: Stream| hex(traced.tails[stream.index()].as_slice());
            let end = json!({
                "id": id, "pid": process.pid, "tag": tag, "seq": traced.next_seq, "exit_code": 137, "signal": "SIGKILL",
                "requested": null, "oom_kills": 0, "started_at_ms": process.started_unix_ms,
                "stdout_bytes": traced.offsets[0], "stderr_bytes": traced.offsets[1], "late_bytes": 0,
                "stdout_sha256": digest(Stream::Stdout), "stderr_sha256": digest(Stream::Stderr),
                "stdout_tail": tail(Stream::Stdout), "stderr_tail": tail(Stream::Stderr),
            });
            (traced.next_seq, traced.offsets, 0, traced.latest_us, end)
        }
    };
    // What lies beyond the end cannot be of this journal.
    segments.retain(|segment| segment.first_seq < next_seq && (0..2).all(|index| segment.offsets[index] <= offsets[index]));
    if let Some(last) = segments.back_mut() {
        last.until = next_seq;
        last.until_offsets = offsets;
    }
    process.journal = Journal::recovered(next_seq, offsets, segments, gap_bytes);
    process.past_end = Some(end.to_string().into_boxed_str());
    Some((process, latest_us / 1000))
}
