//! The `wharfside` command.

fn main() {}
