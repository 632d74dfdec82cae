//! A QR code in half blocks: two modules of the code in one character.

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white on every side; scanners count on it.
const QUIET: usize = 4;

/// Black on white of the fixed part of the 256 colours, which no theme changes.
const PLATE: &str = "\x1b[38;5;16;48;5;231m";
const END: &str = "\x1b[0m";

/// What the characters are drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// The plate is ours, whatever the terminal's colours.
    Plate,
    /// The terminal's, which is dark: light modules are drawn.
    Dark,
    /// The terminal's, which is light: dark modules are drawn.
    Light,
}

/// The code as lines of text with its quiet zone; `None` if the text does not fit, which one of
/// keylockr.md 7.6 always does.
pub(crate) fn draw(text: &str, ground: Ground) -> Option<String> {
    // The lowest correction is the smallest picture: nothing is lost on a screen.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let side = code.width() + 2 * QUIET;
    let dark = |x: usize, y: usize| {
        let inside = |place: usize| place.checked_sub(QUIET).filter(|at| *at < code.width());
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let inked = |x: usize, y: usize| match ground {
        Ground::Plate | Ground::Light => dark(x, y),
        // Below the last line is the terminal.
        Ground::Dark => y < side && !dark(x, y),
    };
    let mut lines = String::new();
    for y in (0..side).step_by(2) {
        if ground == Ground::Plate {
            lines.push_str(PLATE);
        }
        lines.extend((0..side).map(|x| match (inked(x, y), inked(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        }));
        if ground == Ground::Plate {
            lines.push_str(END);
        }
        lines.push('\n');
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::{END, Ground, PLATE, draw};

    const TEXT: &str = "keylockr://sso?tmp_id=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

    /// What a camera makes of it on a terminal of this lightness, eight pixels a module.
    fn scan(drawn: &str, ink_is_dark: bool) -> String {
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let side = lines[0].len();
        assert!(lines.iter().all(|line| line.len() == side));
        assert_eq!(lines.len(), side.div_ceil(2));
        let pixel = |x: usize, y: usize| {
            let inked = match lines[y / 16][x / 8] {
                '█' => true,
                '▀' => (y / 8).is_multiple_of(2),
                '▄' => y / 8 % 2 == 1,
                ' ' => false,
                other => panic!("{other:?}"),
            };
            if inked == ink_is_dark { 0 } else { 255 }
        };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * 8, side * 8, pixel);
        let codes = image.detect_grids();
        assert_eq!(codes.len(), 1);
        codes[0].decode().unwrap().1
    }

    #[test]
    fn it_reads_back_on_every_terminal() {
        let plate = draw(TEXT, Ground::Plate).unwrap();
        let bare = plate.replace(PLATE, "").replace(END, "");
        assert_eq!(scan(&bare, true), TEXT);
        assert_eq!(scan(&draw(TEXT, Ground::Light).unwrap(), true), TEXT);
        assert_eq!(scan(&draw(TEXT, Ground::Dark).unwrap(), false), TEXT);
    }

    #[test]
    fn colours_are_only_on_the_plate() {
        for line in draw(TEXT, Ground::Plate).unwrap().lines() {
            assert!(line.starts_with(PLATE) && line.ends_with(END));
        }
        for ground in [Ground::Dark, Ground::Light] {
            assert!(!draw(TEXT, ground).unwrap().contains('\x1b'));
        }
    }

    #[test]
    fn the_quiet_zone_is_four_modules_of_white() {
        let drawn = draw(TEXT, Ground::Dark).unwrap();
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        for line in &lines[..2] {
            assert!(line.iter().all(|c| *c == '█'));
        }
        for line in &lines[..lines.len() - 1] {
            let (left, right) = (&line[..4], &line[line.len() - 4..]);
            assert!(left.iter().chain(right).all(|c| *c == '█'));
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(draw(&"x".repeat(10_000), Ground::Dark), None);
    }
}
