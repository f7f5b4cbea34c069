//! `attach`: one more reader of a process.

use super::Outcome;
use crate::agent::Agent;
use crate::connection::{Cursor, Operation};
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::request::{required, Object};
use crate::slab::Key;
use serde_json::{json, Value};

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
            // After the end, its own number and the one behind it are as good as the end.
            Some(number) if number >= 1 && number <= next + u64::from(process.is_ended()) => number,
            Some(number) if number >= 1 => {
                return Err(Refusal::of(Code::InvalidOffset, "from", format!("the next record is {}", next)));
            }
            _ => return Err(Refusal::of(Code::BadRequest, "from", "must be now, start or a record's number")),
        },
    };
    let gap = process.journal.gap_from(from);
    let started = process.started_json(from);
    process.readers.push(key);
    let (now, unfrozen) = (agent.now, agent.unfrozen());
    agent.last_activity = unfrozen;
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.push_json(Kind::Started, &started);
        if let Some(gap) = gap {
            let told = json!({
                "from_seq": gap.from_seq, "to_seq": gap.to_seq,
                "stdout_bytes": gap.bytes[0], "stderr_bytes": gap.bytes[1],
            });
            connection.push_json(Kind::Gap, &told);
        }
        connection.progress = now;
        let next = gap.map_or(from, |gap| gap.to_seq + 1);
        connection.operation = Operation::Reading(Cursor { process: process_key, next, sent: 0 });
        agent.mark_dirty(key);
    }
    Ok(None)
}
