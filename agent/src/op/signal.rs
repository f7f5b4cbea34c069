//! `signal`: SIGTERM or SIGKILL for a whole tree.

use super::Outcome;
use crate::agent::Agent;
use crate::process::Reason;
use crate::procfs;
use crate::refusal::{Code, Refusal};
use crate::request::{required, text, Object, MAX_BY};
use serde_json::json;

pub fn run(agent: &mut Agent, object: &Object) -> Outcome {
    let selector = required(object, "selector")?;
    let signal = match required(object, "signal")? {
        "SIGTERM" => libc::SIGTERM,
        "SIGKILL" => libc::SIGKILL,
        _ => return Err(Refusal::of(Code::BadRequest, "signal", "must be SIGTERM or SIGKILL")),
    };
    let mut by = text(object, "by")?.unwrap_or("").to_string();
    crate::process::cut(&mut by, MAX_BY);
    agent.touch_activity();
    let gone = || Refusal::new(Code::NotFound, "no such process");
    let selected = agent.select(selector);
    if let Some(key) = selected.filter(|key| agent.processes.get(*key).map_or(false, |process| process.is_live())) {
        agent.signal_tree(key, signal, &by, Reason::Killed);
        return Ok(Some(json!({})));
    }
    let pid: i32 = selector.parse().map_err(|_| gone())?;
    agent.read_answers();
    let lives = procfs::stat(pid).map_or(false, |stat| !stat.is_zombie);
    if pid <= 1 || !lives || agent.is_own(pid) || agent.untold_children().contains(&pid) {
        return Err(gone());
    }
    agent.signal_descendants(pid, signal);
    Ok(Some(json!({})))
}
