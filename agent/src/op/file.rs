//! `file`, `dial` and `ports`: what a worker does.

use super::Outcome;
use crate::agent::Agent;
use crate::refusal::{Code, Refusal};
use crate::request::{number, required, Object};
use crate::slab::Key;
use crate::worker::{Task, OPERATIONS};

pub fn file(agent: &mut Agent, key: Key, object: &Object, payload: &[u8]) -> Outcome {
    let name = required(object, "op")?;
    if !OPERATIONS.contains(&name) {
        return Err(Refusal::of(Code::BadRequest, "op", "is no operation on files"));
    }
    // Who only watches does not keep the capsule awake.
    agent.leave(key, Task::File, name != "watch", payload)?;
    Ok(None)
}

pub fn dial(agent: &mut Agent, key: Key, object: &Object, payload: &[u8]) -> Outcome {
    let port = number(object, "port", 0)?;
    if port == 0 || port > u64::from(u16::MAX) {
        return Err(Refusal::of(Code::BadRequest, "port", "must be 1 to 65535"));
    }
    agent.leave(key, Task::Dial, true, payload)?;
    Ok(None)
}

pub fn ports(agent: &mut Agent, key: Key, payload: &[u8]) -> Outcome {
    agent.leave(key, Task::Ports, false, payload)?;
    Ok(None)
}
