//! Fault-injecting doubles and conformance suites per port. A dev-dependency only.
