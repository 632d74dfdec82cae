//! Record layouts: what is written, and what is read (K 8.2, 8.3).

use keylockr_client::proto::Ver;
use keylockr_client::{VaultConfig, VaultError};
use keylockr_emulator::{DropWhen, Fault, FaultKind};

use super::{Stage, User, Way, bytes};

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(a, b)| a ^ b).collect()
}

/// Two contents of one length, as the service has them.
async fn two_records(user: &User) -> [Vec<u8>; 2] {
    user.vault.put_bytes(&[b'a'; 200]).await.unwrap();
    let first = user.record().await.unwrap();
    user.vault.put_bytes(&[b'b'; 200]).await.unwrap();
    [first, user.record().await.unwrap()]
}

#[tokio::test(start_paused = true)]
async fn two_writes_two_nonces() {
    for way in Way::APPDATA {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let mut nonces = std::collections::HashSet::new();
        for write in 0..20 {
            // Contents come again; nonces do not.
            user.vault.put_bytes(&[write % 2; 10]).await.unwrap();
            let record = user.record().await.unwrap();
            assert!(nonces.insert(record[..24].to_vec()), "{way:?}");
        }
    }
    // nd: the outer nonce is fixed, so what it covers must be fresh: behind tag and magic the
    // nonce of the inner layer, then what that encrypts.
    let stage = Stage::new().await;
    let user = stage.user(Way::Seed).await;
    let [first, second] = two_records(&user).await;
    assert_eq!(first.len(), 200 + 60);
    let difference = xor(&first[16..], &second[16..]);
    assert_eq!(difference[..4], [0; 4], "the magic is in both");
    let (nonce, text) = difference[4..].split_at(24);
    assert_ne!(nonce, [0; 24]);
    assert_ne!(text[16..], [b'a' ^ b'b'; 200]);
}

#[tokio::test(start_paused = true)]
async fn nd_raw_needs_opt_in() {
    let stage = Stage::new().await;
    let user = stage
        .user_with(Way::Seed, &VaultConfig::new().insecure_raw_nd_writes())
        .await;
    assert_eq!(user.vault.capacity(), 61_440 - 16);
    let [first, second] = two_records(&user).await;
    // This is what the opt-in gives away: the service holds the XOR of the contents.
    assert_eq!(first.len(), 200 + 16);
    assert_eq!(xor(&first[16..], &second[16..]), [b'a' ^ b'b'; 200]);

    // Without it nothing of the kind is written, even over a raw record.
    let user = stage.user(Way::Seed).await;
    assert_eq!(user.content().await, Some(vec![b'b'; 200]));
    let [first, second] = two_records(&user).await;
    assert_eq!(first.len(), 200 + 60);
    assert_ne!(xor(&first[44..], &second[44..])[16..], [b'a' ^ b'b'; 200]);

    // In the other family it means nothing.
    let user = stage
        .user_with(Way::Appdata2, &VaultConfig::new().insecure_raw_nd_writes())
        .await;
    let [first, second] = two_records(&user).await;
    assert_eq!(first.len(), 200 + 40);
    assert_ne!(xor(&first, &second)[40..], [b'a' ^ b'b'; 200]);
}

#[tokio::test(start_paused = true)]
async fn no_mix_after_inner() {
    let stage = Stage::new().await;
    let config = VaultConfig::new();
    let mut user = stage.user_with(Way::Seed, &config).await;
    user.vault.put_bytes(b"layered").await.unwrap();
    let layered = user.record().await.unwrap();

    // No raw write over it, by whoever has seen it or was told of it.
    let raw = config.clone().insecure_raw_nd_writes();
    for raw in [raw.clone(), VaultConfig::new().insecure_raw_nd_writes()] {
        let other = stage.user_with(Way::Seed, &raw).await;
        let refused = other.vault.put_bytes(b"raw").await;
        assert_eq!(refused, Err(VaultError::InnerLayerUsed));
        assert_eq!(other.record().await, Some(layered.clone()));
        assert_eq!(other.vault.get_bytes().await, Ok(bytes(b"layered")));
    }

    // Reading alone is enough to know it from then on.
    let reader = VaultConfig::new();
    let reading = stage.user_with(Way::Seed, &reader).await;
    assert_eq!(reading.vault.get_bytes().await, Ok(bytes(b"layered")));
    drop(reading);

    // A raw record in its place is not read, here or by the next vault of the application.
    let (filekey, codec) = user.signed_in.unlock().await;
    let mut codec = codec.with_insecure_raw_writes();
    let forged = codec
        .seal(&filekey, b"forged", &mut stage.world.client.entropy())
        .unwrap();
    user.signed_in.write(forged, None).await.unwrap();
    assert_eq!(user.vault.get_bytes().await, Err(VaultError::Damaged));
    let later = stage.user_with(Way::Seed, &reader).await;
    assert_eq!(later.vault.get_bytes().await, Err(VaultError::Damaged));
    let later = stage.user_with(Way::Seed, &config).await;
    assert_eq!(later.vault.get_bytes().await, Err(VaultError::Damaged));
    assert_eq!(later.vault.put_bytes(b"x").await, Err(VaultError::Damaged));
    assert!(later.vault.accept_damage());
    later.vault.put_bytes(b"again").await.unwrap();
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"again")));
}

