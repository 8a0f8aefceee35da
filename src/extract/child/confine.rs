//! What a child gives up before it reads its first document.

use std::io;
use std::os::fd::RawFd;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, Signal};

use super::message::Bounds;
use super::{Confinement, Enforced, calls};

/// The newest rules that are asked for; an older kernel enforces those it knows.
const RULES: ABI = ABI::V6;

/// Beside what it may use, a child has its program, libraries and stack in its address space.
const BESIDE_DATA: u64 = 256 << 20;
/// Documents nest; readers that recurse get more room than usual, and an end to it.
const STACK: u64 = 64 << 20;
/// Standard streams, the document, and some to spare.
pub const DESCRIPTORS: u64 = 8;
/// The same with libraries, and data of its own.
pub const DESCRIPTORS_OF_A_PROGRAM: u64 = 32;
/// Where programs, libraries and their data are, as far as there are such places.
const INSTALLED: [&str; 8] = [
    "/bin",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/nix/store",
    "/usr/bin",
    "/usr/lib",
    "/usr/share",
];
/// Between the signal that ends a child which used its time up and the one that cannot be caught.
const LAST_SECONDS: u64 = 2;
const PRIORITY: i32 = 5;

/// Closes what the server was started with, or anybody gave it, that is not a child's: only
/// standard streams are, and stdin is its socket.
pub fn close_inherited() -> io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > rustix::stdio::raw_stderr())
        .collect();
    for descriptor in open {
        match nix::unistd::close(descriptor) {
            // The one that the list was read from is closed already.
            Ok(()) | Err(nix::Error::EBADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sets what holds on any kernel. What it is worth is not open to doubt, so any failure is one.
pub fn bound(bounds: &Bounds, descriptors: u64) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    // Of use where they are possible, and nobody's business where they are not.
    let _ = rustix::thread::set_name(c"extract");
    let _ = rustix::process::nice(PRIORITY);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");

    limit(Resource::Data, bounds.memory)?;
    limit(Resource::As, bounds.memory + BESIDE_DATA)?;
    limit(Resource::Nofile, descriptors)?;
    for nothing in [
        Resource::Fsize,
        Resource::Core,
        Resource::Nproc,
        Resource::Memlock,
        Resource::Msgqueue,
    ] {
        limit(nothing, 0)?;
    }
    let hard = rustix::process::getrlimit(Resource::Stack).maximum;
    set(
        Resource::Stack,
        hard.map_or(STACK, |hard| hard.min(STACK)),
        hard,
    )?;
    limit(Resource::Cpu, bounds.cpu + LAST_SECONDS)?;
    let hard = rustix::process::getrlimit(Resource::Cpu).maximum;
    set(Resource::Cpu, bounds.cpu, hard)
}

/// Lowers a limit for good; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let hard = rustix::process::getrlimit(resource).maximum;
    let most = hard.map_or(most, |hard| hard.min(most));
    set(resource, most, Some(most))
}

fn set(resource: Resource, soft: u64, hard: Option<u64>) -> io::Result<()> {
    let soft = hard.map_or(soft, |hard| hard.min(soft));
    let limit = Rlimit {
        current: Some(soft),
        maximum: hard,
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

/// Locks this thread in, as far as the kernel can; the last thing before documents come.
pub fn lock_in() -> Confinement {
    Confinement {
        landlock: landlock().unwrap_or(Enforced::Not),
        seccomp: seccomp().is_ok(),
    }
}

/// No path leads to a file any more, no port to another machine, no name to another process.
fn landlock() -> Result<Enforced, landlock::RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partly,
        RulesetStatus::NotEnforced => Enforced::Not,
    })
}

