//! The line between service and phone. Only what is written here crosses it: public keys, ids,
//! blobs that the service cannot open. Filekeys and plaintext stay on the phone's side.

/// How a filekey blob is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobLayout {
    /// `k`, `nk`, `nd`.
    Short,
    /// `encFileKey`, `nonceForKey`, `apEncPk`, and `nonceForData`.
    LongWithDataNonce,
    /// The same without `nonceForData`.
    Long,
}

/// The phone is asked for the key of a record.
#[derive(Clone, Debug)]
pub(crate) struct KeyQuestion {
    /// The user's stable identifier.
    pub(crate) safe_id: String,
    /// The connection that asks.
    pub(crate) app_id: String,
    /// Which record.
    pub(crate) record: String,
    /// Whom the key is for.
    pub(crate) client_enc_public: [u8; 32],
    /// How to write the blob.
    pub(crate) layout: BlobLayout,
    /// The user's approval of the sign-in is the permission (direct filekeys).
    pub(crate) permitted: bool,
    /// Ask the user, whatever was permitted (a fault).
    pub(crate) withhold: bool,
    /// How to spoil the blob (faults).
    pub(crate) damage: BlobDamage,
}

/// What is wrong with a blob on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlobDamage {
    /// Made with the phone's other key.
    pub(crate) other_sender: bool,
    /// A flipped bit in the sealed key.
    pub(crate) bad_key: bool,
    /// The sealed key is too short.
    pub(crate) short_key: bool,
}

/// What the phone says to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyAnswer {
    /// The blob.
    Granted(Vec<u8>),
    /// The user has to act first.
    Asked,
}

/// The phone as the service sees it.
pub(crate) trait PhoneLine {
    /// Asks for a record's key.
    fn filekey(&mut self, question: &KeyQuestion) -> KeyAnswer;

    /// A new sign-in on a connection: what was granted to its earlier keys is over.
    fn connected(&mut self, app_id: &str);
}

/// A user as the phone registers them at the service.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Name in the control API.
    pub(crate) user: String,
    /// Shown to services.
    pub(crate) nickname: String,
    /// The phone's box key.
    pub(crate) enc_public: [u8; 32],
    /// A second box key of the same phone, for the fault `sender_swap`.
    pub(crate) other_enc_public: [u8; 32],
}
