//! stub
use crate::error::Result;
use std::path::Path;
#[derive(Clone, Debug, serde::Serialize)]
pub struct Mount {}
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub sentence: String,
    pub remedy: Option<String>,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum Severity {
    Error,
    Warning,
}
impl Mount {
    pub fn inspect(_: &Path) -> Result<Self> {
        Ok(Mount {})
    }
    pub fn prepare(p: &Path) -> Result<()> {
        std::fs::create_dir_all(p).map_err(|e| crate::error::Error::io("creating", p, e))
    }
    pub fn findings(&self) -> Vec<Finding> {
        vec![]
    }
}
