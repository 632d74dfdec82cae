//! keylockr-login
