//! `archive_write`: what a tar stream holds, below a directory and nowhere else.

use super::calls;
use super::channel::Channel;
use super::draft::{hidden_name, Draft};
use super::path::{place, text, Parents, MAX_PATH};
use super::request::{self, SAME};
use super::stop::{refused, stop, Stop};
use super::tar::{self, Member, BLOCK};
use crate::refusal::Code;
use crate::request::{flag, Object};
use crate::sys::Errno;
use serde_json::{json, Value};
use std::convert::TryInto;
use std::ffi::CString;
use std::os::unix::io::OwnedFd;

/// Most members of one archive.
pub const MAX_MEMBERS: u64 = 1 << 20;
/// What a pax header may say that is not followed: holes in a file above all, whose bytes would be taken for others.
const HEADER: &str = "a header that is not understood, as of a sparse file (tar without -S)";
const SPARSE: &str = "a sparse file is not unpacked (tar without -S)";
/// Users and groups that a capsule has, from 0 on: no file of it can be anybody else's.
const IDS: u64 = 65_536;
/// How streams begin that are an archive once they are unpacked.
const PACKED: [(&[u8], &str); 4] = [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];
/// Most directories whose times are set at the end.
const MAX_TIMES: usize = 65_536;

/// The bytes of the stream, in the pieces that the format wants.
struct Input<'a> {
    channel: &'a mut Channel,
    held: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Input<'_> {
    /// Up to `most` bytes; none at the end.
    fn some(&mut self, most: u64) -> Result<&[u8], Stop> {
        while self.at == self.held.len() && !self.ended {
            self.held.clear();
            self.at = 0;
            match self.channel.next_data()? {
                Some(bytes) => self.held.extend_from_slice(bytes),
                None => self.ended = true,
            }
        }
        let from = self.at;
        self.at += (self.held.len() - from).min(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(&self.held[from..self.at])
    }

    /// Tells a compressed archive by its first bytes, before it is taken for one that is broken. Too few for that are left to be read.
    fn refuse_packed(&mut self) -> Result<(), Stop> {
        let count = self.some(1)?.len();
        self.at -= count;
        match PACKED.iter().find(|(first, _)| self.held[self.at..].starts_with(first)) {
            Some((_, name)) => Err(stop(Code::BadArchive, &format!("the archive is compressed with {}; send it unpacked", name), b"")),
            None => Ok(()),
        }
    }

    fn exactly(&mut self, count: u64) -> Result<Vec<u8>, Stop> {
        let mut all = Vec::new();
        while (all.len() as u64) < count {
            let part = self.some(count - all.len() as u64)?;
            if part.is_empty() {
                return Err(stop(Code::BadArchive, "the archive is cut", b""));
            }
            all.extend_from_slice(part);
        }
        Ok(all)
    }
}

struct Unpack {
    root: OwnedFd,
    owner: (u32, u32),
    bytes: u64,
    /// The directory of the latest member, which is most often that of the next one.
    parent: Option<(Vec<u8>, OwnedFd)>,
    times: Vec<(Vec<u8>, i64)>,
}

pub fn run(channel: &mut Channel, object: &Object) -> Result<Value, Stop> {
    channel.expect_data();
    let path = request::path(object)?;
    let owner = request::owner(object)?;
    let parents = match flag(object, "create_parents", true)? {
        true => Parents::Make { uid: owner.0, gid: owner.1 },
        false => Parents::MustExist,
    };
    // A name below it makes the directory itself part of the way.
    let below = [path.as_slice(), b"/x"].concat();
    let root = place(&below, parents)?.dir;
    let mut input = Input { channel, held: Vec::new(), at: 0, ended: false };
    let mut unpack = Unpack { root, owner, bytes: 0, parent: None, times: Vec::new() };
    let (mut extra, mut entries): (Vec<(u8, Vec<u8>)>, u64) = (Vec::new(), 0);
    input.refuse_packed()?;
    loop {
        let block: [u8; BLOCK] = input.exactly(BLOCK as u64)?.try_into().unwrap_or([0; BLOCK]);
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let mut member = tar::decode(&block).ok_or_else(|| stop(Code::BadArchive, "no header of a member where one must be", b""))?;
        if [tar::PAX, tar::PAX_GLOBAL, tar::LONG_NAME, tar::LONG_LINK].contains(&member.kind) {
            if member.size > tar::MAX_EXTRA || extra.len() > 8 {
                return Err(stop(Code::BadArchive, "a header is too long", &member.path));
            }
            let bytes = input.exactly(member.size)?;
            input.exactly(tar::padding(member.size) as u64)?;
            extra.push((member.kind, bytes));
            continue;
        }
        for (kind, bytes) in extra.drain(..) {
            let name = || bytes.split(|byte| *byte == 0).next().unwrap_or(&[]).to_vec();
            match kind {
                tar::LONG_NAME => member.path = name(),
                tar::LONG_LINK => member.link = name(),
                tar::PAX => tar::apply(&bytes, &mut member).ok_or_else(|| stop(Code::BadArchive, HEADER, &member.path))?,
                _ => {}
            }
        }
        entries += 1;
        if entries > MAX_MEMBERS {
            return Err(stop(Code::TooBig, "too many members", &member.path));
        }
        unpack.member(&member, &mut input)?;
    }
    // What stands behind the end is filling.
    while !input.some(u64::MAX)?.is_empty() {}
    for (path, time) in std::mem::take(&mut unpack.times).iter().rev() {
        if let Ok((dir, name)) = unpack.place(path, path) {
            let _ = calls::change_time_at(dir, &name, *time, 0);
        }
    }
    Ok(json!({"entries": entries, "bytes": unpack.bytes}))
}

