//! The text of numbers, against node and against the rules.

use std::process::Command;

use proptest::prelude::*;
use unloq_webhooks::string_to_sign;

use crate::{
    given::{JSON, Sequence},
    npm::node,
};

const TABLE: &str = include_str!("../oracle/numbers.tsv");
const GENERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/numbers.mjs");

/// The text that a literal signs as.
fn text(literal: &str) -> String {
    let body = format!("{{\"\":{literal}}}");
    string_to_sign("/", JSON, body.as_bytes()).unwrap()[1..].to_owned()
}

#[test]
fn number_text_rules() {
    let mut seen = 0;
    for line in TABLE.lines() {
        let (literal, expected) = line.split_once('\t').unwrap();
        assert_eq!(text(literal), expected, "{literal}");
        seen += 1;
    }
    assert!(seen >= 5_000, "{seen} cases");
}

/// The table is what node says today.
#[test]
fn number_table_is_nodes() {
    let Some(node) = node() else {
        return;
    };
    let output = Command::new(node).arg(GENERATOR).output().unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout).unwrap() == TABLE,
        "run the generator again"
    );
}

#[test]
fn numbers_beyond_every_double_are_refused() {
    for literal in [
        "1e999",
        "-1e999",
        "1.8e308",
        &"9".repeat(400),
        &format!("1{}", "0".repeat(309)),
    ] {
        for body in [
            format!("{{\"a\":{literal}}}"),
            format!("{{\"a\":[{literal}]}}"),
            format!("{{\"a\":{{\"b\":[{literal}]}}}}"),
        ] {
            assert!(
                string_to_sign("/", JSON, body.as_bytes()).is_err(),
                "{body}"
            );
        }
    }
    // Close to it is not beyond it; neither is far below one.
    assert_eq!(text("1.7976931348623158e308"), "1.7976931348623157e+308");
    assert_eq!(text("1e-999"), "0");
    assert_eq!(text(&format!("0.{}1", "0".repeat(2_000))), "0");
    assert_eq!(text(&format!("1.{}", "0".repeat(2_000))), "1");
}

#[test]
fn numbers_that_are_none_are_refused() {
    for literal in [
        "+1",
        "01",
        "-01",
        "00",
        ".5",
        "5.",
        "1e",
        "1e+",
        "1E-",
        "-",
        "--1",
        "1.e1",
        "0x10",
        "1_000",
        "NaN",
        "Infinity",
        "-Infinity",
        "1,5",
        "1 2",
        "0b1",
        "1f",
        "١",
    ] {
        let body = format!("{{\"a\":{literal}}}");
        assert!(
            string_to_sign("/", JSON, body.as_bytes()).is_err(),
            "{literal}"
        );
    }
}

/// Section 1.4, from the other side: reading the text gives the number back, and no shorter digits
/// do.
fn check(value: f64) -> Result<(), TestCaseError> {
    let text = text(&format!("{value:e}"));
    prop_assert_eq!(text.parse::<f64>().unwrap(), value, "{}", text);
    let digits: String = text
        .split('e')
        .next()
        .unwrap()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let digits = digits.trim_matches('0');
    if digits.len() > 1 {
        let shorter = format!("{:.*e}", digits.len() - 2, value);
        prop_assert_ne!(shorter.parse::<f64>().unwrap(), value, "{}", text);
    }
    let magnitude = value.abs();
    let plain = value == 0.0 || (1e-6..1e21).contains(&magnitude);
    prop_assert_eq!(!text.contains('e'), plain, "{}", text);
    Ok(())
}

proptest! {
    #[test]
    fn numbers_read_back_and_are_shortest(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
        check(value)?;
    }

    #[test]
    fn numbers_of_everyday_size(whole in any::<i64>(), shift in 0..50_u32) {
        #[expect(clippy::cast_precision_loss)]
        let value = whole as f64 / 2_f64.powi(i32::try_from(shift).unwrap());
        check(value)?;
    }
}

/// Fresh numbers against node, beyond the table.
#[test]
fn random_numbers_against_node() {
    let Some(node) = node() else {
        return;
    };
    let mut sequence = Sequence(0x6e75_6d62_6572);
    let mut literals = Vec::new();
    while literals.len() < 20_000 {
        let value = f64::from_bits(sequence.next());
        if value.is_finite() {
            literals.push(format!("{value:.16e}"));
        }
        let whole = sequence.next() >> (11 + sequence.below(8));
        literals.push(format!(
            "{whole}.{}",
            sequence.pick(&["25", "5", "75", "125", "375"])
        ));
    }
    let script =
        "process.stdout.write(JSON.parse(require('fs').readFileSync(0,'utf8')).join('\\n'))";
    let body = format!("[{}]", literals.join(","));
    let output = crate::npm::run(&node, &["-e", script], body.as_bytes());
    let output = String::from_utf8(output).unwrap();
    assert_eq!(output.lines().count(), literals.len());
    for (literal, expected) in literals.iter().zip(output.lines()) {
        assert_eq!(text(literal), expected, "{literal}");
    }
}
