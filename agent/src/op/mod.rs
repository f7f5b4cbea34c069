//! The operations of the protocol, one a file.

pub mod attach;
pub mod cancel;
pub mod file;
pub mod get;
pub mod hello;
pub mod list;
pub mod log;
pub mod output;
pub mod pause;
pub mod resize;
pub mod shutdown;
pub mod signal;
pub mod start;
pub mod stats;
pub mod stdin;

use crate::agent::Agent;
use crate::frame::Kind;
use crate::refusal::Refusal;
use crate::request::Object;
use crate::slab::Key;
use serde_json::{json, Value};

/// What an operation gives at once: its result, a refusal, or nothing because it goes on.
type Outcome = Result<Option<Value>, Refusal>;

/// Begins an operation on an idle connection.
pub fn begin(agent: &mut Agent, key: Key, kind: Kind, payload: &[u8]) {
    let object: Object = match serde_json::from_slice(payload) {
        Ok(object) => object,
        Err(_) => return agent.protocol_error(key, "the payload is no JSON object"),
    };
    let outcome = match kind {
        Kind::Start => start::run(agent, key, &object),
        Kind::Attach => attach::run(agent, key, &object),
        Kind::List => list::run(agent, key),
        Kind::Signal => signal::run(agent, &object),
        Kind::Get => get::run(agent, &object),
        Kind::Stats => stats::run(agent),
        Kind::Touch => {
            agent.touch_activity();
            Ok(Some(json!({})))
        }
        Kind::Pause => pause::pause(agent),
        Kind::Resume => pause::resume(agent),
        Kind::Shutdown => shutdown::run(agent, key, &object),
        Kind::Log => log::run(agent, key, &object),
        Kind::Output => output::run(agent, key, &object),
        Kind::File => file::file(agent, key, &object, payload),
        Kind::Dial => file::dial(agent, key, &object, payload),
        Kind::Ports => file::ports(agent, key, payload),
        Kind::Hello | Kind::Stdin | Kind::StdinAt | Kind::StdinClose | Kind::Cancel | Kind::Resize => {
            return agent.protocol_error(key, "this begins no operation");
        }
        Kind::Welcome
        | Kind::Started
        | Kind::Stdout
        | Kind::Stderr
        | Kind::Gap
        | Kind::Exit
        | Kind::Result
        | Kind::Error
        | Kind::StdinRoom
        | Kind::Entry
        | Kind::Head
        | Kind::Bytes => return agent.protocol_error(key, "only the agent sends this"),
    };
    let (kind, value) = match outcome {
        Ok(None) => return,
        Ok(Some(value)) => (Kind::Result, value),
        Err(refusal) => (Kind::Error, refusal.to_json()),
    };
    agent.reply(key, kind, &value);
}

impl Agent {
    /// Puts a frame behind what a connection has not taken yet.
    pub fn reply(&mut self, key: Key, kind: Kind, value: &Value) {
        if let Some(connection) = self.connections.get_mut(key) {
            connection.push_json(kind, value);
            self.mark_dirty(key);
        }
    }
}
