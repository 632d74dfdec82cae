//! The program openssl, where there is one.

use std::process::{Command, Stdio};

/// Its version, if it is on the PATH.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("openssl").arg("version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(1)?;
    Some(format!("openssl {version}"))
}

/// Makes a pair, in a process of its own.
pub(crate) fn make(bits: u32) {
    let status = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt"])
        .arg(format!("rsa_keygen_bits:{bits}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("a process").success());
}

/// Microseconds of one private operation, by its own measure: a signature, which differs from a
/// decryption by the check of a padding.
pub(crate) fn private_operation(bits: u32) -> Option<f64> {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "2"])
        .arg(format!("rsa{bits}"))
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    // Signatures and verifications a second: +F2:2:2048:1673.9:57211.5
    let line = text.lines().find(|line| line.starts_with("+F2:"))?;
    let rate: f64 = line.split(':').nth(3)?.parse().ok()?;
    (rate > 0.0).then_some(1e6 / rate)
}
