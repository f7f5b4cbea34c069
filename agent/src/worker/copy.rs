//! `copy`: a file, a link itself, or a whole tree, with modes, owners, links and times. It appears
//! whole, at the end.

use super::calls::{self, About};
use super::draft::{hidden_name, Draft};
use super::path::{place, text, Parents, Place};
use super::remove::Removal;
use super::request;
use super::stat::told;
use super::stop::{refused, stop, Stop};
use super::walk::{walk, Visitor};
use crate::refusal::Code;
use crate::request::{flag, wrong, Object};
use crate::sys::{check, Errno};
use serde_json::{json, Value};
use std::ffi::CStr;
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Makes one file share the blocks of another.
const FICLONE: libc::c_ulong = 0x4004_9409;
/// Bytes of one step of a copy.
const STEP: usize = 64 << 20;

/// What was copied.
#[derive(Default)]
pub struct Count {
    pub entries: u64,
    pub bytes: u64,
    /// Sockets and devices, which are not copied.
    pub skipped: u64,
}

pub fn run(object: &Object) -> Result<Value, Stop> {
    let (from_path, to_path, parents) = ends(object)?;
    let (recursive, overwrite) = (flag(object, "recursive", false)?, flag(object, "overwrite", false)?);
    let from = place(&from_path, Parents::MustExist).map_err(|stop| stop.about("from"))?;
    let mut to = place(&to_path, parents).map_err(|stop| stop.about("to"))?;
    let result = copy(&from, &from_path, &to, &to_path, recursive, overwrite);
    if result.is_err() {
        to.undo();
    }
    let count = result?;
    Ok(json!({"entries": count.entries, "bytes": count.bytes, "skipped": count.skipped, "entry": told(&to, &to_path)?}))
}

/// The two paths of a request, and whether what is missing before the second one is made.
pub fn ends(object: &Object) -> Result<(Vec<u8>, Vec<u8>, Parents), Stop> {
    let from = request::optional_path(object, "from", "from_base64")?.ok_or_else(|| wrong("from", "is missing"))?;
    let to = request::optional_path(object, "to", "to_base64")?.ok_or_else(|| wrong("to", "is missing"))?;
    let parents =
        if flag(object, "create_parents", false)? { Parents::Make { uid: request::SAME, gid: request::SAME } } else { Parents::MustExist };
    Ok((from, to, parents))
}

pub fn copy(from: &Place, from_path: &[u8], to: &Place, to_path: &[u8], recursive: bool, overwrite: bool) -> Result<Count, Stop> {
    let about = calls::about_at(&from.dir, &from.name).map_err(|errno| refused(errno, from_path).about("from"))?;
    let existing = calls::about_at(&to.dir, &to.name).ok();
    if let Some(existing) = existing {
        if (existing.st_dev, existing.st_ino) == (about.st_dev, about.st_ino) {
            return Err(stop(Code::BadRequest, "is a copy to itself", to_path).about("to"));
        }
        if !overwrite {
            return Err(refused(libc::EEXIST, to_path).about("to"));
        }
        if calls::is(&existing, libc::S_IFDIR) || calls::is(&about, libc::S_IFDIR) {
            return Err(stop(Code::Exists, "a directory neither replaces nor is replaced", to_path).about("to"));
        }
    }
    let mut count = Count::default();
    if !calls::is(&about, libc::S_IFDIR) {
        leaf((&from.dir, &from.name), (&to.dir, &to.name), overwrite, from_path, &mut count).map_err(|stop| stop.about("from"))?;
        if count.skipped > 0 {
            return Err(stop(Code::NotFile, "is a socket or a device", from_path).about("from"));
        }
        return Ok(count);
    }
    if !recursive {
        return Err(refused(libc::EISDIR, from_path).about("from"));
    }
    let hidden = hidden_name();
    let at = crate::sys::duplicate(&to.dir).map_err(|errno| refused(errno, to_path))?;
    let mut tree = Tree { at, name: hidden.clone(), count, above: Vec::new(), own: None };
    let result = walk(&from.dir, &from.name, from_path, &mut tree)
        .and_then(|()| calls::rename((&to.dir, &hidden), (&to.dir, &to.name), false).map_err(|errno| refused(errno, to_path).about("to")))
        .map_err(|stop| stop.about("from"));
    if result.is_err() {
        let _ = walk(&to.dir, &hidden, to_path, &mut Removal::default());
    }
    result.map(|()| tree.count)
}

