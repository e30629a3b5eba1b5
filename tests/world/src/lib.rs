//! crossdock-world
