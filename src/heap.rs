//! How the C library keeps memory that was freed.
//!
//! This has unsafe code: glibc is told by mallopt(3), or by the environment before `main`, and a
//! process that starts itself once more to have that there takes a fifth longer until it is ready.

#![allow(unsafe_code)]

/// Variable by which somebody may have chosen before, parameter of mallopt(3), and the choice.
#[cfg(target_env = "gnu")]
const CHOSEN: [(&str, libc::c_int, libc::c_int); 3] = [
    // Each heap keeps what once was the most of it, and there would be one for each of sixteen threads.
    ("MALLOC_ARENA_MAX", libc::M_ARENA_MAX, 2),
    // What is larger, in bytes, goes back to the system when it is freed. Unless that is said, the
    // threshold rises to the size of whatever was freed, and the 19 MiB that a password takes stay
    // in a heap, those of the next beside them. What is taken all the time is smaller, such as a
    // download's chunks and the index writers' pages: asked for anew, it would cost a fault for
    // each of its pages.
    ("MALLOC_MMAP_THRESHOLD_", libc::M_MMAP_THRESHOLD, 4 << 20),
    // Bytes at a heap's end that are kept for what comes next: glibc's own 128 KiB would be given
    // back and asked for again all the time.
    ("MALLOC_TRIM_THRESHOLD_", libc::M_TRIM_THRESHOLD, 4 << 20),
];

/// Whatever the environment says goes before. Called before another thread begins. Other C
/// libraries have nothing of the kind.
pub fn be_thrifty() {
    #[cfg(target_env = "gnu")]
    {
        let is_set = |name| std::env::var_os(name).is_some_and(|set| !set.is_empty());
        // The same choices by another way: whoever makes them knows better.
        if is_set("GLIBC_TUNABLES") {
            return;
        }
        for (_, parameter, value) in CHOSEN.into_iter().filter(|(name, ..)| !is_set(name)) {
            // SAFETY: it takes plain values and changes how memory is kept, never what is in it.
            // What it refuses stays as it was, which is no harm: this is for nothing but thrift.
            unsafe { libc::mallopt(parameter, value) };
        }
    }
}
