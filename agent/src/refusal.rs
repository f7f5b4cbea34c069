//! Why an operation cannot be done: the `error` frame.

use serde_json::{json, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Unauthorized,
    VersionUnsupported,
    Protocol,
    BadRequest,
    NotFound,
    NotExecutable,
    CwdNotFound,
    ProcessLimit,
    TooBig,
    TagInUse,
    InvalidOffset,
    SlowConsumer,
    StdinFull,
    ShuttingDown,
    Paused,
}

impl Code {
    pub fn text(self) -> &'static str {
        match self {
            Code::Unauthorized => "unauthorized",
            Code::VersionUnsupported => "version_unsupported",
            Code::Protocol => "protocol",
            Code::BadRequest => "bad_request",
            Code::NotFound => "not_found",
            Code::NotExecutable => "not_executable",
            Code::CwdNotFound => "cwd_not_found",
            Code::ProcessLimit => "process_limit",
            Code::TooBig => "too_big",
            Code::TagInUse => "tag_in_use",
            Code::InvalidOffset => "invalid_offset",
            Code::SlowConsumer => "slow_consumer",
            Code::StdinFull => "stdin_full",
            Code::ShuttingDown => "shutting_down",
            Code::Paused => "paused",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    pub field: Option<&'static str>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), field: None }
    }

    /// A refusal because of one field of the request.
    pub fn of(code: Code, field: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), field: Some(field) }
    }

    pub fn to_json(&self) -> Value {
        match self.field {
            Some(field) => json!({"code": self.code.text(), "message": self.message, "field": field}),
            None => json!({"code": self.code.text(), "message": self.message}),
        }
    }
}
