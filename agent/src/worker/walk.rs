//! A walk over a tree that others may change meanwhile, to any depth with two descriptors: down by
//! names without following links, up by the parent, which must be the directory it came from.

use super::calls::{self, Names};
use super::path::text;
use super::stop::{refused, stop, Stop};
use crate::refusal::Code;
use std::ffi::{CStr, CString};
use std::os::unix::io::OwnedFd;

/// Most levels of a tree.
pub const MAX_LEVELS: usize = 65_536;
/// Most directories in one directory.
pub const MAX_DIRECTORIES: usize = 1 << 20;

/// What is done on the way. `dir` holds `name`, which has this path.
pub trait Visitor {
    /// Something that is no directory.
    fn leaf(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop>;
    /// A directory, before what is in it; false where that is to be left alone.
    fn enter(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<bool, Stop>;
    /// A directory, after what is in it.
    fn leave(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop>;
}

struct Level {
    name: CString,
    /// Bytes of the path before the name.
    length: usize,
    /// Device and inode of the directory that holds it.
    parent: (u64, u64),
    /// Directories in it that are still to come.
    rest: Vec<CString>,
}

fn identity(dir: &OwnedFd, path: &[u8]) -> Result<(u64, u64), Stop> {
    let about = calls::about(dir).map_err(|errno| refused(errno, path))?;
    Ok((about.st_dev as u64, about.st_ino as u64))
}

/// Visits everything that is no directory in `dir`; gives the names of the directories.
fn visit(dir: &OwnedFd, path: &mut Vec<u8>, visitor: &mut impl Visitor) -> Result<Vec<CString>, Stop> {
    let mut directories = Vec::new();
    let mut names = Names::of(dir).map_err(|errno| refused(errno, path))?;
    while let Some((name, kind)) = names.next().map_err(|errno| refused(errno, path))? {
        let is_dir = match kind {
            libc::DT_UNKNOWN => calls::about_at(dir, &name).map_or(false, |about| calls::is(&about, libc::S_IFDIR)),
            kind => kind == libc::DT_DIR,
        };
        if is_dir {
            if directories.len() >= MAX_DIRECTORIES {
                return Err(stop(Code::TooBig, "too many directories in one", path));
            }
            directories.push(name);
            continue;
        }
        let length = path.len();
        path.push(b'/');
        path.extend_from_slice(name.to_bytes());
        visitor.leaf(dir, &name, path)?;
        path.truncate(length);
    }
    Ok(directories)
}

/// Walks the directory `name` in `dir`, itself included. What is gone meanwhile is left out.
pub fn walk(dir: &OwnedFd, name: &CStr, path: &[u8], visitor: &mut impl Visitor) -> Result<(), Stop> {
    let mut at = crate::sys::duplicate(dir).map_err(|errno| refused(errno, path))?;
    let mut path = path.to_vec();
    let mut levels: Vec<Level> = Vec::new();
    let mut next = Some(name.to_owned());
    loop {
        if let Some(name) = next.take() {
            let length = path.len();
            if !levels.is_empty() {
                path.push(b'/');
                path.extend_from_slice(name.to_bytes());
            }
            if levels.len() >= MAX_LEVELS {
                return Err(stop(Code::TooDeep, "too many levels", &path));
            }
            if !visitor.enter(&at, &name, &path)? {
                path.truncate(length);
            } else {
                match calls::open_child(&at, &name) {
                    Ok(child) => {
                        let parent = identity(&at, &path)?;
                        let rest = visit(&child, &mut path, visitor)?;
                        levels.push(Level { name, length, parent, rest });
                        at = child;
                    }
                    Err(libc::ENOENT) if !levels.is_empty() => path.truncate(length),
                    Err(errno) => return Err(refused(errno, &path)),
                }
            }
        }
        let level = match levels.last_mut() {
            Some(level) => level,
            None => return Ok(()),
        };
        next = level.rest.pop();
        if next.is_none() {
            let parent = calls::open(&at, &text(b".."), libc::O_RDONLY | libc::O_DIRECTORY, 0).map_err(|errno| refused(errno, &path))?;
            if identity(&parent, &path)? != level.parent {
                return Err(stop(Code::Changed, "a directory was moved meanwhile", &path));
            }
            visitor.leave(&parent, &level.name, &path)?;
            at = parent;
            path.truncate(level.length);
            levels.pop();
        }
    }
}
