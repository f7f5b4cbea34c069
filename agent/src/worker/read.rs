//! `read`: the bytes of a file, or a range of them.

use super::calls::{self, About};
use super::channel::{Channel, CHUNK};
use super::entry::modified_ms;
use super::path::text;
use super::request;
use super::stop::{refused, stop, Stop};
use crate::digest::Digest;
use crate::frame::{self, Kind, HEADER};
use crate::refusal::{Code, Refusal};
use crate::request::{number, Object};
use serde_json::{json, Value};
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Most bytes of a file that does not tell its size beforehand, as those of /proc.
const MAX_UNTOLD: usize = 1 << 20;

pub fn run(channel: &mut Channel, object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let from = number(object, "from", 0)?;
    let most = number(object, "length", u64::MAX)?;
    let (file, about) = open_regular(&path)?;
    let untold = if about.st_size == 0 { read_untold(&file, &path)? } else { Vec::new() };
    let size = (about.st_size as u64).max(untold.len() as u64);
    if from > size {
        return Err(Refusal::of(Code::InvalidOffset, "from", format!("the file has {} bytes", size)).into());
    }
    let length = most.min(size - from);
    let head = json!({
        "size": size, "from": from, "length": length, "modified_at_ms": modified_ms(&about),
        "mode": about.st_mode & 0o7777, "uid": about.st_uid, "gid": about.st_gid, "inode": about.st_ino,
    });
    // What goes out in one write: the head with the first bytes, and of a short file all there is to say.
    let mut out = Vec::new();
    frame::encode(Kind::Head, head.to_string().as_bytes(), &mut out);
    let mut digest = Digest::default();
    let (mut at, end, mut start) = (from, from + length, out.len());
    while at < end {
        let wanted = CHUNK.min(usize::try_from(end - at).unwrap_or(CHUNK));
        let begin = start + HEADER;
        if out.len() < begin + wanted {
            out.resize(begin + wanted, 0);
        }
        let place = &mut out[begin..begin + wanted];
        let got = if untold.is_empty() {
            calls::read_at(&file, place, at).map_err(|errno| refused(errno, &path))?
        } else {
            place.copy_from_slice(&untold[at as usize..at as usize + wanted]);
            wanted
        };
        if got == 0 {
            return Err(stop(Code::Changed, "the file has become shorter meanwhile", &path));
        }
        digest.update(&place[..got]);
        out[start..begin].copy_from_slice(&frame::header(Kind::Bytes, got));
        at += got as u64;
        start = begin + got;
        if at < end {
            channel.send(&out[..start])?;
            start = 0;
        }
    }
    out.truncate(start);
    if length > CHUNK as u64 && rewritten(&about, &calls::about(&file).map_err(|errno| refused(errno, &path))?) {
        return Err(stop(Code::Changed, "the file was written in place meanwhile", &path));
    }
    channel.hold(out);
    Ok(json!({"bytes": length, "sha256": digest.hex()}))
}

/// Whether bytes that were read in several pieces may be of two contents. One that has grown was
/// appended to as far as anybody can tell, like a log.
fn rewritten(before: &About, after: &About) -> bool {
    let time = |about: &About| (about.st_mtime, about.st_mtime_nsec);
    after.st_size < before.st_size || (after.st_size == before.st_size && time(after) != time(before))
}

/// Opens a regular file for reading and nothing else: neither waits for the other end of a FIFO
/// nor touches a device.
pub fn open_regular(path: &[u8]) -> Result<(OwnedFd, About), Stop> {
    let check = |file: &OwnedFd| -> Result<About, Stop> {
        let about = calls::about(file).map_err(|errno| refused(errno, path))?;
        match about.st_mode & libc::S_IFMT {
            libc::S_IFREG => Ok(about),
            libc::S_IFDIR => Err(refused(libc::EISDIR, path)),
            _ => Err(stop(Code::NotFile, "not a regular file", path)),
        }
    };
    let name = text(path);
    let open = |flags| calls::open_path(&name, flags).map_err(|errno| refused(errno, path));
    check(&open(libc::O_PATH)?)?;
    let file = open(libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY)?;
    // It may have been replaced between the two.
    let about = check(&file)?;
    if about.st_size > CHUNK as i64 {
        // SAFETY: advice about an owned descriptor.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_SEQUENTIAL) };
    }
    Ok((file, about))
}

fn read_untold(file: &OwnedFd, path: &[u8]) -> Result<Vec<u8>, Stop> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while bytes.len() < MAX_UNTOLD {
        match calls::read_at(file, &mut buffer, bytes.len() as u64) {
            Ok(0) => return Ok(bytes),
            Ok(got) => bytes.extend_from_slice(&buffer[..got]),
            Err(errno) => return Err(refused(errno, path)),
        }
    }
    Err(stop(Code::TooBig, "does not tell its size and has more than 1 MiB", path))
}
