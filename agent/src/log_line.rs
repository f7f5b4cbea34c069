//! The lines of the log's files: `<checksum> <number> <json>`.

use crate::files;
use crate::segment::checksum;
use std::os::unix::io::OwnedFd;

/// Bytes of a file that are read at once; every line is shorter.
const CHUNK: usize = 128 * 1024;

/// A line of a file: its number (0 for what is no entry) and its JSON.
pub fn line(n: u64, json: &[u8]) -> Vec<u8> {
    let number = n.to_string();
    let sum = checksum(n, [number.as_bytes(), json]);
    let mut line = format!("{:016x} {} ", sum, number).into_bytes();
    line.extend_from_slice(json);
    line.push(b'\n');
    line
}

/// Reads a line without its end; none where it is damaged.
pub fn parse(line: &[u8]) -> Option<(u64, &[u8])> {
    let rest = line.get(17..).filter(|_| line[16] == b' ')?;
    let sum = u64::from_str_radix(std::str::from_utf8(&line[..16]).ok()?, 16).ok()?;
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let (number, json) = (&rest[..space], &rest[space + 1..]);
    let n: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    if checksum(n, [number, json]) == sum {
        Some((n, json))
    } else {
        None
    }
}

/// A line of a file as a walk shows it.
pub struct Visited<'a> {
    /// Number and JSON; none where it is damaged.
    pub entry: Option<(u64, &'a [u8])>,
    pub at: u64,
    /// The place behind it.
    pub end: u64,
}

/// Goes over the lines of a file from `at` on for as long as `visit` says so; gives where it stopped.
pub fn walk(file: &OwnedFd, mut at: u64, length: u64, visit: &mut dyn FnMut(Visited<'_>) -> bool) -> u64 {
    let mut buffer = Vec::new();
    while at < length {
        let limit = CHUNK.min((length - at) as usize);
        let got = match files::pread_into(file, &mut buffer, limit, at) {
            Ok(got) if got > 0 => got,
            _ => return length,
        };
        let mut done = 0;
        while let Some(size) = buffer[done..].iter().position(|byte| *byte == b'\n') {
            let (start, end) = (at + done as u64, at + (done + size + 1) as u64);
            if !visit(Visited { entry: parse(&buffer[done..done + size]), at: start, end }) {
                return start;
            }
            done += size + 1;
        }
        // What has no end within a chunk is no line.
        at += if done > 0 { done as u64 } else { got as u64 };
    }
    at
}