/// The names of a member's path, which must not lead out.
fn inside<'a>(path: &'a [u8], shown: &[u8]) -> Result<Vec<&'a [u8]>, Stop> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if path.first() == Some(&b'/') || parts.iter().any(|part| *part == b"..") {
        return Err(stop(Code::Outside, "a member leaves the directory", shown));
    }
    if path.len() > MAX_PATH {
        return Err(refused(libc::ENAMETOOLONG, shown));
    }
    if path.contains(&0) {
        return Err(stop(Code::BadArchive, "a name with NUL", shown));
    }
    Ok(parts)
}

fn fails(errno: Errno, path: &[u8]) -> Stop {
    match errno {
        libc::EXDEV | libc::ELOOP => stop(Code::Outside, "a link on the way leaves the directory", path),
        errno => refused(errno, path),
    }
}

impl Unpack {
    /// The directory that is to hold a path, made where it is missing, and the name in it.
    fn place(&mut self, path: &[u8], shown: &[u8]) -> Result<(&OwnedFd, CString), Stop> {
        let parts = inside(path, shown)?;
        let (name, way) = match parts.split_last() {
            Some((name, way)) => (text(name), way.join(&b'/')),
            None => return Err(stop(Code::BadArchive, "a member without a name", shown)),
        };
        if self.parent.as_ref().map_or(true, |(held, _)| *held != way) {
            let dir = self.open_way(&way).map_err(|errno| fails(errno, shown))?;
            self.parent = Some((way, dir));
        }
        match &self.parent {
            Some((_, dir)) => Ok((dir, name)),
            None => Err(refused(libc::ENOENT, shown)),
        }
    }

    fn open_way(&self, way: &[u8]) -> Result<OwnedFd, Errno> {
        if way.is_empty() {
            return crate::sys::duplicate(&self.root);
        }
        match calls::open_beneath(&self.root, &text(way)) {
            Err(libc::ENOENT) => {}
            other => return other,
        }
        let cuts = way.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([way.len()]);
        let (mut at, mut from) = (crate::sys::duplicate(&self.root)?, 0);
        for cut in cuts {
            let name = text(&way[from..cut]);
            let next = match calls::open_beneath(&self.root, &text(&way[..cut])) {
                Err(libc::ENOENT) => {
                    calls::make_dir(&at, &name, 0o755)?;
                    calls::change_owner_at(&at, &name, self.owner.0, self.owner.1)?;
                    calls::open_beneath(&self.root, &text(&way[..cut]))
                }
                other => other,
            };
            at = next?;
            from = cut + 1;
        }
        Ok(at)
    }

    /// Who a member is to belong to. One of another machine, as directories of many people have them, is nobody of the capsule's.
    fn owner_of(&self, member: &Member) -> Result<(u32, u32), Stop> {
        let one = |wanted: u32, told: u64| match u32::try_from(told) {
            _ if wanted != SAME => Ok(wanted),
            Ok(id) if told < IDS => Ok(id),
            _ => Err(stop(Code::BadArchive, "an owner beyond 65535, whom uid and gid can replace", &member.path)),
        };
        Ok((one(self.owner.0, member.uid)?, one(self.owner.1, member.gid)?))
    }

