//! The HTTP surface.

mod metrics;
pub mod pages;
pub mod problem;
pub mod state;
