//! The house as a whole, below the front-ends: seed-driven simulation, and what attackers tried.

mod algorithms;
mod artefacts;
mod attacks;
mod bench;
mod counting;
mod crashes;
mod destruction;
mod identifiers;
mod imports;
mod index_file;
mod lives;
mod lookups;
mod object_rules;
mod persons;
mod places;
mod races;
mod rot;
mod simulation;
mod solver;
mod variants;
mod walks;
