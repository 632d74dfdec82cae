//! keylockr-client
