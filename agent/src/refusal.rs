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
    StdinGap,
    ShuttingDown,
    Paused,
    IsDirectory,
    NotDirectory,
    NotFile,
    Exists,
    NotEmpty,
    PermissionDenied,
    SymlinkLoop,
    NameTooLong,
    ReadOnly,
    DiskFull,
    Busy,
    Changed,
    TooDeep,
    Outside,
    BadArchive,
    WatchLimit,
    FileLimit,
    PortLimit,
    Refused,
    Timeout,
    NoTerminal,
    Cancelled,
    IoError,
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
            Code::StdinGap => "stdin_gap",
            Code::ShuttingDown => "shutting_down",
            Code::Paused => "paused",
            Code::IsDirectory => "is_directory",
            Code::NotDirectory => "not_directory",
            Code::NotFile => "not_a_file",
            Code::Exists => "exists",
            Code::NotEmpty => "not_empty",
            Code::PermissionDenied => "permission_denied",
            Code::SymlinkLoop => "symlink_loop",
            Code::NameTooLong => "name_too_long",
            Code::ReadOnly => "read_only",
            Code::DiskFull => "disk_full",
            Code::Busy => "busy",
            Code::Changed => "changed",
            Code::TooDeep => "too_deep",
            Code::Outside => "outside",
            Code::BadArchive => "bad_archive",
            Code::WatchLimit => "watch_limit",
            Code::FileLimit => "file_limit",
            Code::PortLimit => "port_limit",
            Code::Refused => "refused",
            Code::Timeout => "timeout",
            Code::NoTerminal => "no_terminal",
            Code::Cancelled => "cancelled",
            Code::IoError => "io_error",
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
    pub fn shutting_down() -> Refusal {
        Refusal::new(Code::ShuttingDown, "the capsule is shutting down")
    }

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
