//! Tests of the front-end without a network.
