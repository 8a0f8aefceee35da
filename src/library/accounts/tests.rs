//! Accounts, what they may, and what ends with them.
