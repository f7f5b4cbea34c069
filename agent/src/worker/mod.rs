//! What a child does that serves one connection instead of becoming a program. It is a process of
//! the capsule like any other, but undumpable, and it blocks wherever it likes.

mod archive_read;
mod archive_write;
mod calls;
mod change_mode;
mod channel;
mod copy;
mod dial;
mod digits;
mod draft;
mod entry;
mod list;
mod make_dir;
mod names;
mod path;
mod ports;
mod read;
mod remove;
mod rename;
mod request;
mod stat;
mod stop;
mod tar;
mod walk;
mod watch;
mod write;

use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::request::Object;
use crate::sys;
use channel::Channel;
use serde_json::Value;
use std::convert::TryInto;
use std::os::unix::io::OwnedFd;
use stop::Stop;

/// What a worker is for. The numbers are the first byte of what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Task {
    File = 1,
    Dial = 2,
    Ports = 3,
}

impl Task {
    pub fn from_byte(byte: u8) -> Option<Task> {
        [Task::File, Task::Dial, Task::Ports].into_iter().find(|task| *task as u8 == byte)
    }
}

/// The operations on files.
pub const OPERATIONS: [&str; 12] =
    ["stat", "list", "read", "write", "mkdir", "remove", "move", "copy", "chmod", "archive_read", "archive_write", "watch"];

/// What a worker is given: length, task, and three parts of which the first two tell their length:
/// the request, what the connection has not been sent yet, and what it has sent beyond the request.
pub fn encode(task: Task, request: &[u8], unsent: &[u8], input: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.push(task as u8);
    for part in [request, unsent] {
        out.extend_from_slice(&(part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
    }
    out.extend_from_slice(input);
    let length = (out.len() - 4) as u32;
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let part = bytes.get(4..4 + length)?;
    *bytes = &bytes[4 + length..];
    Some(part)
}

/// Serves the connection and ends this process.
pub fn serve(task: Task, mut given: &[u8], connection: OwnedFd) -> ! {
    if let (Some(request), Some(unsent)) = (part(&mut given), part(&mut given)) {
        let mut channel = Channel::new(connection, given.to_vec());
        if channel.send(unsent).is_ok() {
            let outcome = answer(task, &mut channel, request);
            serve_more(task, channel, outcome);
        }
    }
    sys::exit_now(0)
}

fn answer(task: Task, channel: &mut Channel, request: &[u8]) -> Result<Option<Value>, Stop> {
    match serde_json::from_slice(request) {
        Ok(request) => run(task, channel, &request),
        Err(_) => Err(Refusal::new(Code::Protocol, "the payload is no JSON object").into()),
    }
}

/// Says how it went, and serves the next request that comes soon behind one that went well: a process
/// for each of many short ones would cost more than what they ask for.
fn serve_more(task: Task, mut channel: Channel, mut outcome: Result<Option<Value>, Stop>) {
    loop {
        let result = match outcome {
            Ok(Some(result)) => result,
            Ok(None) | Err(Stop::Gone) => return,
            Err(Stop::Refused(refusal)) => {
                let told = channel.send_json(Kind::Error, &refusal.to_json());
                if told.is_ok() && channel.may_get_more() {
                    channel.linger();
                }
                return;
            }
        };
        if channel.send_json(Kind::Result, &result).is_err() || task != Task::File {
            return;
        }
        if channel.may_get_more() {
            return channel.linger();
        }
        match channel.next_request() {
            Some(request) if may_follow(&request) => outcome = answer(task, &mut channel, &request),
            _ => return,
        }
    }
}

/// What only looks, and soon ends: the agent knows of the first request alone, whose activity lasts as long as this process.
fn may_follow(request: &[u8]) -> bool {
    let request: Object = match serde_json::from_slice(request) {
        Ok(request) => request,
        Err(_) => return false,
    };
    matches!(crate::request::required(&request, "op"), Ok("read") | Ok("stat") | Ok("list"))
}

fn run(task: Task, channel: &mut Channel, request: &Object) -> Result<Option<Value>, Stop> {
    let result = match task {
        Task::File => match crate::request::required(request, "op")? {
            "stat" => stat::run(request)?,
            "list" => list::run(request)?,
            "read" => read::run(channel, request)?,
            "write" => write::run(channel, request)?,
            "mkdir" => make_dir::run(request)?,
            "remove" => remove::run(request)?,
            "move" => rename::run(request)?,
            "copy" => copy::run(request)?,
            "chmod" => change_mode::run(request)?,
            "watch" => watch::run(channel, request)?,
            "archive_read" => archive_read::run(channel, request)?,
            "archive_write" => archive_write::run(channel, request)?,
            _ => return Err(Refusal::of(Code::BadRequest, "op", "is no operation on files").into()),
        },
        Task::Dial => {
            dial::run(channel, request)?;
            return Ok(None);
        }
        Task::Ports => ports::run()?,
    };
    Ok(Some(result))
}
