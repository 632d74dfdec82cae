//! What is delivered: sign-outs of every size, as JSON and as a form.

use std::fmt;

/// One delivery.
pub(crate) struct Payload {
    pub(crate) title: &'static str,
    pub(crate) format: Format,
    /// How many parameters there are.
    pub(crate) names: usize,
    pub(crate) body: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Form,
}

impl Format {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// A body with all names and values as they are: none of ours needs an escape.
    fn body(self, parameters: &[(String, String)]) -> String {
        let text = |opening: &str, border: &str, comma: &str| {
            let pieces = parameters
                .iter()
                .map(|(name, value)| format!("{opening}{name}{border}{value}{opening}"));
            pieces.collect::<Vec<_>>().join(comma)
        };
        match self {
            Self::Json => format!("{{{}}}", text("\"", "\":\"", ",")),
            Self::Form => text("", "=", "&"),
        }
    }
}

/// Title, bytes of the body, and parameters.
const SIZES: [(&str, usize, usize); 4] = [
    ("100 B", 100, 2),
    ("1 KiB", 1_024, 10),
    ("4 KiB", 4_096, 40),
    ("16 KiB", 16_384, 64),
];

impl Payload {
    /// Whether there is more in it than the event has, which only a lenient schema takes.
    pub(crate) fn is_larger_than_the_event(&self) -> bool {
        self.names > EVENT
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            Format::Json => "JSON",
            Format::Form => "a form",
        };
        write!(f, "{} as {format}, {} names", self.title, self.names)
    }
}

/// How many parameters the event has.
const EVENT: usize = 2;

/// All of them.
pub(crate) fn payloads() -> Vec<Payload> {
    let formats = [Format::Json, Format::Form];
    let sizes = SIZES.iter();
    sizes
        .flat_map(|size| formats.map(|format| payload(*size, format)))
        .collect()
}

/// The documented event alone at 100 B. Beyond, parameters that no schema knows take up the room, all
/// equally long, in an order that sorting has to change.
fn payload((title, bytes, names): (&'static str, usize, usize), format: Format) -> Payload {
    let mut parameters = vec![
        ("unloq_id".to_owned(), "1234567890".to_owned()),
        ("sid".to_owned(), String::new()),
    ];
    for index in 0..names - EVENT {
        // 37 has no factor in common with the 8, 38 and 62 names there are: each number comes once.
        let number = 10 + index * 37 % (names - EVENT);
        parameters.push((format!("parameter_{number}"), String::new()));
    }
    let missing = bytes - format.body(&parameters).len();
    // A handle has no more than 128 characters.
    let (each, sid) = match names - EVENT {
        0 => (0, missing),
        others => ((missing - 24) / others, 24 + (missing - 24) % others),
    };
    let letters = |length: usize| -> String { ('a'..='z').cycle().take(length).collect() };
    for (index, (_, value)) in parameters.iter_mut().enumerate().skip(1) {
        *value = letters(if index == 1 { sid } else { each });
    }
    let body = format.body(&parameters);
    assert_eq!(body.len(), bytes);
    Payload {
        title,
        format,
        names,
        body,
    }
}
