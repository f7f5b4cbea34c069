//! The agent of a capsule. PROTOCOL.md says what it promises.

pub mod frame;
pub mod record;
