//! Looking a directory over: what is amiss, and what can be mended.
