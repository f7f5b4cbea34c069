//! `cancel`: the process under way on this connection is to end.

use crate::agent::Agent;
use crate::connection::Operation;
use crate::process::{Phase, Reason};
use crate::refusal::{Code, Refusal};
use crate::request::{number, Object};
use crate::slab::Key;
use serde_json::Value;

/// Milliseconds between SIGTERM and SIGKILL where the host says nothing.
const DEFAULT_GRACE_MS: u64 = 2000;

pub fn run(agent: &mut Agent, key: Key, operation: Operation, payload: &[u8]) {
    let process = match operation {
        Operation::Starting(process) => process,
        Operation::Reading(cursor) => cursor.process,
        // It crossed the last frame of an operation that has just ended.
        Operation::Idle | Operation::Closing | Operation::Leaving(_) => return,
        Operation::Unknown | Operation::Shutdown | Operation::Ranging(_) | Operation::Logging(_) | Operation::Listing => {
            return agent.protocol_error(key, "nothing to cancel")
        }
    };
    let read = |object: &Object| -> Result<(Reason, u64), Refusal> {
        let reason = match object.get("reason").and_then(Value::as_str) {
            Some("client_gone") => Reason::ClientGone,
            Some("stopped") => Reason::Stopped,
            Some("timed_out") => Reason::TimedOut,
            _ => return Err(Refusal::of(Code::BadRequest, "reason", "must be client_gone, stopped or timed_out")),
        };
        Ok((reason, number(object, "grace_ms", DEFAULT_GRACE_MS)?))
    };
    let (reason, grace_ms) = match serde_json::from_slice(payload).ok().map(|object| read(&object)) {
        Some(Ok(asked)) => asked,
        Some(Err(refusal)) => return agent.protocol_error(key, &refusal.message),
        None => return agent.protocol_error(key, "the payload is no JSON object"),
    };
    let by = match reason {
        Reason::TimedOut => "timeout",
        Reason::ClientGone => "disconnect",
        _ => "cancel",
    };
    match agent.processes.get_mut(process) {
        Some(found) if matches!(found.phase, Phase::Waiting | Phase::Launching) => found.cancel = Some((reason, grace_ms)),
        Some(_) => agent.end_tree(process, by, reason, grace_ms),
        None => {}
    }
}