/// Locks a thread in that is about to execute a program: what is installed can be read, and what is
/// its own, and nothing can be written or reached, as far as the kernel can see to that.
pub fn lock_in_program<'a>(own: impl Iterator<Item = &'a Path>) -> io::Result<()> {
    let places = INSTALLED.iter().map(Path::new).chain(own);
    let read = AccessFs::from_read(RULES);
    let landlocked = Ruleset::default()
        .handle_access(AccessFs::from_all(RULES))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(RULES)))
        .and_then(|rules| rules.scope(Scope::from_all(RULES)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.add_rules(path_beneath_rules(places, read)))
        .and_then(|rules| rules.restrict_self());
    landlocked.map_err(io::Error::other)?;
    let filter = match calls::of_program() {
        Ok(filter) => filter,
        // A processor without filters has the limits and landlock, if that.
        Err(seccompiler::Error::EmptyFilter) => return Ok(()),
        Err(error) => return Err(io::Error::other(error)),
    };
    // So has a kernel without them.
    if let Err(error) = seccompiler::apply_filter(&filter) {
        tracing::debug!(%error, "no seccomp");
    }
    Ok(())
}

fn seccomp() -> Result<(), seccompiler::Error> {
    seccompiler::apply_filter(&calls::of_child()?)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind::PermissionDenied;
    use std::net::TcpStream;
    use std::process::Command;

    use super::*;

    /// Both lock in the thread that asks, and no other: these tests give theirs up.
    fn locked_in<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(act).join().unwrap()
    }

    #[test]
    fn landlock_leaves_no_way_to_a_file() {
        let (before, enforced, after) = locked_in(|| {
            let look = || File::open("/proc/self/status").map(drop);
            (look(), landlock().unwrap(), look())
        });
        before.unwrap();
        match enforced {
            Enforced::Not => eprintln!("DID NOT RUN: this kernel has no landlock"),
            _ => assert_eq!(after.unwrap_err().kind(), PermissionDenied),
        }
    }

    #[test]
    fn seccomp_leaves_files_sockets_and_programs_out() {
        let refused = locked_in(|| {
            seccomp().unwrap();
            [
                File::open("/proc/self/status").map(drop),
                TcpStream::connect("127.0.0.1:9").map(drop),
                Command::new("/bin/true").spawn().map(drop),
                std::thread::Builder::new().spawn(|| ()).map(drop),
                std::fs::metadata("/").map(drop),
                rustix::process::kill_process(rustix::process::getpid(), Signal::CONT)
                    .map_err(Into::into),
            ]
        });
        for outcome in refused {
            assert_eq!(outcome.unwrap_err().kind(), PermissionDenied);
        }
    }

    #[test]
    fn a_program_reads_what_is_installed_and_no_more() {
        let [installed, other, written, connected] = locked_in(|| {
            lock_in_program(std::iter::empty()).unwrap();
            [
                File::open("/usr/bin/env").map(drop),
                File::open("/etc/passwd").map(drop),
                File::create(std::env::temp_dir().join("wharfside-was-here")).map(drop),
                TcpStream::connect("127.0.0.1:9").map(drop),
            ]
        });
        assert_eq!(connected.unwrap_err().kind(), PermissionDenied);
        installed.unwrap();
        let landlock = Ruleset::default().handle_access(AccessFs::from_all(RULES));
        let is_there = landlock
            .and_then(|rules| rules.create())
            .and_then(|rules| locked_in(|| rules.restrict_self()));
        match is_there.unwrap().ruleset {
            RulesetStatus::NotEnforced => eprintln!("DID NOT RUN: this kernel has no landlock"),
            _ => {
                assert_eq!(other.unwrap_err().kind(), PermissionDenied);
                assert_eq!(written.unwrap_err().kind(), PermissionDenied);
            }
        }
    }

    #[test]
    fn what_is_lacking_is_told() {
        let confinement = |landlock, seccomp| Confinement { landlock, seccomp };
        assert_eq!(confinement(Enforced::Partly, true).lacking(), None);
        let told = confinement(Enforced::Not, false).lacking().unwrap();
        assert!(told.contains("neither landlock nor seccomp"), "{told}");
        let told = confinement(Enforced::Fully, false).lacking().unwrap();
        assert!(told.contains("no seccomp"), "{told}");
    }
}
