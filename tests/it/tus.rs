//! Resumable uploads over HTTP: the tus protocol 1.0.0, status by status, and through kills.

mod bounds;
pub mod client;
mod clients;
mod hostile;
mod kills;
mod protocol;
