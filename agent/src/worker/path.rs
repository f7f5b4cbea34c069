//! Paths of the capsule, from its root. The worker has the same root as every process, so no link
//! leads out of it.

use super::calls::{self, About};
use super::stop::{refused, stop, Stop};
use crate::refusal::Code;
use crate::sys::Errno;
use std::ffi::CString;
use std::os::unix::io::OwnedFd;

/// Most bytes of a path.
pub const MAX_PATH: usize = 4095;
/// Most links that are followed to where something is written.
const MAX_LINKS: usize = 40;

pub fn text(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap_or_default()
}

/// Where something is, or is to be: the directory that holds it, and its name there.
pub struct Place {
    pub dir: OwnedFd,
    pub name: CString,
    /// Directories that were made on the way, from the outermost one.
    pub made: Vec<(OwnedFd, CString)>,
}

impl Place {
    /// Takes away what was made on the way, where nothing else is in it.
    pub fn undo(&mut self) {
        while let Some((dir, name)) = self.made.pop() {
            let _ = calls::remove_dir(&dir, &name);
        }
    }
}

/// Whether missing directories are made, and for whom.
#[derive(Clone, Copy)]
pub enum Parents {
    MustExist,
    Make { uid: u32, gid: u32 },
}

/// A path without slashes at its end, in two: the way, and the last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let cut = path[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    (&path[..cut], &path[cut..end])
}

/// The place that a path names; a link at its end is not followed.
pub fn place(path: &[u8], parents: Parents) -> Result<Place, Stop> {
    let root = calls::root().map_err(|errno| refused(errno, b"/"))?;
    place_from(&root, path, parents)
}

/// `dir` is where a path begins that does not begin with a slash.
fn place_from(dir: &OwnedFd, path: &[u8], parents: Parents) -> Result<Place, Stop> {
    let (way, name) = split(path);
    if name == b"." || name == b".." {
        return Err(stop(Code::BadRequest, "a path must not end in . or ..", path));
    }
    let mut made = Vec::new();
    let way_text = if way.is_empty() { calls::dot() } else { text(way) };
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let found = match (calls::open(dir, &way_text, flags, 0), parents) {
        (Err(libc::ENOENT), Parents::Make { uid, gid }) => make_way(dir, way, (uid, gid), &mut made),
        (other, _) => other,
    };
    let name = if name.is_empty() { calls::dot() } else { text(name) };
    match found {
        Ok(dir) => Ok(Place { dir, name, made }),
        Err(errno) => {
            let mut place = Place { dir: calls::root().map_err(|errno| refused(errno, b"/"))?, name, made };
            place.undo();
            Err(refused(errno, path))
        }
    }
}

/// Opens a directory by its path and makes what is missing of it.
fn make_way(dir: &OwnedFd, way: &[u8], owner: (u32, u32), made: &mut Vec<(OwnedFd, CString)>) -> Result<OwnedFd, Errno> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let mut at = if way.first() == Some(&b'/') { calls::root()? } else { calls::open(dir, &calls::dot(), flags, 0)? };
    for part in way.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        let part = text(part);
        let mut next = calls::open(&at, &part, flags, 0);
        if next.as_ref().err() == Some(&libc::ENOENT) {
            match calls::make_dir(&at, &part, 0o755) {
                Ok(()) => {
                    calls::change_owner_at(&at, &part, owner.0, owner.1)?;
                    made.push((crate::sys::duplicate(&at)?, part.clone()));
                }
                // Another one was quicker, or a link leads nowhere.
                Err(libc::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
            next = calls::open(&at, &part, flags, 0);
        }
        at = next?;
    }
    Ok(at)
}

/// The place where what is written to a path comes to lie, through links at its end, and what is there.
pub fn target(path: &[u8], parents: Parents) -> Result<(Place, Option<About>), Stop> {
    let mut at = place(path, parents)?;
    for _ in 0..MAX_LINKS {
        let found = match calls::about_at(&at.dir, &at.name) {
            Ok(about) => about,
            Err(libc::ENOENT) => return Ok((at, None)),
            Err(errno) => {
                at.undo();
                return Err(refused(errno, path));
            }
        };
        if !calls::is(&found, libc::S_IFLNK) {
            return Ok((at, Some(found)));
        }
        let link = calls::read_link(&at.dir, &at.name).map_err(|errno| refused(errno, path))?;
        // What was made on the way holds the link, so there was nothing to make.
        at = place_from(&at.dir, &link, parents)?;
    }
    Err(refused(libc::ELOOP, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_before_its_last_name() {
        let cases: [(&[u8], &[u8], &[u8]); 6] =
            [(b"/", b"", b""), (b"//", b"", b""), (b"/a", b"/", b"a"), (b"/a/b//", b"/a/", b"b"), (b"//a", b"//", b"a"), (b"a", b"", b"a")];
        for (path, way, name) in cases {
            assert_eq!(split(path), (way, name), "{}", String::from_utf8_lossy(path));
        }
    }
}
