//! The code as a picture.
//!
//! Dark modules on a white plate with the four-module quiet zone around, whatever the page's colours.

use keylockr_proto::QrUri;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white on every side; scanners count on it.
const QUIET: usize = 4;

/// The text is too long for a code, which a QR text of K 7.6 never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text does not fit into a code")]
pub struct TooLong;

/// The code as SVG: one plate and one path, crisp at every size, without any style. It is silent to
/// screen readers; what holds it says what it is for.
///
/// # Errors
/// The text does not fit.
pub fn svg(uri: &QrUri) -> Result<String, TooLong> {
    svg_of(uri.as_str())
}

/// The code as PNG in black and white, `scale` pixels a module.
///
/// # Errors
/// The text does not fit, or the picture would be absurdly large.
pub fn png(uri: &QrUri, scale: u32) -> Result<Vec<u8>, TooLong> {
    let code = encode(uri.as_str())?;
    let scale = usize::try_from(scale.clamp(1, 32)).map_err(|_| TooLong)?;
    let side = (code.width() + 2 * QUIET) * scale;
    let mut rows = Vec::new();
    for y in 0..side {
        let mut row = vec![0u8; side.div_ceil(8)];
        for x in 0..side {
            if !is_dark(&code, x / scale, y / scale)
                && let Some(byte) = row.get_mut(x / 8)
            {
                *byte |= 0x80 >> (x % 8);
            }
        }
        rows.extend_from_slice(&row);
    }
    let side = u32::try_from(side).map_err(|_| TooLong)?;
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&rows))
        .map_err(|_| TooLong)?;
    Ok(picture)
}

pub(crate) fn svg_of(text: &str) -> Result<String, TooLong> {
    use std::fmt::Write as _;

    let code = encode(text)?;
    let side = code.width() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..side {
        let mut x = 0;
        while x < side {
            let run = (x..side).take_while(|x| is_dark(&code, *x, y)).count();
            if run > 0 {
                // Writing to a string does not fail.
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\" aria-hidden=\"true\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

fn encode(text: &str) -> Result<QrCode, TooLong> {
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|_| TooLong)
}

/// Whether the module at this place of the whole plate is dark.
fn is_dark(code: &QrCode, x: usize, y: usize) -> bool {
    let inside = |place: usize| {
        place
            .checked_sub(QUIET)
            .filter(|place| *place < code.width())
    };
    match (inside(x), inside(y)) {
        (Some(x), Some(y)) => code[(x, y)] == Color::Dark,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "keylockr://sso?tmp_id=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

    /// What a camera makes of a picture of 0 (black) and 255.
    fn scan(side: usize, pixel: impl Fn(usize, usize) -> u8) -> String {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, pixel);
        let codes = image.detect_grids();
        assert_eq!(codes.len(), 1);
        codes[0].decode().unwrap().1
    }

    #[test]
    fn a_png_reads_back() {
        let code = encode(TEXT).unwrap();
        assert_eq!(code.version(), qrcode::Version::Normal(4));
        let tmp_id = TEXT.strip_prefix("keylockr://sso?tmp_id=").unwrap();
        let tmp_id = keylockr_proto::TmpId::parse(keylockr_proto::Family::Seed, tmp_id).unwrap();
        let picture = png(&QrUri::new(&tmp_id), 6).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(picture));
        let mut reader = decoder.read_info().unwrap();
        let mut rows = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rows).unwrap();
        let side = usize::try_from(info.width).unwrap();
        assert_eq!(side, (code.width() + 8) * 6);
        let white = |x: usize, y: usize| rows[y * info.line_size + x / 8] & (0x80 >> (x % 8)) != 0;
        let quiet = (0..side).flat_map(|along| (0..24).map(move |across| (along, across)));
        assert!(
            quiet.into_iter().all(|(x, y)| white(x, y) && white(y, x)),
            "the quiet zone"
        );
        assert_eq!(scan(side, |x, y| if white(x, y) { 255 } else { 0 }), TEXT);
    }

    #[test]
    fn an_svg_is_a_plate_and_a_path_without_style() {
        let svg = svg_of(TEXT).unwrap();
        assert!(!svg.contains("style") && !svg.contains("script") && !svg.contains("tmp_id"));
        assert!(svg.contains("viewBox=\"0 0 41 41\"") && svg.contains("crispEdges"));
        assert!(svg.len() < 12_000, "{}", svg.len());
        // Drawn by hand, it reads back.
        let path = svg.split("d=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut dark = [[false; 41]; 41];
        for run in path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let length = rest.split_once('v').unwrap().0;
            let [x, y, length] = [x, y, length].map(|text| text.parse::<usize>().unwrap());
            dark[y][x..x + length].fill(true);
        }
        let pixel = |x: usize, y: usize| if dark[y / 6][x / 6] { 0 } else { 255 };
        assert_eq!(scan(41 * 6, pixel), TEXT);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(svg_of(&"x".repeat(10_000)), Err(TooLong));
    }
}
