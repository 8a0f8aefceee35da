//! How the C library keeps memory that was freed.
//!
//! glibc reads this from the environment before `main` (mallopt(3)), so a process that was started
//! without it starts itself once more, in its own place. Other C libraries have nothing of the kind.

/// Variable, and what it is set to unless somebody has chosen otherwise.
#[cfg(target_env = "gnu")]
const CHOSEN: [(&str, &str); 3] = [
    // Each heap keeps what once was the most of it, and there would be one for each of sixteen threads.
    ("MALLOC_ARENA_MAX", "2"),
    // What is larger, in bytes, goes back to the system when it is freed. Unless that is said, the
    // threshold rises to the size of whatever was freed, and the 19 MiB that a password takes stay
    // in a heap, those of the next beside them; so do the index writers' pages of 1 MiB.
    ("MALLOC_MMAP_THRESHOLD_", "524288"),
    // Bytes at a heap's end that are kept for what comes next: glibc's own 128 KiB would be given
    // back and asked for again all the time.
    ("MALLOC_TRIM_THRESHOLD_", "2097152"),
];

/// Goes on in this process if it has what it should, or if it cannot be had; it is for nothing but
/// thrift. Called before anything is opened or another thread begins.
#[cfg(target_env = "gnu")]
pub fn be_thrifty() {
    use std::os::unix::process::CommandExt;

    // The same choices by another way: whoever makes them knows better.
    if std::env::var_os("GLIBC_TUNABLES").is_some_and(|set| !set.is_empty()) {
        return;
    }
    let missing: Vec<_> = CHOSEN
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .collect();
    if missing.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut again = std::process::Command::new(program);
    let mut words = std::env::args_os();
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    // Returns only if it failed, such as where the program's file is gone.
    let _failed = again.args(words).envs(missing).exec();
}

#[cfg(not(target_env = "gnu"))]
pub fn be_thrifty() {}
