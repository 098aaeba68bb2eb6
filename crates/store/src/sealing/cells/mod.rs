//! Cells: the few small places that hold an epoch key and can really forget one. `slot` is what one entry looks like
//! wherever it lies, `file` the cell beside a data folder or a local backup target.
//!
//! When what is put or erased does not live here: `crate::destroy` decides that.

mod file;
mod machine;
mod share;
mod slot;

pub(crate) use file::FileCell;
pub(crate) use machine::{FIRST_SHARE, MachineCell, machine_name, no_others};
pub(crate) use share::{cell_entry, epoch_key};
pub(crate) use slot::{SLOT_LEN, decode_slot, encode_slot};
