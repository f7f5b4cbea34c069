//! The requests of a host, checked: what is wrong names its field.

use crate::program::{Program, DEFAULT_PATH};
use crate::refusal::{Code, Refusal};
use crate::terminal::{self, Size};
use serde_json::{Map, Value};

/// A request's JSON object.
pub type Object = Map<String, Value>;

/// Most supplementary groups of a process.
const MAX_GROUPS: usize = 64;
/// Most bytes of a key.
pub const MAX_KEY: usize = 255;
/// Most bytes that are kept of who asked for something.
pub const MAX_BY: usize = 256;

/// What the end of a connection without `cancel` means for the process it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDisconnect {
    Continue,
    Kill,
    Grace,
}

/// What happens to a process whose journal is full of what nobody has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// The oldest output goes.
    Drop,
    /// The process waits.
    Block,
}

#[derive(Clone, Debug)]
pub struct StartRequest {
    pub id: String,
    /// Empty for none.
    pub tag: String,
    pub cmd: String,
    pub args: Vec<String>,
    pub program: Program,
    pub attach: bool,
    pub stdin: bool,
    /// The size of its terminal, if it has one.
    pub pty: Option<Size>,
    /// 0 for none.
    pub timeout_ms: u64,
    pub foreground: bool,
    /// Counts as activity while it runs.
    pub busy: bool,
    pub on_disconnect: OnDisconnect,
    pub on_full: OnFull,
    /// Starts with the same key start one process.
    pub key: Option<String>,
    /// Who asked for it.
    pub by: Option<String>,
}

pub fn wrong(field: &'static str, message: &str) -> Refusal {
    Refusal::of(Code::BadRequest, field, message)
}

/// A string without NUL; `None` where it is left out.
pub fn text<'a>(object: &'a Object, field: &'static str) -> Result<Option<&'a str>, Refusal> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('\0') => Ok(Some(text)),
        Some(_) => Err(wrong(field, "must be a string without NUL")),
    }
}

pub fn required<'a>(object: &'a Object, field: &'static str) -> Result<&'a str, Refusal> {
    text(object, field)?.filter(|text| !text.is_empty()).ok_or_else(|| wrong(field, "is missing"))
}

pub fn flag(object: &Object, field: &'static str, default: bool) -> Result<bool, Refusal> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(wrong(field, "must be true or false")),
    }
}

/// A whole number from 0.
pub fn number(object: &Object, field: &'static str, default: u64) -> Result<u64, Refusal> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_u64().ok_or_else(|| wrong(field, "must be a whole number from 0")),
    }
}

pub fn id(value: u64, field: &'static str) -> Result<u32, Refusal> {
    // The greatest 32-bit number means "leave it as it is" to the kernel.
    if value < u64::from(u32::MAX) {
        Ok(value as u32)
    } else {
        Err(wrong(field, "is no user or group id"))
    }
}

fn strings(object: &Object, field: &'static str) -> Result<Vec<String>, Refusal> {
    let list = match object.get(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong(field, "must be a list of strings")),
    };
    let check = |value: &Value| match value.as_str() {
        Some(text) if !text.contains('\0') => Ok(text.to_string()),
        _ => Err(wrong(field, "must hold only strings without NUL")),
    };
    list.iter().map(check).collect()
}

fn environment(object: &Object) -> Result<Vec<String>, Refusal> {
    let map = match object.get("env") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(map)) => map,
        Some(_) => return Err(wrong("env", "must be an object of strings")),
    };
    let pair = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) if !name.is_empty() && !name.contains(&['=', '\0'][..]) && !text.contains('\0') => Ok(format!("{}={}", name, text)),
        _ => Err(wrong("env", "must hold only strings, and names without '=' or NUL")),
    };
    map.iter().map(pair).collect()
}

