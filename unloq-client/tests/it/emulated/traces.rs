//! What a process that uses the client leaves behind: in what it prints, logs and writes. The
//! secrets are known here, outside of it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt as HkdfSalt};
use keylockr_emulator::unloq::{AppSettings, Fault, FaultKind};
use unloq_client::{
    AccessToken, Authenticate, Client, Exchange, KeyContext, KeyMode, KeyPool, KeyRequest, Otp,
    Salt, SessionHandle, UnloqId,
};

use super::{ALICE, Stage, email, token};
use crate::keys::public_key;
use crate::logs::assert_absent;

const API_KEY: &str = "live_3e9c51d07b8a4f62";
const HANDLE: &str = "Nq4vT7yXb2LmK9sWc1Rz8PjG";
const RECORD: &str = "meet me where the old pier was, at nine";
const SALT: [u8; 32] = [0x5a; 32];

/// What the other process is told, by its environment.
const TOLD: [&str; 4] = ["UNLOQ_API", "UNLOQ_OTP", "UNLOQ_TOKEN", "UNLOQ_ID"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind() {
    let mut stage = Stage::new().await;
    let app = stage.unloq.add_app(AppSettings {
        api_key: API_KEY.to_owned(),
        return_url: Some("http://127.0.0.1:1/back".to_owned()),
        ..AppSettings::named("traces")
    });
    stage.api_key = app.unwrap().api_key;
    let client = stage.client_of(KeyMode::ApiOnly);
    stage.sign_in(&client).await;
    // The device hands the key out in clear, once: so it is known here.
    let in_clear = Fault::from(FaultKind::KeyInClear).times(1);
    stage.unloq.fault(in_clear).unwrap();
    let alice = stage.id(ALICE);
    let (request, public) = (KeyRequest::new(alice, "m"), public_key());
    let call = client.personal_key_for(&request, &public);
    let personal = stage.approved(call).await.0.unwrap();
    let personal = personal.expose_text().to_owned();
    assert_eq!(personal.len(), 32);

    let mail = Authenticate::mail(email(ALICE));
    client.authenticate(&mail).await.unwrap();
    let link = stage.unloq.outbox().pop().unwrap().link;
    let (_, mailed) = link.split_once("token=").unwrap();
    let otp = stage.unloq.otp(ALICE).unwrap();
    // And once for the other process, which then asks again.
    stage.unloq.fault(in_clear).unwrap();

    let unloq = stage.unloq.clone();
    let phone = tokio::spawn(async move {
        loop {
            unloq.approve_next(ALICE).await.unwrap();
        }
    });
    let told = [
        stage.unloq.api(),
        otp.clone(),
        mailed.to_owned(),
        alice.to_string(),
    ];
    let (output, files) = tokio::task::spawn_blocking(move || run(&told))
        .await
        .unwrap();
    phone.abort();

    let printed = String::from_utf8_lossy(&output.stdout);
    let logged = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{logged}");
    assert_eq!(files, Vec::<PathBuf>::new(), "it wrote files");
    let sids = stage.unloq.sessions();
    assert_eq!(sids.len(), 1, "{printed}");
    for text in [&printed, &logged] {
        for secret in [API_KEY, HANDLE, RECORD, &personal, mailed, &otp] {
            assert_absent(text, secret);
        }
        for purpose in ["notes", "check"] {
            assert_absent(text, derived(&personal, alice, purpose));
        }
        // What a private key begins with, PKCS#8 or PKCS#1, in PEM, Base64 and hexadecimal.
        for mark in [
            "PRIVATE KEY",
            "IBADANBgkqhkiG9w0BAQEFAASC",
            "IBAAKCAQEA",
            "020100300d06092a864886f70d",
            "0201000282010100",
        ] {
            assert!(!text.contains(mark), "{mark}:\n{text}");
        }
    }
    // The search can find: each of these was there to be found.
    for promised in [
        "NotEncrypted",
        "RecordKey",
        "AccessToken(..)",
        "test result: ok. 1",
    ] {
        assert!(printed.contains(promised), "{promised}:\n{printed}");
    }
    for promised in [
        "took an RSA pair",
        "that should have been encrypted was not",
        "hyper",
    ] {
        assert!(logged.contains(promised), "{promised}:\n{logged}");
    }
}

/// U 5.4, by hand.
fn derived(key: &str, user: UnloqId, purpose: &str) -> [u8; 32] {
    let info = format!("unloq-pek/v1\0acme\0{user}\0{purpose}");
    let prk = HkdfSalt::new(HKDF_SHA256, &SALT).extract(key.as_bytes());
    let info = [info.as_bytes()];
    let okm = prk.expand(&info, HKDF_SHA256).unwrap();
    let mut out = [0; 32];
    okm.fill(&mut out).unwrap();
    out
}

/// The other process, in a folder of its own that is its home, and the files it leaves there.
fn run(told: &[String; 4]) -> (Output, Vec<PathBuf>) {
    let folder = std::env::temp_dir().join(format!("unloq-traces-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "emulated::traces::a_user_of_the_client"])
        .args(["--ignored", "--nocapture"])
        .current_dir(&folder);
    for name in [
        "HOME",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
    ] {
        command.env(name, &folder);
    }
    for (name, value) in TOLD.iter().zip(told) {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    let files = files_in(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    (output, files)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
#[ignore = "runs in the process that `nothing_is_left_behind` starts"]
async fn a_user_of_the_client() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(std::io::stderr)
        .init();
    let [api, otp, token_text, id] = TOLD.map(|name| std::env::var(name).unwrap());
    let client = Client::builder(&api, API_KEY);
    let client = show(client.key_mode(KeyMode::ApiOnly).build().unwrap());
    let pool = KeyPool::new().unwrap();

    let mailed = show(AccessToken::parse(&token_text).unwrap());
    let handle = show(SessionHandle::parse(HANDLE).unwrap());
    let exchange = show(Exchange::new(&mailed).session(&handle, None));
    show(client.exchange(&exchange).await.unwrap());
    show(client.exchange(&exchange).await.unwrap_err());
    let ask = show(Authenticate::otp(email(ALICE), Otp::parse(&otp).unwrap()));
    let by_otp = token(client.authenticate(&ask).await);
    show(client.exchange(&Exchange::new(&by_otp)).await.unwrap());
    let ask = Authenticate::push(email(ALICE));
    show(client.authenticate_with_events(&ask, |_| ()).await.unwrap());

    let user = UnloqId::parse(&id).unwrap();
    let request = show(KeyRequest::new(user, "to show your note"));
    let pair = show(pool.take().await.unwrap());
    show(client.personal_key(&request, pair).await.unwrap_err());
    let pair = pool.take().await.unwrap();
    let key = show(client.personal_key(&request, pair).await.unwrap());
    let context = KeyContext::new("acme", Salt::from_bytes(SALT), user).unwrap();
    let (key, value) = show(key.first_use(show(&context)).unwrap());
    let notes = show(key.derive(&context, "notes").unwrap());
    let sealed = notes.seal(b"note 7", RECORD.as_bytes()).unwrap();
    show(notes.open(b"note 8", &sealed).unwrap_err());
    assert_eq!(&*notes.open(b"note 7", &sealed).unwrap(), RECORD.as_bytes());
    show((&pool, pool.stats(), value));
}

#[expect(clippy::print_stdout, reason = "it is what the other process reads")]
fn show<T: Debug>(value: T) -> T {
    println!("{value:?}\n{value:#?}");
    value
}
