//! `write`: a whole file, atomically: whoever reads its path sees the old one or the new one.

use super::calls::{self, About};
use super::channel::{Channel, CHUNK};
use super::draft::Draft;
use super::path::{target, Parents, Place};
use super::request::{self, SAME};
use super::stat::told;
use super::stop::{refused, stop, Stop};
use crate::digest::Digest;
use crate::refusal::{Code, Refusal};
use crate::request::{flag, number, Object};
use crate::sys::{self, Errno};
use serde_json::{json, Value};
use std::os::unix::io::{AsRawFd, OwnedFd};

/// The mode of a new file where the request says nothing.
const NEW_MODE: u32 = 0o644;
/// The number that stands for a size that is not told.
const UNTOLD: u64 = u64::MAX;

struct Wish {
    path: Vec<u8>,
    mode: Option<u32>,
    owner: (u32, u32),
    size: u64,
    exclusive: bool,
}

pub fn run(channel: &mut Channel, object: &Object) -> Result<Value, Stop> {
    channel.expect_data();
    let owner = request::owner(object)?;
    let wish = Wish {
        path: request::path(object)?,
        mode: request::mode(object)?,
        owner,
        size: number(object, "size", UNTOLD)?,
        exclusive: flag(object, "exclusive", false)?,
    };
    let parents = match flag(object, "create_parents", true)? {
        true => Parents::Make { uid: owner.0, gid: owner.1 },
        false => Parents::MustExist,
    };
    let (mut place, existing) = target(&wish.path, parents)?;
    let result = fill(channel, &wish, &place, existing);
    if result.is_err() {
        place.undo();
    }
    result
}

fn fill(channel: &mut Channel, wish: &Wish, place: &Place, existing: Option<About>) -> Result<Value, Stop> {
    let path = &wish.path;
    let fails = |errno: Errno| refused(errno, path);
    match existing.map(|about| about.st_mode & libc::S_IFMT) {
        Some(libc::S_IFDIR) => return Err(fails(libc::EISDIR)),
        Some(libc::S_IFREG) if wish.exclusive => return Err(fails(libc::EEXIST)),
        Some(libc::S_IFREG) | None => {}
        Some(_) => return Err(stop(Code::NotFile, "not a regular file", path)),
    }
    if place.name.to_bytes() == b"." {
        return Err(fails(libc::EISDIR));
    }
    if wish.size != UNTOLD && wish.size > room(&place.dir).map_err(fails)? {
        return Err(fails(libc::ENOSPC));
    }
    let draft = Draft::new(&place.dir).map_err(fails)?;
    let (mut digest, mut size) = (Digest::default(), 0u64);
    // Whole pieces: a write that begins or ends within a page costs the file system as much as a page.
    let mut piece = vec![0; CHUNK];
    let mut ended = false;
    while !ended && size <= wish.size {
        let mut held = 0;
        while !ended && held < piece.len() && size + held as u64 <= wish.size {
            let count = channel.read_data(&mut piece[held..])?;
            held += count;
            ended = count == 0;
        }
        size += held as u64;
        if size <= wish.size {
            digest.update(&piece[..held]);
            calls::write_all(&draft.file, &piece[..held]).map_err(fails)?;
        }
    }
    if wish.size != UNTOLD && size != wish.size {
        return Err(Refusal::of(Code::BadRequest, "size", "is not how many bytes came").into());
    }
    dress(&draft.file, wish, existing).map_err(fails)?;
    draft.publish(&place.name, !wish.exclusive).map_err(fails)?;
    Ok(json!({"size": size, "sha256": digest.hex(), "created": existing.is_none(), "entry": told(place, path)?}))
}

/// Gives the new file the owner and the mode that the request says, else those of the one before it.
fn dress(file: &OwnedFd, wish: &Wish, existing: Option<About>) -> Result<(), Errno> {
    let kept = |wanted: u32, before: Option<u32>| if wanted == SAME { before.unwrap_or(SAME) } else { wanted };
    let uid = kept(wish.owner.0, existing.map(|about| about.st_uid));
    let gid = kept(wish.owner.1, existing.map(|about| about.st_gid));
    calls::change_owner(file, uid, gid)?;
    // Behind the owner, whose change takes the setuid bits away.
    calls::change_mode(file, wish.mode.or(existing.map(|about| about.st_mode & 0o7777)).unwrap_or(NEW_MODE))
}

/// Bytes that the file system has room for, quotas aside; one without blocks, such as /proc, does not tell.
fn room(dir: &OwnedFd) -> Result<u64, Errno> {
    // SAFETY: a statvfs of zeros is valid, and the kernel fills it.
    unsafe {
        let mut about: libc::statvfs = std::mem::zeroed();
        sys::check(libc::fstatvfs(dir.as_raw_fd(), &mut about).into())?;
        Ok(if about.f_blocks == 0 { u64::MAX } else { about.f_bavail.saturating_mul(about.f_frsize) })
    }
}
