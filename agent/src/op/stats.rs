//! `stats`: the agent's own numbers.

use super::Outcome;
use crate::agent::Agent;
use serde_json::json;

pub fn run(agent: &mut Agent) -> Outcome {
    let live = agent.processes.iter().filter(|(_, process)| process.is_live()).count();
    Ok(Some(json!({
        "boot_id": agent.boot_id, "idle_ms": agent.idle_ms(), "busy": agent.busy, "processes": live,
        "journal_bytes": agent.journal_bytes, "journal_disk_bytes": agent.disk.bytes,
        "journal_errors": agent.disk.errors, "log_next": agent.log.next(), "connections": agent.connections.len(),
    })))
}
