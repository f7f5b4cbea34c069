//! `list`: every process of the capsule but the agent's own.

use super::Outcome;
use crate::agent::Agent;
use crate::frame::MAX_PAYLOAD;
use crate::procfs;
use serde_json::{json, Value};

/// Bytes of a list beside which a frame has room for the rest.
const BUDGET: usize = MAX_PAYLOAD - 64 * 1024;

pub fn run(agent: &mut Agent) -> Outcome {
    let mut pids = procfs::pids();
    agent.read_answers();
    let untold = agent.untold_children();
    // Those started through the API first, should there be more than a frame holds.
    pids.sort_by_key(|pid| (!agent.by_pid.contains_key(pid), *pid));
    let (mut list, mut size, mut truncated) = (Vec::new(), 0, false);
    for pid in pids {
        if agent.is_own(pid) || untold.contains(&pid) {
            continue;
        }
        let entry = match describe(agent, pid) {
            Some(entry) => entry,
            None => continue,
        };
        size += entry.to_string().len() + 1;
        if size > BUDGET {
            truncated = true;
            break;
        }
        list.push(entry);
    }
    let mut result = json!({"processes": list});
    if truncated {
        result["truncated"] = Value::Bool(true);
    }
    Ok(Some(result))
}

fn describe(agent: &Agent, pid: i32) -> Option<Value> {
    let stat = procfs::stat(pid)?;
    if let Some(process) = agent.by_pid.get(&pid).and_then(|key| agent.processes.get(*key)) {
        return Some(json!({
            "id": process.request.id, "pid": pid, "ppid": stat.ppid, "tag": process.request.tag,
            "cmd": process.request.cmd, "args": process.request.args, "started_at_ms": process.started_unix_ms,
        }));
    }
    if stat.is_zombie {
        return None;
    }
    let mut line = procfs::command_line(pid);
    let cmd = if line.is_empty() { String::new() } else { line.remove(0) };
    Some(json!({
        "id": null, "pid": pid, "ppid": stat.ppid, "tag": "", "cmd": cmd, "args": line,
        "started_at_ms": procfs::started_ms(stat.start_ticks),
    }))
}
