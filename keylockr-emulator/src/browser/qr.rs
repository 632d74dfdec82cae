//! Reading a QR code off a screenshot, as a phone's camera does.

use std::io::Cursor;

/// The text of the one QR code on the picture.
pub(super) fn read(screenshot: &[u8]) -> Result<String, String> {
    let (width, height, grey) = greys(screenshot)?;
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        grey.get(y * width + x).copied().unwrap_or(u8::MAX)
    });
    let mut grids = image.detect_grids();
    match (grids.pop(), grids.len()) {
        (Some(grid), 0) => grid
            .decode()
            .map(|(_, text)| text)
            .map_err(|error| error.to_string()),
        (None, _) => Err("no QR code on the picture".to_owned()),
        (Some(_), more) => Err(format!("{} QR codes on the picture", more + 1)),
    }
}

fn greys(screenshot: &[u8]) -> Result<(usize, usize, Vec<u8>), String> {
    let mut decoder = png::Decoder::new(Cursor::new(screenshot));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = reader.output_buffer_size().ok_or("a picture too large")?;
    let mut pixels = vec![0; size];
    let frame = reader
        .next_frame(&mut pixels)
        .map_err(|error| error.to_string())?;
    let samples = frame.color_type.samples();
    let colours = if samples < 3 { 1 } else { 3 };
    let grey = |pixel: &[u8]| {
        let sum: usize = pixel
            .iter()
            .take(colours)
            .map(|value| usize::from(*value))
            .sum();
        u8::try_from(sum / colours).unwrap_or(u8::MAX)
    };
    let greys = pixels.chunks_exact(samples).map(grey).collect();
    let side = |length: u32| usize::try_from(length).map_err(|error| error.to_string());
    Ok((side(frame.width)?, side(frame.height)?, greys))
}
