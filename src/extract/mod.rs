//! Bytes and a media type become text and facts.
