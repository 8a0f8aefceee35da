//! The system calls that the kernel leaves a child, and the program that one becomes.
//!
//! Both are lists of what is allowed. Everything else fails: calls that a later kernel adds, and
//! the same ones by other numbers, as those of x32 are on x86-64.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// What any code takes: memory, locks, time, randomness, signals to itself, the end.
const RUNTIME: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_write,
    libc::SYS_writev,
    // What may be executed of it is up to each filter.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The socket of a child, which is open already.
const SOCKET: &[libc::c_long] = &[libc::SYS_recvmsg, libc::SYS_sendmsg];

/// What it takes to be executed, to load libraries, and to read data of its own. Which files it can
/// open is landlock's business, and which limits it can change the limits' own.
const PROGRAM: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_readv,
    libc::SYS_fcntl,
    libc::SYS_fadvise64,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_times,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
];

/// The same by the older names that programs on x86-64 still use.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_arch_prctl,
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getrlimit,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// For a child: what reading bytes, computing and answering take.
///
/// # Errors
/// Where there are no filters for this processor.
pub fn of_child() -> Result<BpfProgram, Error> {
    let mut rules = listed(&[RUNTIME, SOCKET]);
    let is_data = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, only_if(2, is_data.clone(), 0)?);
    }
    filter(rules)
}

/// For a child that is about to execute a program, which keeps the filter and cannot start another
/// process.
///
/// # Errors
/// As [`of_child`].
pub fn of_program() -> Result<BpfProgram, Error> {
    let mut rules = listed(&[RUNTIME, PROGRAM, OLDER]);
    rules.insert(libc::SYS_prlimit64, only_if(0, SeccompCmpOp::Eq, 0)?);
    filter(rules)
}

fn listed(lists: &[&[libc::c_long]]) -> Rules {
    let calls = lists.iter().copied().flatten();
    calls.map(|call| (*call, Vec::new())).collect()
}

/// What is not allowed fails, as on a kernel that has no such call: a library that tries may go on
/// without.
fn filter(mut rules: Rules) -> Result<BpfProgram, Error> {
    let arch = architecture().ok_or(Error::EmptyFilter)?;
    // Aborting is a signal to itself.
    let own = rustix::process::getpid().as_raw_nonzero().get() as u64;
    rules.insert(libc::SYS_tgkill, only_if(0, SeccompCmpOp::Eq, own)?);
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?;
    Ok(BpfProgram::try_from(filter)?)
}

/// Allows a call if that holds of one of its arguments.
fn only_if(
    argument: u8,
    holds: SeccompCmpOp,
    value: u64,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, holds, value)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

fn architecture() -> Option<TargetArch> {
    Some(match () {
        () if cfg!(target_arch = "x86_64") => TargetArch::x86_64,
        () if cfg!(target_arch = "aarch64") => TargetArch::aarch64,
        () if cfg!(target_arch = "riscv64") => TargetArch::riscv64,
        () => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bit by which calls of x32 differ from those of x86-64.
    const X32: u32 = 0x4000_0000;
    const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
    const REFUSED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

    /// What the kernel would answer, by the instructions that filters are made of.
    fn answer(filter: &BpfProgram, call: u32, arguments: [u64; 6]) -> u32 {
        const LOAD: u16 = 0x20;
        const AND: u16 = 0x54;
        const JUMP: u16 = 0x05;
        const EQUAL: u16 = 0x15;
        const GREATER: u16 = 0x25;
        const GREATER_OR_EQUAL: u16 = 0x35;
        const RETURN: u16 = 0x06;
        let architecture = match architecture() {
            Some(TargetArch::x86_64) => 0xC000_003E,
            Some(TargetArch::aarch64) => 0xC000_00B7,
            _ => 0xC000_00F3_u32,
        };
        let mut data = [call, architecture, 0, 0].to_vec();
        data.extend(
            arguments
                .iter()
                .flat_map(|it| [*it as u32, (it >> 32) as u32]),
        );
        let (mut at, mut loaded) = (0, 0_u32);
        loop {
            let step = &filter[at];
            at += 1;
            let holds = match step.code {
                LOAD => {
                    loaded = data[step.k as usize / 4];
                    continue;
                }
                AND => {
                    loaded &= step.k;
                    continue;
                }
                JUMP => {
                    at += step.k as usize;
                    continue;
                }
                RETURN => return step.k,
                EQUAL => loaded == step.k,
                GREATER => loaded > step.k,
                GREATER_OR_EQUAL => loaded >= step.k,
                other => panic!("an instruction {other:#x}"),
            };
            at += usize::from(if holds { step.jt } else { step.jf });
        }
    }

    #[test]
    fn only_what_is_listed_is_allowed_and_by_no_other_number() {
        let own = u64::from(std::process::id());
        for (filter, lists) in [
            (of_child().unwrap(), [RUNTIME, SOCKET].concat()),
            (of_program().unwrap(), [RUNTIME, PROGRAM, OLDER].concat()),
        ] {
            for call in 0..1_024 {
                let has_conditions = [
                    libc::SYS_mmap,
                    libc::SYS_mprotect,
                    libc::SYS_tgkill,
                    libc::SYS_prlimit64,
                ]
                .contains(&i64::from(call));
                let is_listed = lists.contains(&i64::from(call));
                if is_listed || !has_conditions {
                    let expected = if is_listed { ALLOWED } else { REFUSED };
                    assert_eq!(answer(&filter, call, [0; 6]), expected, "call {call}");
                }
                for arguments in [[0; 6], [own; 6]] {
                    let found = answer(&filter, call | X32, arguments);
                    assert_eq!(found, REFUSED, "call {call} of x32");
                }
            }
        }
    }

    #[test]
    fn what_an_argument_decides_is_decided_by_it() {
        let own = u64::from(std::process::id());
        let asked = |filter: &BpfProgram, call: libc::c_long, argument: usize, value: u64| {
            let mut arguments = [0; 6];
            arguments[argument] = value;
            answer(filter, call as u32, arguments)
        };
        let (child, program) = (of_child().unwrap(), of_program().unwrap());
        for filter in [&child, &program] {
            assert_eq!(asked(filter, libc::SYS_tgkill, 0, own), ALLOWED);
            assert_eq!(asked(filter, libc::SYS_tgkill, 0, own + 1), REFUSED);
        }
        let executable = libc::PROT_EXEC as u64;
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            assert_eq!(asked(&child, call, 2, 0), ALLOWED);
            assert_eq!(asked(&child, call, 2, executable), REFUSED);
            assert_eq!(asked(&program, call, 2, executable), ALLOWED);
        }
        assert_eq!(asked(&program, libc::SYS_prlimit64, 0, 0), ALLOWED);
        assert_eq!(asked(&program, libc::SYS_prlimit64, 0, own), REFUSED);
    }
}
