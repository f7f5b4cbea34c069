//! `pause` and `resume`: the capsule's clock stands and goes on.

use super::Outcome;
use crate::agent::Agent;
use serde_json::json;

pub fn pause(agent: &mut Agent) -> Outcome {
    // What was printed is in files before the capsule stands still, whatever becomes of it then.
    agent.spill_all();
    agent.clock.pause(agent.now);
    Ok(Some(json!({})))
}

pub fn resume(agent: &mut Agent) -> Outcome {
    agent.clock.resume(agent.now);
    Ok(Some(json!({})))
}
