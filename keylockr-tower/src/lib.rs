//! keylockr-tower
