//! Every fault, for people: what the emulator does and what a correct client then shows.

/// One known fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    /// Names of its arguments; all have defaults.
    pub(crate) args: &'static [&'static str],
    pub(crate) does: &'static str,
    pub(crate) expect: &'static str,
}

const fn known(
    name: &'static str,
    args: &'static [&'static str],
    does: &'static str,
    expect: &'static str,
) -> Known {
    Known {
        name,
        args,
        does,
        expect,
    }
}

const DROPPED: &str = "E_TIME: frame dropped, the attempt goes on";
const REFETCH: &str = "E_SEAL: keys fetched again once, then failed";
const ODD: &str = "accepted";
const REPLAYED: &str = "E_REPLAY: dropped and counted";
const MALFORMED: &str = "E_MSGPACK: dropped, no large allocation";
const ALTERED: &str = "the attempt fails";
const CONFIGURATION: &str = "a configuration error for the developer";
const NO_ANSWER: &str = "a failure: neither a yes nor a no";

/// All of keylockr.md 12.4.
pub(crate) const FAULTS: &[Known] = &[
    known(
        "clock_skew",
        &["s"],
        "shifts /clock and every time stamp",
        "works through the offset",
    ),
    known("stale_ts", &["s"], "a frame from the past", DROPPED),
    known("future_ts", &["s"], "a frame from the future", DROPPED),
    known(
        "client_clock_bad",
        &[],
        "refuses the client's time (ts_invalid)",
        "clock fetched again once, one retry",
    ),
    known("bad_seal", &[], "a flipped bit in the signature", REFETCH),
    known("seal_wrong_key", &[], "sealed by another key", REFETCH),
    known(
        "seal_noncanonical",
        &[],
        "the seal covers another spelling",
        "E_HASH: keys fetched again once, then failed",
    ),
    known(
        "bad_box",
        &[],
        "a flipped bit in the box",
        "E_BOX: keys fetched again once, then failed",
    ),
    known(
        "wrong_recipient",
        &[],
        "boxed for somebody else",
        "E_BOX: keys fetched again once, then failed",
    ),
    known(
        "noncanonical_wire",
        &[],
        "other key order and wide headers",
        ODD,
    ),
    known("go_int64", &[], "the time as a nine-byte integer", ODD),
    known("embed_nonce", &[], "the nonce inside the box", ODD),
    known("extra_members", &[], "members nobody knows", ODD),
    known("replay_same", &[], "the same bytes twice", REPLAYED),
    known(
        "replay_reencoded",
        &[],
        "the same message in another spelling",
        REPLAYED,
    ),
    known(
        "replay_cross_attempt",
        &[],
        "another attempt's result first",
        "E_REPLAY, or the tmp_id does not match",
    ),
    known("truncated", &[], "half a frame", MALFORMED),
    known("trailing", &[], "a byte too many", MALFORMED),
    known("deep", &[], "nested too deep", MALFORMED),
    known("dup_key", &[], "a key twice", MALFORMED),
    known("length_bomb", &[], "a length of four billion", MALFORMED),
    known(
        "oversized",
        &["n"],
        "a frame of n bytes",
        "E_SIZE: the client closes with 1009",
    ),
    known(
        "raw_bad_index",
        &[],
        "a raw reference to nothing",
        "E_RAW: dropped",
    ),
    known(
        "raw_collision",
        &[],
        "a raw reference over a member",
        "E_RAW: dropped",
    ),
    known(
        "wrong_phase",
        &["event"],
        "an event out of order first",
        "ignored and counted",
    ),
    known(
        "no_connected",
        &[],
        "no first frame",
        "appdata: fails after 15 s; seed: goes on",
    ),
    known("slow_phone", &["s"], "the decision comes late", "waits"),
    known(
        "no_phone",
        &[],
        "the decision never comes",
        "waits, then expired",
    ),
    known("deny", &[], "a refusal in place of the result", "denied"),
    known("deny_as_err", &[], "the same as _res err", "denied"),
    known(
        "error_code",
        &["c"],
        "an error code in place of the result",
        "failed, or denied for the codes of refusal",
    ),
    known(
        "safe_auth_required",
        &["s"],
        "the phone asks its user first",
        "prompt, then done",
    ),
    known(
        "filekey_deny",
        &[],
        "the user refuses the filekey",
        "prompt, then denied",
    ),
    known(
        "wrong_tmp_id",
        &[],
        "the result names another attempt",
        ALTERED,
    ),
    known(
        "missing_tmp_id",
        &[],
        "the result names no attempt",
        ALTERED,
    ),
    known("extra_capability", &[], "one capability too many", ALTERED),
    known("missing_capability", &[], "one capability too few", ALTERED),
    known("bad_id", &[], "an id outside its alphabet", ALTERED),
    known(
        "sender_swap",
        &[],
        "a blob made with the phone's other key",
        "a warning; E_FILEKEY_SENDER when enforced",
    ),
    known("bad_filekey", &[], "a blob that does not open", "E_FILEKEY"),
    known(
        "short_filekey",
        &[],
        "a blob of the wrong shape",
        "E_FILEKEY_SHAPE",
    ),
    known(
        "ver_conflict",
        &["n"],
        "the next n writes conflict",
        "read, merge, retry, three times at most",
    ),
    known(
        "ver_same",
        &[],
        "a write that keeps its version",
        "a failure",
    ),
    known(
        "set_lost_ack",
        &[],
        "stored, but the line drops",
        "read again before retrying",
    ),
    known(
        "record_rollback",
        &[],
        "the version before, with its data",
        "a warning and no write",
    ),
    known("record_swap", &[], "somebody else's data", "E_RECORD"),
    known("app_file_not_found", &[], "no such record", CONFIGURATION),
    known(
        "sso_data_not_approved",
        &[],
        "the handshake refuses App Data",
        CONFIGURATION,
    ),
    known(
        "app_tag_invalid",
        &[],
        "the handshake refuses the tag",
        CONFIGURATION,
    ),
    known(
        "sso_service_invalid",
        &[],
        "the handshake refuses the service",
        CONFIGURATION,
    ),
    known(
        "ip_not_allowed",
        &[],
        "app_verify refuses the address",
        NO_ANSWER,
    ),
    known(
        "verify_false",
        &[],
        "app_verify says no",
        "signed out: a definite no",
    ),
    known(
        "verify_garbage",
        &[],
        "app_verify answers nonsense",
        NO_ANSWER,
    ),
    known(
        "verify_timeout",
        &["s"],
        "app_verify does not answer for s seconds",
        NO_ANSWER,
    ),
    known("http_500", &[], "app_verify answers 500", NO_ANSWER),
    known(
        "foreign_service",
        &[],
        "the result carries another service's connection",
        "app_verify says no",
    ),
    known(
        "drop_socket",
        &["when"],
        "the line drops: now, request, before:EVENT, after:EVENT",
        "connects again",
    ),
    known("duplicate_push", &[], "each push twice", "once is enough"),
    known(
        "push_before_answer",
        &[],
        "the push overtakes the answer",
        "order does not matter",
    ),
    known(
        "revoke",
        &["now"],
        "connections revoked on the phone",
        "sessions end within two seconds",
    ),
    known(
        "rename",
        &["name"],
        "connections renamed on the phone",
        "the new name",
    ),
    known(
        "rotate_keys",
        &[],
        "new server keys",
        "keys fetched again once, attempt restarted, then works",
    ),
    known(
        "weak_server_key",
        &[],
        "a key of low order is served",
        "E_KEY: nobody is signed in",
    ),
];