/// Whether this has the form of a process id.
pub fn is_process_id(text: &str) -> bool {
    text.len() == 28 && text.starts_with("pr-") && text.bytes().skip(3).all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

fn is_tag(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().map_or(false, |byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with("pr-")
}

impl StartRequest {
    pub fn read(object: &Object) -> Result<StartRequest, Refusal> {
        let process = required(object, "id")?;
        if !is_process_id(process) {
            return Err(wrong("id", "is no process id"));
        }
        let tag = text(object, "tag")?.unwrap_or("");
        if !tag.is_empty() && !is_tag(tag) {
            return Err(wrong("tag", "is no tag"));
        }
        let cwd = text(object, "cwd")?.unwrap_or("/");
        if !cwd.starts_with('/') {
            return Err(wrong("cwd", "must be absolute"));
        }
        let on_disconnect = match text(object, "on_disconnect")?.unwrap_or("continue") {
            "continue" => OnDisconnect::Continue,
            "kill" => OnDisconnect::Kill,
            "grace" => OnDisconnect::Grace,
            _ => return Err(wrong("on_disconnect", "must be continue, kill or grace")),
        };
        let on_full = match text(object, "on_full")?.unwrap_or("drop") {
            "drop" => OnFull::Drop,
            "block" => OnFull::Block,
            _ => return Err(wrong("on_full", "must be drop or block")),
        };
        let key = text(object, "key")?;
        if key.map_or(false, |key| key.is_empty() || key.len() > MAX_KEY) {
            return Err(wrong("key", "must have 1 to 255 bytes"));
        }
        let mut by = text(object, "by")?.map(String::from);
        if let Some(by) = &mut by {
            crate::process::cut(by, MAX_BY);
        }
        let cmd = required(object, "cmd")?.to_string();
        let args = strings(object, "args")?;
        let foreground = flag(object, "foreground", false)?;
        Ok(StartRequest {
            id: process.to_string(),
            tag: tag.to_string(),
            program: program(object, &cmd, &args, cwd)?,
            cmd,
            args,
            attach: flag(object, "attach", true)?,
            stdin: flag(object, "stdin", false)?,
            pty: pty(object)?,
            timeout_ms: number(object, "timeout_ms", 0)?,
            foreground,
            busy: flag(object, "busy", foreground)?,
            on_disconnect,
            on_full,
            key: key.map(String::from),
            by,
        })
    }
}

/// Columns and rows, of the usual size where they may be left out.
pub fn terminal_size(object: &Object, optional: bool) -> Result<Size, Refusal> {
    let one = |field, usual| match number(object, field, if optional { usual } else { 0 })? {
        value if (1..=terminal::MAX_SIZE).contains(&value) => Ok(value as u16),
        _ => Err(wrong(field, "must be 1 to 1000")),
    };
    Ok((one("cols", 80)?, one("rows", 24)?))
}

fn pty(object: &Object) -> Result<Option<Size>, Refusal> {
    match object.get("pty") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(size)) => terminal_size(size, true).map(Some),
        Some(_) => Err(wrong("pty", "must be an object")),
    }
}

fn program(object: &Object, cmd: &str, args: &[String], cwd: &str) -> Result<Program, Refusal> {
    let terminal = pty(object)?;
    let mut env = environment(object)?;
    if terminal.is_some() && !env.iter().any(|pair| pair.starts_with("TERM=")) {
        env.push(terminal::TERM.to_string());
    }
    let path = env.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH).to_string();
    let empty = Object::new();
    let user = match object.get("user") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(user)) => user,
        Some(_) => return Err(wrong("user", "must be an object")),
    };
    let groups = match user.get("groups") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) if list.len() <= MAX_GROUPS => {
            list.iter().map(|value| id(value.as_u64().unwrap_or(u64::MAX), "user")).collect::<Result<Vec<u32>, Refusal>>()?
        }
        Some(_) => return Err(wrong("user", "groups must be a short list of ids")),
    };
    let mut argv = vec![cmd.to_string()];
    argv.extend_from_slice(args);
    Ok(Program {
        uid: id(number(user, "uid", 0)?, "user")?,
        gid: id(number(user, "gid", 0)?, "user")?,
        groups,
        cwd: cwd.to_string(),
        cmd: cmd.to_string(),
        path,
        args: argv,
        env,
        terminal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(change: Value) -> Result<StartRequest, Refusal> {
        let mut object = Object::new();
        object.insert("id".into(), json!("pr-abcdefghijklmnopqrstuvwxy"));
        object.insert("cmd".into(), json!("true"));
        for (name, value) in change.as_object().unwrap() {
            object.insert(name.clone(), value.clone());
        }
        StartRequest::read(&object)
    }

    #[test]
    fn what_is_wrong_in_a_start_names_its_field() {
        assert!(read(json!({})).is_ok());
        let cases = [
            (json!({"id": "pr-1"}), "id"),
            (json!({"id": "pr-ABCDEFGHIJKLMNOPQRSTUVWXY"}), "id"),
            (json!({"cmd": ""}), "cmd"),
            (json!({"cmd": "a\u{0}b"}), "cmd"),
            (json!({"args": "x"}), "args"),
            (json!({"args": ["a\u{0}"]}), "args"),
            (json!({"args": [1]}), "args"),
            (json!({"env": {"A=B": "c"}}), "env"),
            (json!({"env": {"": "c"}}), "env"),
            (json!({"env": {"A": 1}}), "env"),
            (json!({"cwd": "root"}), "cwd"),
            (json!({"tag": "12"}), "tag"),
            (json!({"tag": "pr-x"}), "tag"),
            (json!({"tag": "a b"}), "tag"),
            (json!({"tag": "-a"}), "tag"),
            (json!({"user": {"uid": -1}}), "uid"),
            (json!({"user": {"uid": 4294967295u64}}), "user"),
            (json!({"user": {"groups": ["x"]}}), "user"),
            (json!({"user": 0}), "user"),
            (json!({"attach": 1}), "attach"),
            (json!({"timeout_ms": 1.5}), "timeout_ms"),
            (json!({"on_disconnect": "x"}), "on_disconnect"),
            (json!({"on_full": "wait"}), "on_full"),
            (json!({"key": ""}), "key"),
            (json!({"key": "k".repeat(256)}), "key"),
            (json!({"by": 1}), "by"),
            (json!({"pty": 1}), "pty"),
            (json!({"pty": {"cols": 0}}), "cols"),
            (json!({"pty": {"rows": 1001}}), "rows"),
        ];
        for (change, field) in cases {
            let refusal = read(change.clone()).expect_err(&change.to_string());
            assert_eq!((refusal.code, refusal.field), (Code::BadRequest, Some(field)), "{}", change);
        }
    }
}
