//! Making directories, and turning one layout into another.
