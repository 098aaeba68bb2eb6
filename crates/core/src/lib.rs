//! Model, lifecycle, access, operations and the ports that the rest plugs into. No I/O, no clock, no RNG of its own.
