//! crossdock-tests