/// The layer counts as used when the write took place, and not before.
#[tokio::test(start_paused = true)]
async fn a_write_that_did_not_take_place_leaves_a_raw_record_readable() {
    let stage = Stage::new().await;
    let mut user = stage.user(Way::Seed).await;
    let (filekey, codec) = user.signed_in.unlock().await;
    let raw = codec
        .with_insecure_raw_writes()
        .seal(&filekey, b"raw", &mut stage.world.client.entropy())
        .unwrap();
    user.signed_in.write(raw, None).await.unwrap();
    let world = &stage.world;
    let failed = user
        .vault
        .update_bytes(|old| {
            assert_eq!(old, Some(&b"raw"[..]));
            let fault = Fault::from(FaultKind::AppFileNotFound).times(1);
            world.emulator.fault(fault).unwrap();
            b"layered".to_vec()
        })
        .await;
    assert!(matches!(failed, Err(VaultError::NotConfigured { .. })));
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"raw")));
    // Nor when the line drops with it, and then it is written after all.
    user.vault
        .update_bytes(|_| {
            let drop = FaultKind::DropSocket {
                when: DropWhen::Request,
            };
            world.emulator.fault(Fault::from(drop).times(1)).unwrap();
            b"layered".to_vec()
        })
        .await
        .unwrap();
    assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"layered")));
}

/// Reading falls back to the other layout, where the blob has what it takes; writing does not.
#[tokio::test(start_paused = true)]
async fn the_other_layout_is_read() {
    for way in [Way::Seed, Way::Appdata1] {
        let stage = Stage::new().await;
        let mut user = stage.user(way).await;
        let blob = match user.signed_in.who.filekey.clone() {
            Some(blob) => blob,
            None => user.signed_in.blob().await,
        };
        let opened = blob
            .open(
                user.signed_in.keys.box_secret(),
                user.signed_in.who.sender.as_ref(),
            )
            .unwrap();
        use keylockr_client::proto::{RecordCodec, RecordLayout};
        let other = match way {
            Way::Seed => RecordLayout::Prefix,
            _ => RecordLayout::FixedNonce(opened.data_nonce.clone().unwrap()),
        };
        let sealed = RecordCodec::new(other)
            .with_insecure_raw_writes()
            .seal(&opened.filekey, b"other", &mut stage.world.client.entropy())
            .unwrap();
        let ver = user.signed_in.read().await.ver;
        user.signed_in.write(sealed, ver).await.unwrap();
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"other")), "{way:?}");
        user.vault.put_bytes(b"own").await.unwrap();
        let length = 3 + if way == Way::Seed { 60 } else { 40 };
        assert_eq!(user.record().await.unwrap().len(), length, "{way:?}");
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"own")), "{way:?}");
    }
}

/// K 8.3: the same content again is no write.
#[tokio::test(start_paused = true)]
async fn unchanged_content_is_not_written() {
    for way in Way::ALL {
        let stage = Stage::new().await;
        let user = stage.user(way).await;
        let version = user.vault.put_bytes(b"same").await.unwrap();
        let record = user.record().await;
        assert_eq!(user.vault.put_bytes(b"same").await, Ok(version.clone()));
        let update = user.vault.update_bytes(|old| old.unwrap().to_vec()).await;
        assert_eq!(update, Ok(version.clone()), "{way:?}");
        assert_eq!(user.record().await, record, "{way:?}");
        // Nothing and an empty content are not the same.
        let other = Stage::new().await;
        let user = other.user(way).await;
        user.vault.put_bytes(b"").await.unwrap();
        assert!(user.record().await.is_some(), "{way:?}");
        assert_eq!(user.vault.get_bytes().await, Ok(bytes(b"")));
    }
}

/// A version of many digits is nobody's count of writes.
#[test]
fn versions_are_compared_as_numbers() {
    let ver = |text: &str| Ver::parse(text).unwrap();
    assert!(ver("9").is_older_than(&ver("10")));
    assert!(!ver("010").is_older_than(&ver("10")));
}
