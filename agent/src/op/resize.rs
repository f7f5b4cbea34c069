//! `resize`: a terminal has another size from now on.

use super::stdin::process_of;
use crate::agent::Agent;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::request::{terminal_size, Object};
use crate::slab::Key;
use crate::terminal;

pub fn run(agent: &mut Agent, key: Key, operation: Operation, payload: &[u8]) {
    let object: Object = match serde_json::from_slice(payload) {
        Ok(object) => object,
        Err(_) => return agent.protocol_error(key, "the payload is no JSON object"),
    };
    let process = match process_of(agent, key, operation).and_then(|process| agent.processes.get_mut(process)) {
        Some(process) => process,
        None => return,
    };
    let refusal = match (terminal_size(&object, false), process.request.pty) {
        (Err(refusal), _) => refusal,
        (_, None) => Refusal::new(Code::BadRequest, "the process has no terminal"),
        (Ok(size), Some(_)) => {
            process.request.pty = Some(size);
            if let Some(master) = &process.outputs[0].pipe {
                let _ = terminal::resize(master, size);
            }
            return;
        }
    };
    agent.reply(key, Kind::Error, &refusal.to_json());
}
