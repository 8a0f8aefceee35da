//! Outlives an index file that is cut short while it is mapped into memory.
//!
//! tantivy reads its files through mappings. If somebody truncates such a file, the kernel answers
//! the next read behind its new end with SIGBUS, and the process dies: a search index, which can
//! be built again, would take everything down that cannot. So a handler puts zeros where the file
//! was and counts the fault. Whoever reads the index compares the count before and after, takes
//! what it read for damaged if the count moved, and the index is rebuilt.
//!
//! This has unsafe code: a signal handler and a fixed mapping cannot be had without. What keeps it
//! sound:
//!
//! - It replaces only what faulted and lies in a mapping that is shared, read-only and of a file
//!   below the index folder, according to `/proc/self/maps`. Nobody but tantivy makes such
//!   mappings; SQLite's shared memory is writable, and zeros in it could spoil the catalog, so
//!   there the process still dies.
//! - The mapping cannot vanish meanwhile: the thread that faulted is in the middle of reading it.
//! - It calls only what a signal handler may: system calls and atomics. It allocates nothing,
//!   takes no lock, and leaves `errno` as it was.
//! - Any other SIGBUS ends the process as it would have without it.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static FAULTS: AtomicU64 = AtomicU64::new(0);
static GUARD: OnceLock<Guard> = OnceLock::new();

/// What the handler needs, made before there is one.
struct Guard {
    /// As `/proc/self/maps` spells it, with a slash at the end.
    folder: Vec<u8>,
    page: usize,
    previous: libc::sigaction,
}

/// How many faults were survived so far. Each one may have put zeros before a reader's eyes.
pub(super) fn faults() -> u64 {
    FAULTS.load(Ordering::SeqCst)
}

/// Installs the handler for files below `folder`, which need not exist yet. Only the first call
/// counts: a process serves one directory.
pub(super) fn survive_below(folder: &Path) -> io::Result<()> {
    if GUARD.get().is_some() {
        return Ok(());
    }
    let mut spelled = real_path(folder)?.into_os_string().into_vec();
    spelled.push(b'/');
    // SAFETY: these ask and fill in plain values; a null action changes nothing.
    let (page, previous) = unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGBUS, std::ptr::null(), &raw mut previous) != 0 {
            return Err(io::Error::last_os_error());
        }
        (libc::sysconf(libc::_SC_PAGESIZE), previous)
    };
    let guard = Guard {
        folder: spelled,
        page: usize::try_from(page).map_err(io::Error::other)?,
        previous,
    };
    if GUARD.set(guard).is_err() {
        return Ok(());
    }
    // SAFETY: `on_fault` has the signature that SA_SIGINFO asks for and is safe to run in a signal
    // handler; the guard it reads is set.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
        action.sa_sigaction = handler as usize;
        // Not on the alternate stack: what faulted was a read, not a full stack, and the frames
        // below are larger than the stack that is kept for overflows.
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigemptyset(&raw mut action.sa_mask);
        if libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn real_path(folder: &Path) -> io::Result<PathBuf> {
    folder.canonicalize().or_else(|_| {
        let parent = folder.parent().unwrap_or(Path::new("/")).canonicalize()?;
        Ok(parent.join(folder.file_name().unwrap_or_default()))
    })
}

extern "C" fn on_fault(
    _signal: libc::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut libc::c_void,
) {
    let Some(guard) = GUARD.get() else { return };
    // SAFETY: the kernel passes a valid `info`; the calls are system calls on values of ours.
    unsafe {
        let errno = *libc::__errno_location();
        let code = (*info).si_code;
        let survived = code == libc::BUS_ADRERR && survive(guard, (*info).si_addr() as usize);
        if !survived {
            // A read that faulted is tried again on return and dies of it; a signal that somebody
            // sent has to be sent again.
            libc::sigaction(
                libc::SIGBUS,
                &raw const guard.previous,
                std::ptr::null_mut(),
            );
            if code <= 0 {
                libc::raise(libc::SIGBUS);
            }
        }
        *libc::__errno_location() = errno;
    }
}

/// Puts zeros from the page of `address` to the end of its mapping, if that is one of ours: what
/// follows in the file is behind its end as well.
///
/// # Safety
/// `address` has just faulted in this thread.
unsafe fn survive(guard: &Guard, address: usize) -> bool {
    let mut finder = Finder::new(address, &guard.folder);
    let found = {
        // SAFETY: a constant path, and a buffer of our own.
        unsafe {
            let maps = libc::open(
                c"/proc/self/maps".as_ptr(),
                libc::O_RDONLY | libc::O_CLOEXEC,
            );
            if maps < 0 {
                return false;
            }
            let mut buffer = [0_u8; 512];
            let found = loop {
                let length = libc::read(maps, buffer.as_mut_ptr().cast(), buffer.len());
                if length < 0 && *libc::__errno_location() == libc::EINTR {
                    continue;
                }
                let Ok(length @ 1..) = usize::try_from(length) else {
                    break Mapping::Foreign;
                };
                if let Some(found) = buffer.get(..length).and_then(|read| finder.feed(read)) {
                    break found;
                }
            };
            libc::close(maps);
            found
        }
    };
    match found {
        Mapping::Zeros => true,
        Mapping::Foreign => false,
        Mapping::Index { end } => {
            // Before the zeros, so that whoever sees them sees the count moved.
            FAULTS.fetch_add(1, Ordering::SeqCst);
            let start = address & !(guard.page - 1);
            // SAFETY: the range lies in one mapping, which the thread that faulted keeps alive,
            // and which everybody only reads.
            let mapped = unsafe {
                libc::mmap(
                    start as *mut libc::c_void,
                    end - start,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                    -1,
                    0,
                )
            };
            mapped != libc::MAP_FAILED
        }
    }
}

