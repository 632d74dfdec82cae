use keylockr_benches::frames::{self, ACTION, Ends, Fixed, NOW, Os, WINDOW};
use keylockr_proto::{Channel, Entropy, MapView, View};

use crate::peer::{Outcome, Peer, refused};

fn show_data(body: MapView<'_>, show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
    match (body.get("_res"), body.get("data_enc")) {
        (Some(View::Text("ok")), Some(View::Bin(data))) => {
            show(data);
            Ok(())
        }
        _ => Err(refused()),
    }
}

fn entropy(nonce: Option<[u8; 24]>) -> Box<dyn Entropy> {
    match nonce {
        Some(nonce) => Box::new(Fixed(nonce)),
        // Of no size: not an allocation.
        None => Box::new(Os),
    }
}

fn connected(ends: &Ends) -> Outcome<Channel> {
    let identity = ends.client.identity().clone();
    Ok(
        Channel::new(&ends.client_keys, &ends.server_keys, identity)?
            .with_app_ver(Some(frames::APP_VER))
            .with_frame_limit(usize::MAX),
    )
}

/// Into a buffer, and in place.
pub(crate) struct InPlace {
    ends: Ends,
    buffer: Vec<u8>,
}

impl InPlace {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {
            ends: Ends::new()?,
            buffer: Vec::new(),
        })
    }
}

impl Peer for InPlace {
    fn name(&self) -> String {
        "keylockr, in place".into()
    }

    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]> {
        let body = frames::client_body(payload);
        self.buffer.clear();
        let entropy = &mut *entropy(nonce);
        self.ends
            .client
            .seal_into(&mut self.buffer, ACTION, NOW, &body, &[], entropy)?;
        Ok(&self.buffer)
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(frame);
        let client = &self.ends.client;
        let message = client.open_in_place(&mut self.buffer, NOW, WINDOW)?;
        show_data(message.body(), show)
    }

    fn first(&mut self, payload: &[u8]) -> Outcome<()> {
        let body = frames::client_body(payload);
        self.buffer.clear();
        connected(&self.ends)?.seal_into(&mut self.buffer, ACTION, NOW, &body, &[], &mut Os)?;
        Ok(())
    }
}

/// The functions that allocate.
pub(crate) struct Convenient {
    ends: Ends,
    frame: Vec<u8>,
}

impl Convenient {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {
            ends: Ends::new()?,
            frame: Vec::new(),
        })
    }
}

impl Peer for Convenient {
    fn name(&self) -> String {
        "keylockr, seal() and open()".into()
    }

    fn seal(&mut self, payload: &[u8], nonce: Option<[u8; 24]>) -> Outcome<&[u8]> {
        let body = frames::client_body(payload);
        let entropy = &mut *entropy(nonce);
        self.frame = self.ends.client.seal(ACTION, NOW, &body, &[], entropy)?;
        Ok(&self.frame)
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        show_data(self.ends.client.open(frame, NOW, WINDOW)?.body(), show)
    }

    fn first(&mut self, payload: &[u8]) -> Outcome<()> {
        let body = frames::client_body(payload);
        self.frame = connected(&self.ends)?.seal(ACTION, NOW, &body, &[], &mut Os)?;
        Ok(())
    }
}

/// Where the reason is not reported: the box before the seal.
pub(crate) struct Unnamed {
    ends: Ends,
    scratch: Vec<u8>,
}

impl Unnamed {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {
            ends: Ends::new()?,
            scratch: Vec::new(),
        })
    }
}

impl Peer for Unnamed {
    fn name(&self) -> String {
        "keylockr, open_or_refuse()".into()
    }

    fn seal(&mut self, _: &[u8], _: Option<[u8; 24]>) -> Outcome<&[u8]> {
        Err(refused())
    }

    fn open(&mut self, frame: &[u8], show: &mut dyn FnMut(&[u8])) -> Outcome<()> {
        let (client, scratch) = (&self.ends.client, &mut self.scratch);
        let message = client
            .open_or_refuse(frame, scratch, NOW, WINDOW)
            .map_err(|_| refused())?;
        show_data(message.body(), show)
    }

    fn first(&mut self, _: &[u8]) -> Outcome<()> {
        Err(refused())
    }
}
