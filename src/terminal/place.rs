//! A folder on this machine that files are put into. What a server calls them decides where they
//! go below it, and never leads out of it: no link inside it is followed.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::send::BUFFER;
use crate::error::{Error, Result};
use crate::library::FilePath;
use crate::store::Digest;

/// Of a name in the name of a part; with what stands around it, it stays below what file systems
/// allow.
const LONGEST: usize = 200;

pub struct Place {
    folder: OwnedFd,
    shown: PathBuf,
}

/// Where one file goes.
pub struct Spot {
    folder: OwnedFd,
    name: String,
}

/// What stands at a spot.
pub enum Standing {
    Nothing,
    File(File, u64),
    /// A folder, a link, a device.
    Other,
}

/// The beginning of a content, under a name of its own beside the spot. One process has it.
pub struct Part<'a> {
    spot: &'a Spot,
    name: String,
    pub file: File,
    pub whole: Sha256,
    /// Bytes that are there, and hashed.
    pub length: u64,
}

impl Place {
    /// Made if it is missing.
    ///
    /// # Errors
    /// If it cannot be made, or is no folder.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::io("make", path, error);
        std::fs::create_dir_all(path).map_err(failed)?;
        let folder = fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        Ok(Self {
            folder: folder.map_err(|error| failed(error.into()))?,
            shown: path.to_owned(),
        })
    }

    /// As a person may name it.
    pub fn shown(&self, path: &FilePath) -> PathBuf {
        match self.shown.strip_prefix(".") {
            Ok(shown) => shown.join(path.as_str()),
            Err(_) => self.shown.join(path.as_str()),
        }
    }

    /// Makes the folders above a file.
    pub fn spot(&self, path: &FilePath) -> io::Result<Spot> {
        let mut folder = self.folder.try_clone()?;
        for segment in path.folder().as_str().split('/').filter(|s| !s.is_empty()) {
            match fs::mkdirat(&folder, segment, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = match fs::openat(&folder, segment, flags, Mode::empty()) {
                Err(Errno::NOTDIR | Errno::LOOP) => {
                    return Err(io::Error::other(format!("{segment:?} is no folder here")));
                }
                opened => opened?,
            };
        }
        Ok(Spot {
            folder,
            name: path.name().to_owned(),
        })
    }
}

impl Spot {
    pub fn standing(&self) -> io::Result<Standing> {
        let facts = match fs::statat(&self.folder, &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Standing::Nothing),
            facts => facts?,
        };
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Ok(Standing::Other);
        }
        let file = File::from(self.open(&self.name, OFlags::RDONLY)?);
        let length = file.metadata()?.len();
        Ok(Standing::File(file, length))
    }

    /// What is there of a content of `size` bytes.
    pub fn part(&self, sha256: Digest, size: u64) -> io::Result<Part<'_>> {
        let stem = &self.name[..self.name.floor_char_boundary(LONGEST)];
        let digest = sha256.to_string();
        let name = format!(".{stem}.{}.part", &digest[..16]);
        let file = File::from(self.open(&name, OFlags::RDWR | OFlags::CREATE)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other(format!("{name:?} is no file")));
        }
        match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => {
                return Err(io::Error::other("another run is getting it just now"));
            }
            locked => locked?,
        }
        let mut part = Part {
            spot: self,
            name,
            file,
            whole: Sha256::new(),
            length: 0,
        };
        if part.file.metadata()?.len() > size {
            part.begin_again()?;
        }
        part.length = digest_rest(&part.file, &mut part.whole)?;
        Ok(part)
    }

    fn open(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        // Nothing that is no file may make it wait.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(fs::openat(
            &self.folder,
            name,
            flags,
            Mode::from_raw_mode(0o666),
        )?)
    }
}

impl Part<'_> {
    pub fn begin_again(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.whole, self.length) = (Sha256::new(), 0);
        Ok(())
    }

    /// Gives it its name; what has that name is replaced or makes it fail.
    pub fn publish(self, replace: bool) -> io::Result<()> {
        self.file.sync_all()?;
        let (folder, from, to) = (&self.spot.folder, &*self.name, &*self.spot.name);
        if !replace {
            match fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
                // Not every file system can; the name was free a moment ago.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    if !matches!(self.spot.standing()?, Standing::Nothing) {
                        return Err(ErrorKind::AlreadyExists.into());
                    }
                }
                renamed => return Ok(renamed?),
            }
        }
        Ok(fs::renameat(folder, from, folder, to)?)
    }

    pub fn remove(self) -> io::Result<()> {
        Ok(fs::unlinkat(
            &self.spot.folder,
            &*self.name,
            AtFlags::empty(),
        )?)
    }
}

/// Digests a file from where it stands to its end; answers how many bytes.
pub fn digest_rest(mut file: &File, hasher: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut length = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(length),
            n => {
                hasher.update(&buffer[..n]);
                length += n as u64;
            }
        }
    }
}