/// What is mapped at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    /// A file of the index; where the mapping ends.
    Index { end: usize },
    /// The zeros that another thread put there since the fault.
    Zeros,
    /// Anything else.
    Foreign,
}

/// Finds an address in the text of `/proc/self/maps`, fed in pieces of any size.
///
/// A line: `7f12a000-7f12c000 r--s 00000000 fe:00 5390349    /storage/index/ab/cd.term`.
struct Finder<'a> {
    address: usize,
    folder: &'a [u8],
    line: Line,
}

#[derive(Clone, Copy, Default)]
struct Line {
    field: Field,
    start: usize,
    end: usize,
    mode: [u8; 4],
    mode_length: usize,
    /// Spaces seen since the mode began; the path follows the fourth run of them.
    columns: u8,
    path_length: usize,
    /// How much of the path is as the folder's.
    common: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Start,
    End,
    Mode,
    /// Offset, device and inode.
    Numbers,
    Path,
}

impl<'a> Finder<'a> {
    fn new(address: usize, folder: &'a [u8]) -> Self {
        Self {
            address,
            folder,
            line: Line::default(),
        }
    }

    /// Answers once the line with the address has been read whole.
    fn feed(&mut self, text: &[u8]) -> Option<Mapping> {
        for &byte in text {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                if (line.start..line.end).contains(&self.address) {
                    return Some(self.judge(&line));
                }
            } else {
                self.take(byte);
            }
        }
        None
    }

    fn take(&mut self, byte: u8) {
        let line = &mut self.line;
        match (line.field, byte) {
            (Field::Start, b'-') => line.field = Field::End,
            (Field::Start, _) => line.start = line.start << 4 | hex(byte),
            (Field::End, b' ') => line.field = Field::Mode,
            (Field::End, _) => line.end = line.end << 4 | hex(byte),
            (Field::Mode, b' ') => line.field = Field::Numbers,
            (Field::Mode, _) => {
                if let Some(slot) = line.mode.get_mut(line.mode_length) {
                    *slot = byte;
                }
                line.mode_length += 1;
            }
            (Field::Numbers, b' ') => {
                line.columns += 1;
                if line.columns == 3 {
                    line.field = Field::Path;
                }
            }
            (Field::Numbers, _) => {}
            // The path is padded from the left.
            (Field::Path, b' ') if line.path_length == 0 => {}
            (Field::Path, _) => {
                let agrees = line.common == line.path_length
                    && self.folder.get(line.path_length) == Some(&byte);
                line.common += usize::from(agrees);
                line.path_length += 1;
            }
        }
    }

    fn judge(&self, line: &Line) -> Mapping {
        if &line.mode == b"r--s" && line.common == self.folder.len() {
            Mapping::Index { end: line.end }
        } else if &line.mode == b"r--p" && line.path_length == 0 {
            Mapping::Zeros
        } else {
            Mapping::Foreign
        }
    }
}

fn hex(digit: u8) -> usize {
    match digit {
        b'0'..=b'9' => usize::from(digit - b'0'),
        b'a'..=b'f' => usize::from(digit - b'a') + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
5581c000-5581e000 r--p 00000000 fe:00 1234                       /storage/index/wharfside
7f120000-7f128000 r--s 00000000 fe:00 5390349                    /storage/index/ab/cd.term
7f128000-7f12a000 r--p 00000000 00:00 0 
7f12a000-7f12c000 rw-s 00000000 fe:00 77                         /storage/catalog.sqlite-shm
7f12c000-7f130000 r--s 00000000 fe:00 78                         /storage/index-of-others/x
7f130000-7f134000 r--s 00001000 fe:00 79                         /storage/index/ab.bad-1/e f (deleted)
7ffd0000-7ffd2000 r--p 00000000 00:00 0                          [vvar]
";

    fn find(address: usize) -> Option<Mapping> {
        let whole = Finder::new(address, b"/storage/index/").feed(MAPS.as_bytes());
        // Wherever the pieces are cut, the answer is the same.
        for size in 1..40 {
            let mut finder = Finder::new(address, b"/storage/index/");
            let pieces = MAPS.as_bytes().chunks(size);
            let found = pieces.filter_map(|piece| finder.feed(piece)).next();
            assert_eq!(found, whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn only_shared_read_only_mappings_of_index_files_are_ours() {
        assert_eq!(find(0x7f12_0000), Some(Mapping::Index { end: 0x7f12_8000 }));
        assert_eq!(find(0x7f12_7fff), Some(Mapping::Index { end: 0x7f12_8000 }));
        assert_eq!(find(0x7f13_0000), Some(Mapping::Index { end: 0x7f13_4000 }));
        assert_eq!(find(0x7f12_8000), Some(Mapping::Zeros));
        for foreign in [0x5581_c000, 0x7f12_a000, 0x7f12_c000, 0x7ffd_0000] {
            assert_eq!(find(foreign), Some(Mapping::Foreign), "{foreign:x}");
        }
        assert_eq!(find(0x1000), None);
    }

    #[test]
    fn this_process_finds_itself() {
        let maps = std::fs::read("/proc/self/maps").unwrap();
        let here = &raw const maps as usize;
        assert_eq!(
            Finder::new(here, b"/storage/index/").feed(&maps),
            Some(Mapping::Foreign)
        );
    }
}
