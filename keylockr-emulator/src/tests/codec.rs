//! The two codecs that know nothing of each other, on documents of all kinds: the same verdict, and
//! the same canonical bytes. `KEYLOCKR_ROUNDS` says how many (30,000 here; a million were run once).

use keylockr_proto::Document;

use crate::wire::{reader, writer};

fn rounds() -> u32 {
    std::env::var("KEYLOCKR_ROUNDS").map_or(30_000, |rounds| rounds.parse().unwrap())
}

/// SplitMix64: the same documents in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn byte(&mut self) -> u8 {
        self.roll(256).to_le_bytes()[0]
    }

    /// A header for a length, of any width that holds it.
    fn header(&mut self, out: &mut Vec<u8>, length: usize, short: Option<(u8, u8)>, wide: [u8; 3]) {
        let [a, b, c, d] = u32::try_from(length).unwrap().to_be_bytes();
        match (self.roll(8), short) {
            (0, _) => out.extend_from_slice(&[wide[2], a, b, c, d]),
            (1, _) => out.extend_from_slice(&[wide[1], c, d]),
            (2, _) if wide[0] != 0 => out.extend_from_slice(&[wide[0], d]),
            (_, Some((head, limit))) if d < limit && length < 256 => out.push(head | d),
            _ if wide[0] != 0 && length < 256 => out.extend_from_slice(&[wide[0], d]),
            _ => out.extend_from_slice(&[wide[1], c, d]),
        }
    }

    fn text(&mut self, out: &mut Vec<u8>) {
        const PIECES: [&str; 8] = ["a", "b", "ab", "Z", "_", "é", "𝄞", "0123456789abcdef"];
        let text: String = (0..self.roll(4))
            .map(|_| PIECES[usize::try_from(self.roll(8)).unwrap()])
            .collect();
        self.header(out, text.len(), Some((0xa0, 32)), [0xd9, 0xda, 0xdb]);
        out.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: u32) {
        // Now and then as deep as the limit and beyond.
        let containers = if depth < 5 || self.roll(40) > 0 && depth > 8 && depth < 36 {
            4
        } else {
            0
        };
        match self.roll(14 + containers) {
            0 => out.push(0xc0),
            1 => out.push(0xc2),
            2 => out.push(0xc3),
            3 => out.push(self.byte()),
            4 => {
                let width = self.roll(4);
                out.push(0xcc + u8::try_from(width).unwrap());
                (0..1 << width).for_each(|_| {
                    let byte = if self.roll(3) == 0 { self.byte() } else { 0 };
                    out.push(byte);
                });
            }
            5 => {
                let width = self.roll(4);
                out.push(0xd0 + u8::try_from(width).unwrap());
                (0..1 << width).for_each(|_| {
                    let byte = if self.roll(3) == 0 { self.byte() } else { 0xff };
                    out.push(byte);
                });
            }
            6 => {
                let width = 4 << self.roll(2);
                out.push(if width == 4 { 0xca } else { 0xcb });
                (0..width).for_each(|_| out.push(self.byte()));
            }
            7..=9 => self.text(out),
            10..=13 => {
                let length = usize::try_from(self.roll(40)).unwrap();
                self.header(out, length, None, [0xc4, 0xc5, 0xc6]);
                (0..length).for_each(|_| out.push(self.byte()));
            }
            14 | 15 => {
                let length = self.roll(6);
                self.header(
                    out,
                    usize::try_from(length).unwrap(),
                    Some((0x90, 16)),
                    [0, 0xdc, 0xdd],
                );
                (0..length).for_each(|_| self.value(out, depth + 1));
            }
            _ => {
                let length = self.roll(6);
                self.header(
                    out,
                    usize::try_from(length).unwrap(),
                    Some((0x80, 16)),
                    [0, 0xde, 0xdf],
                );
                for _ in 0..length {
                    self.text(out);
                    self.value(out, depth + 1);
                }
            }
        }
    }

    fn document(&mut self) -> Vec<u8> {
        let mut document = Vec::new();
        self.value(&mut document, 0);
        for _ in 0..self.roll(3) {
            if document.is_empty() {
                break;
            }
            let at = usize::try_from(self.roll(document.len() as u64)).unwrap();
            match self.roll(4) {
                0 => document[at] ^= 1 << self.roll(8),
                1 => document.truncate(at),
                2 => document.push(self.byte()),
                _ => document[at] = self.byte(),
            }
        }
        document
    }
}

#[test]
fn both_codecs_agree() {
    let mut dice = Dice(11);
    let (mut read, mut refused) = (0, 0);
    for round in 0..rounds() {
        let document = dice.document();
        match (Document::parse(&document), reader::decode(&document)) {
            (Ok(ours), Ok(theirs)) => {
                let theirs = writer::encode(&theirs);
                assert_eq!(ours.canonical(), theirs, "round {round}: {document:02x?}");
                assert_eq!(ours.is_canonical(), document == theirs, "{document:02x?}");
                assert_eq!(ours.to_value().encode(), theirs, "{document:02x?}");
                read += 1;
            }
            (Err(_), Err(_)) => refused += 1,
            (ours, theirs) => panic!("{ours:?} and {theirs:?}: {document:02x?}"),
        }
    }
    assert!(
        read > rounds() / 5 && refused > rounds() / 5,
        "{read} read, {refused} refused"
    );
}
