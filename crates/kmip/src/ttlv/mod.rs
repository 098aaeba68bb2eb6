//! TTLV: tag, type, length, value. The generic tree, and its encodings; what the tags mean is not known here.

pub mod binary;
mod tree;

pub use tree::{ItemType, Node, Value};
