//! `attach`: one more reader of a process.

use super::Outcome;
use crate::agent::Agent;
use crate::connection::{Cursor, Operation};
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::replay::{replay, Place};
use crate::request::{required, Object};
use crate::slab::Key;
use serde_json::Value;

pub fn run(agent: &mut Agent, key: Key, object: &Object) -> Outcome {
    let selector = required(object, "selector")?;
    let found = agent.select(selector);
    let (process_key, process) = match found.and_then(|found| Some((found, agent.processes.get_mut(found)?))) {
        Some(found) => found,
        None => return Err(Refusal::new(Code::NotFound, "no such process")),
    };
    let next = process.journal.next_seq();
    let from = match object.get("from") {
        None | Some(Value::Null) => next,
        Some(Value::String(word)) if word == "now" => next,
        Some(Value::String(word)) if word == "start" => 1,
        Some(value) => match value.as_u64() {
            Some(number) if number >= 1 && number <= process.last_from() => number,
            Some(number) if number >= 1 => {
                return Err(Refusal::of(Code::InvalidOffset, "from", format!("the next record is {}", next)));
            }
            _ => return Err(Refusal::of(Code::BadRequest, "from", "must be now, start or a record's number")),
        },
    };
    let started = process.started_json(from);
    process.readers.push(key);
    let (before, place) = agent.before(process_key, from);
    let (now, unfrozen) = (agent.now, agent.unfrozen());
    agent.last_activity = unfrozen;
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.push_json(Kind::Started, &started);
        connection.progress = now;
        let cursor = Cursor { process: process_key, next: from, before, place, sent: 0, own: false };
        connection.operation = Operation::Reading(cursor);
        agent.mark_dirty(key);
    }
    Ok(None)
}

impl Agent {
    /// Where both streams stood before a record, and where in files it may stand. For one that is
    /// gone, where they stood before an earlier one that is remembered.
    fn before(&self, key: Key, seq: u64) -> ([u64; 2], Place) {
        let process = match self.processes.get(key) {
            Some(process) => process,
            None => return ([0; 2], Place::default()),
        };
        let journal = &process.journal;
        if seq <= 1 {
            return ([0; 2], Place::default());
        }
        if seq >= journal.memory_start().0 {
            let record = journal.read_from(seq).next();
            return (record.map_or(journal.offsets(), |record| record.before), Place::default());
        }
        let mut before = journal.before_gone(seq);
        let control = match &self.disk.control {
            Some(control) if seq >= journal.kept_start().0 => control,
            _ => return (before, Place::default()),
        };
        let (mut place, mut buffer) = (Place::default(), Vec::new());
        loop {
            let found = replay(control, &process.request.id, journal, seq, place, &mut buffer);
            before = found.before.unwrap_or(before);
            match found.records.first() {
                Some(first) if first.stored.header.seq == seq => return (first.stored.before, found.place),
                None if found.more => place = found.place,
                _ => return (before, Place::default()),
            }
        }
    }
}