/// A tree that grows beside the one that is walked.
struct Tree {
    /// The directory that is filled.
    at: OwnedFd,
    /// The name of its root, until it is whole.
    name: std::ffi::CString,
    count: Count,
    /// Identities of the directories above it.
    above: Vec<(u64, u64)>,
    /// The identity of its root, which is not copied into itself.
    own: Option<(u64, u64)>,
}

fn identity(about: &About) -> (u64, u64) {
    (about.st_dev as u64, about.st_ino as u64)
}

impl Visitor for Tree {
    fn leaf(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        leaf((dir, name), (&self.at, name), false, path, &mut self.count)
    }

    fn enter(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<bool, Stop> {
        let fails = |errno: Errno| refused(errno, path);
        let about = calls::about_at(dir, name).map_err(fails)?;
        if self.own == Some(identity(&about)) {
            return Ok(false);
        }
        let copy = if self.own.is_none() { self.name.clone() } else { name.to_owned() };
        calls::make_dir(&self.at, &copy, 0o700).map_err(fails)?;
        let child = calls::open_child(&self.at, &copy).map_err(fails)?;
        self.above.push(identity(&calls::about(&self.at).map_err(fails)?));
        self.own.get_or_insert(identity(&calls::about(&child).map_err(fails)?));
        self.at = child;
        self.count.entries += 1;
        Ok(true)
    }

    fn leave(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        let fails = |errno: Errno| refused(errno, path);
        let about = calls::about_at(dir, name).map_err(fails)?;
        let parent = calls::open(&self.at, &text(b".."), libc::O_RDONLY | libc::O_DIRECTORY, 0).map_err(fails)?;
        if Some(identity(&calls::about(&parent).map_err(fails)?)) != self.above.pop() {
            return Err(stop(Code::Changed, "the copy was moved meanwhile", path));
        }
        calls::change_owner(&self.at, about.st_uid, about.st_gid).map_err(fails)?;
        calls::change_mode(&self.at, about.st_mode & 0o7777).map_err(fails)?;
        let copy = if self.above.is_empty() { self.name.clone() } else { name.to_owned() };
        calls::change_time_at(&parent, &copy, about.st_mtime, about.st_mtime_nsec).map_err(fails)?;
        self.at = parent;
        Ok(())
    }
}

/// Copies what is no directory.
fn leaf(from: (&OwnedFd, &CStr), to: (&OwnedFd, &CStr), replace: bool, path: &[u8], count: &mut Count) -> Result<(), Stop> {
    let fails = |errno: Errno| refused(errno, path);
    let about = calls::about_at(from.0, from.1).map_err(fails)?;
    match about.st_mode & libc::S_IFMT {
        libc::S_IFREG => {
            let source =
                calls::open(from.0, from.1, libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY, 0).map_err(fails)?;
            let about = calls::about(&source).map_err(fails)?;
            if !calls::is(&about, libc::S_IFREG) {
                return Err(stop(Code::Changed, "is no regular file any more", path));
            }
            let draft = Draft::new(to.0).map_err(fails)?;
            copy_bytes(&source, &draft.file, about.st_size as u64).map_err(fails)?;
            calls::change_owner(&draft.file, about.st_uid, about.st_gid).map_err(fails)?;
            calls::change_mode(&draft.file, about.st_mode & 0o7777).map_err(fails)?;
            draft.publish(to.1, replace).map_err(fails)?;
            count.bytes += about.st_size as u64;
        }
        libc::S_IFLNK => {
            let target = text(&calls::read_link(from.0, from.1).map_err(fails)?);
            let hidden = hidden_name();
            calls::make_link(&target, to.0, &hidden).map_err(fails)?;
            let moved = calls::change_owner_at(to.0, &hidden, about.st_uid, about.st_gid)
                .and_then(|()| calls::rename((to.0, &hidden), to, replace));
            if let Err(errno) = moved {
                let _ = calls::unlink(to.0, &hidden);
                return Err(fails(errno));
            }
        }
        libc::S_IFIFO if !replace => {
            // SAFETY: the name ends in NUL.
            check(unsafe { libc::mkfifoat(to.0.as_raw_fd(), to.1.as_ptr(), about.st_mode & 0o7777) }.into()).map_err(fails)?;
            calls::change_owner_at(to.0, to.1, about.st_uid, about.st_gid).map_err(fails)?;
        }
        _ => {
            count.skipped += 1;
            return Ok(());
        }
    }
    count.entries += 1;
    calls::change_time_at(to.0, to.1, about.st_mtime, about.st_mtime_nsec).map_err(fails)
}

/// Copies a file's bytes: by shared blocks where that is possible, else without its holes.
fn copy_bytes(from: &OwnedFd, to: &OwnedFd, size: u64) -> Result<(), Errno> {
    // SAFETY: the ioctl takes a descriptor by value.
    if unsafe { libc::ioctl(to.as_raw_fd(), FICLONE, from.as_raw_fd()) } == 0 {
        return Ok(());
    }
    // SAFETY: touches no memory.
    check(unsafe { libc::ftruncate(to.as_raw_fd(), size as i64) }.into())?;
    let mut at = 0i64;
    let seek = |at: i64, whence: i32| {
        // SAFETY: only moves the place of an owned descriptor.
        check(unsafe { libc::lseek(from.as_raw_fd(), at, whence) } as libc::c_long)
    };
    while (at as u64) < size {
        let start = match seek(at, libc::SEEK_DATA) {
            Ok(start) => start as i64,
            Err(libc::ENXIO) => return Ok(()),
            Err(_) => at,
        };
        let end = seek(start, libc::SEEK_HOLE).map_or(size as i64, |end| end as i64).min(size as i64);
        copy_range(from, to, start, end)?;
        at = end.max(start + 1);
    }
    Ok(())
}

fn copy_range(from: &OwnedFd, to: &OwnedFd, start: i64, end: i64) -> Result<(), Errno> {
    let (mut input, mut output) = (start, start);
    while input < end {
        let count = STEP.min((end - input) as usize);
        // SAFETY: both offsets outlive the call.
        let copied = unsafe { libc::copy_file_range(from.as_raw_fd(), &mut input, to.as_raw_fd(), &mut output, count, 0) };
        match check(copied as libc::c_long) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(libc::EINTR) => {}
            Err(libc::ENOSYS) | Err(libc::EXDEV) | Err(libc::EINVAL) | Err(libc::EOPNOTSUPP) => return copy_by_hand(from, to, input, end),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn copy_by_hand(from: &OwnedFd, to: &OwnedFd, mut at: i64, end: i64) -> Result<(), Errno> {
    let mut buffer = vec![0; 256 * 1024];
    // SAFETY: only moves the place of an owned descriptor.
    check(unsafe { libc::lseek(to.as_raw_fd(), at, libc::SEEK_SET) } as libc::c_long)?;
    while at < end {
        let wanted = buffer.len().min((end - at) as usize);
        let got = calls::read_at(from, &mut buffer[..wanted], at as u64)?;
        if got == 0 {
            return Ok(());
        }
        calls::write_all(to, &buffer[..got])?;
        at += got as i64;
    }
    Ok(())
}
