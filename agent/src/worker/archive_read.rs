//! `archive_read`: a directory, or one file, as a tar stream.

use super::calls;
use super::channel::{Channel, CHUNK};
use super::digits::to_base64;
use super::path::{target, Parents};
use super::request;
use super::stop::{refused, stop, Stop};
use super::tar::{self, Member};
use super::walk::{walk, Visitor};
use crate::frame::{Kind, HEADER};
use crate::refusal::Code;
use crate::request::Object;
use serde_json::{json, Value};
use std::ffi::CStr;
use std::os::unix::io::OwnedFd;

/// Most names of what was left out that are told.
const MAX_SKIPPED: usize = 100;

struct Pack<'a> {
    channel: &'a Channel,
    /// A frame with room for its header.
    frame: Vec<u8>,
    /// Bytes of a path before the names that are told.
    prefix: usize,
    entries: u64,
    bytes: u64,
    skipped: u64,
    names: Vec<String>,
}

pub fn run(channel: &mut Channel, object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let (place, about) = target(&path, Parents::MustExist)?;
    let about = about.ok_or_else(|| refused(libc::ENOENT, &path))?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let is_dir = calls::is(&about, libc::S_IFDIR);
    let prefix = if is_dir { end + 1 } else { path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1) };
    let mut pack = Pack { channel, frame: vec![0; HEADER], prefix, entries: 0, bytes: 0, skipped: 0, names: Vec::new() };
    if is_dir {
        walk(&place.dir, &place.name, &path[..end], &mut pack)?;
    } else if calls::is(&about, libc::S_IFREG) {
        pack.leaf(&place.dir, &place.name, &path[..end])?;
    } else {
        return Err(stop(Code::NotFile, "neither a file nor a directory", &path));
    }
    pack.put(&[0; 2 * tar::BLOCK])?;
    pack.flush()?;
    Ok(json!({"entries": pack.entries, "bytes": pack.bytes, "skipped": pack.skipped, "skipped_names": pack.names}))
}

impl Pack<'_> {
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), Stop> {
        while !bytes.is_empty() {
            let count = bytes.len().min(HEADER + CHUNK - self.frame.len());
            self.frame.extend_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            if self.frame.len() == HEADER + CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.frame.len() > HEADER {
            self.channel.send_in_place(Kind::Bytes, &mut self.frame)?;
            self.frame.truncate(HEADER);
        }
        Ok(())
    }

    fn skip(&mut self, path: &[u8]) {
        self.skipped += 1;
        if self.names.len() < MAX_SKIPPED {
            let name = &path[self.prefix.min(path.len())..];
            let name = std::str::from_utf8(name).map_or_else(|_| format!("base64:{}", to_base64(name)), String::from);
            self.names.push(name.chars().take(1024).collect());
        }
    }

    fn head(&mut self, path: &[u8], kind: u8, about: &calls::About, link: Vec<u8>) -> Result<(), Stop> {
        self.entries += 1;
        let size = if kind == tar::FILE { about.st_size as u64 } else { 0 };
        let member = Member {
            path: path[self.prefix.min(path.len())..].to_vec(),
            kind,
            mode: about.st_mode & 0o7777,
            uid: about.st_uid.into(),
            gid: about.st_gid.into(),
            size,
            mtime: about.st_mtime,
            link,
        };
        self.put(&tar::encode(&member))
    }

    fn file(&mut self, file: &OwnedFd, about: &calls::About, path: &[u8]) -> Result<(), Stop> {
        self.head(path, tar::FILE, about, Vec::new())?;
        let (mut at, size) = (0, about.st_size as u64);
        let mut buffer = vec![0; CHUNK];
        while at < size {
            let wanted = CHUNK.min((size - at) as usize);
            match calls::read_at(file, &mut buffer[..wanted], at).map_err(|errno| refused(errno, path))? {
                0 => return Err(stop(Code::Changed, "the file has become shorter meanwhile", path)),
                got => {
                    self.put(&buffer[..got])?;
                    at += got as u64;
                }
            }
        }
        self.bytes += size;
        self.put(&[0; tar::BLOCK][..tar::padding(size)])
    }
}

impl Visitor for Pack<'_> {
    fn leaf(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        let about = match calls::about_at(dir, name) {
            Err(libc::ENOENT) => return Ok(()),
            other => other.map_err(|errno| refused(errno, path))?,
        };
        match about.st_mode & libc::S_IFMT {
            libc::S_IFREG => {
                let file = match calls::open(dir, name, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY, 0) {
                    Err(libc::ENOENT) => return Ok(()),
                    other => other.map_err(|errno| refused(errno, path))?,
                };
                let about = calls::about(&file).map_err(|errno| refused(errno, path))?;
                if calls::is(&about, libc::S_IFREG) {
                    return self.file(&file, &about, path);
                }
                self.skip(path);
            }
            libc::S_IFLNK => {
                let link = calls::read_link(dir, name).map_err(|errno| refused(errno, path))?;
                self.head(path, tar::LINK, &about, link)?;
            }
            _ => self.skip(path),
        }
        Ok(())
    }

    fn enter(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<bool, Stop> {
        if path.len() < self.prefix {
            return Ok(true);
        }
        let about = match calls::about_at(dir, name) {
            Err(libc::ENOENT) => return Ok(false),
            other => other.map_err(|errno| refused(errno, path))?,
        };
        let mut told = path.to_vec();
        told.push(b'/');
        self.head(&told, tar::DIRECTORY, &about, Vec::new())?;
        Ok(true)
    }

    fn leave(&mut self, _: &OwnedFd, _: &CStr, _: &[u8]) -> Result<(), Stop> {
        Ok(())
    }
}