    fn member(&mut self, member: &Member, input: &mut Input<'_>) -> Result<(), Stop> {
        let path = &member.path;
        if inside(path, path)?.is_empty() && member.kind == tar::DIRECTORY {
            // The directory itself stays as it is.
            return Ok(());
        }
        let (uid, gid) = self.owner_of(member)?;
        match member.kind {
            tar::FILE | b'7' => return self.file(member, (uid, gid), input),
            tar::DIRECTORY => {
                let (dir, name) = self.place(path, path)?;
                match calls::make_dir(dir, &name, 0o755) {
                    Err(libc::EEXIST) => {
                        let about = calls::about_at(dir, &name).map_err(|errno| fails(errno, path))?;
                        if !calls::is(&about, libc::S_IFDIR) {
                            return Err(refused(libc::ENOTDIR, path));
                        }
                    }
                    other => other.map_err(|errno| fails(errno, path))?,
                }
                let change =
                    |()| calls::change_owner_at(dir, &name, uid, gid).and_then(|()| calls::change_mode_at(dir, &name, member.mode));
                change(()).map_err(|errno| fails(errno, path))?;
                if self.times.len() < MAX_TIMES {
                    self.times.push((path.clone(), member.mtime));
                }
            }
            tar::LINK => {
                let link = text(&member.link);
                let (dir, name) = self.place(path, path)?;
                let hidden = hidden_name();
                calls::make_link(&link, dir, &hidden).map_err(|errno| refused(errno, path))?;
                let moved = calls::change_owner_at(dir, &hidden, uid, gid).and_then(|()| calls::rename((dir, &hidden), (dir, &name), true));
                if let Err(errno) = moved {
                    let _ = calls::unlink(dir, &hidden);
                    return Err(refused(errno, path));
                }
                let _ = calls::change_time_at(dir, &name, member.mtime, 0);
            }
            tar::HARD_LINK => self.hard_link(member)?,
            tar::SPARSE => return Err(stop(Code::BadArchive, SPARSE, path)),
            b'3' | b'4' | b'6' => return Err(stop(Code::NotFile, "a device or a FIFO is not unpacked", path)),
            _ => return Err(stop(Code::BadArchive, "a member of a kind that is not known", path)),
        }
        // None of these has bytes, whatever it says.
        Ok(())
    }

    fn hard_link(&mut self, member: &Member) -> Result<(), Stop> {
        let path = &member.path;
        let (dir, name) = self.place(&member.link, path)?;
        let from = (crate::sys::duplicate(dir).map_err(|errno| refused(errno, path))?, name);
        let about = calls::about_at(&from.0, &from.1).map_err(|errno| match errno {
            libc::ENOENT => stop(Code::BadArchive, "a hard link to what is not there", path),
            errno => refused(errno, path),
        })?;
        if !calls::is(&about, libc::S_IFREG) {
            return Err(stop(Code::Outside, "a hard link to what is no file of the archive", path));
        }
        let (dir, name) = self.place(path, path)?;
        let hidden = hidden_name();
        calls::link((&from.0, &from.1), (dir, &hidden)).map_err(|errno| refused(errno, path))?;
        let moved = calls::rename((dir, &hidden), (dir, &name), true);
        // Two names of one file already: then the rename has left both.
        let _ = calls::unlink(dir, &hidden);
        moved.map_err(|errno| refused(errno, path))
    }

    fn file(&mut self, member: &Member, owner: (u32, u32), input: &mut Input<'_>) -> Result<(), Stop> {
        let path = &member.path;
        let (dir, name) = self.place(path, path)?;
        let draft = Draft::new(dir).map_err(|errno| refused(errno, path))?;
        let mut left = member.size;
        while left > 0 {
            let part = input.some(left)?;
            if part.is_empty() {
                return Err(stop(Code::BadArchive, "the archive is cut", path));
            }
            left -= part.len() as u64;
            calls::write_all(&draft.file, part).map_err(|errno| refused(errno, path))?;
        }
        input.exactly(tar::padding(member.size) as u64)?;
        let dressed = calls::change_owner(&draft.file, owner.0, owner.1).and_then(|()| calls::change_mode(&draft.file, member.mode));
        dressed.and_then(|()| draft.publish(&name, true)).map_err(|errno| refused(errno, path))?;
        let _ = calls::change_time_at(dir, &name, member.mtime, 0);
        self.bytes += member.size;
        Ok(())
    }
}
