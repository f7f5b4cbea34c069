//! `get`: the facts of one process.

use super::Outcome;
use crate::agent::Agent;
use crate::refusal::{Code, Refusal};
use crate::request::{required, Object};
use serde_json::json;

pub fn run(agent: &mut Agent, object: &Object) -> Outcome {
    let found = agent.select(required(object, "selector")?);
    match found.and_then(|key| agent.processes.get(key)) {
        Some(process) => Ok(Some(json!({"process": process.facts_json()}))),
        None => Err(Refusal::new(Code::NotFound, "no such process")),
    }
}
