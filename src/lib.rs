//! Wharfside keeps files, their names, facts about them and a search index in one directory
//! that outlives every release and that two releases may use at the same time.

#![forbid(unsafe_code)]

pub mod check;
pub mod config;
pub mod error;
pub mod extract;
pub mod library;
pub mod logging;
pub mod reindex;
pub mod serve;
pub mod smoke;
pub mod store;
pub mod upkeep;
pub mod web;
pub mod worker;
