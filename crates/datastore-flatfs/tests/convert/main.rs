//! Conversions: what they make of a directory, what they refuse, and how they go on after having been cut short anywhere.

mod directory;
mod interrupted;
mod javascript;
mod layout;
mod moving;
mod power;
mod resharding;
