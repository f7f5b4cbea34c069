//! `hello`: the host says who it is.

use crate::agent::Agent;
use crate::connection::Operation;
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::request::Object;
use crate::slab::Key;
use serde_json::{json, Value};

/// The version of the protocol.
pub const VERSION: u64 = 1;

pub fn run(agent: &mut Agent, key: Key, payload: &[u8]) {
    let object: Object = match serde_json::from_slice(payload) {
        Ok(object) => object,
        Err(_) => return agent.protocol_error(key, "the payload is no JSON object"),
    };
    let says = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("");
    if says("capsule") != agent.settings.capsule || !agent.settings.is_secret(says("secret")) {
        return agent.refuse_and_close(key, Refusal::new(Code::Unauthorized, "not this capsule's host"));
    }
    if object.get("version").and_then(Value::as_u64) != Some(VERSION) {
        let message = format!("this agent speaks version {}", VERSION);
        return agent.refuse_and_close(key, Refusal::of(Code::VersionUnsupported, "version", message));
    }
    let welcome = json!({
        "version": VERSION, "agent": env!("CARGO_PKG_VERSION"), "capsule": agent.settings.capsule,
        "boot_id": agent.boot_id, "idle_ms": agent.idle_ms(), "busy": agent.busy, "paused": agent.clock.is_paused(),
    });
    if let Some(connection) = agent.connections.get_mut(key) {
        connection.operation = Operation::Idle;
    }
    agent.reply(key, Kind::Welcome, &welcome);
}
