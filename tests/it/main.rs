//! The integration tests: the real binary, real HTTP, real directories.
//!
//! Each test starts its own process on a free port with its own directory, so they run in
//! parallel. They wait for conditions, never for time to pass.

mod accounts;
mod api_contract;
mod app;
mod bad_input;
mod browser;
mod browsing;
mod cli;
mod command;
mod crash;
mod downloads;
mod drops;
mod entries;
mod events;
mod extracting;
mod guestbook;
mod hostile;
mod hostile_bounds;
mod hostile_moves;
mod hostile_revoked;
mod hostile_contents;
mod ledger;
mod matrix;
mod model;
mod needs_mount;
mod needs_mount_power_cut;
mod nginx;
mod overlap;
mod pages;
mod passkeys;
mod people;
mod persistence;
mod preflight;
mod previews;
mod proxy;
mod readme;
mod redeploy;
mod releases;
mod reload;
mod results;
mod scans;
mod search;
mod serving;
mod smoke;
mod terminal;
mod terminal_get;
mod thumbnails;
mod tidy;
mod tus;
mod two_processes;
mod uploads;
mod weather;
mod zip;
