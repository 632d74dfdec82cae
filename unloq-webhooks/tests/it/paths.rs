//! Where the path comes from, and paths that must not live together.

use std::time::Duration;

use unloq_webhooks::{
    Activate, ConfigError, Deactivate, Hook, HookPath, Hooks, HooksBuilder, Link, Logout, Other,
    Unlink, VerifyErrorKind as Kind, string_to_sign,
};

use crate::given::{ACTIVATE, JSON, LOGOUT, Request, hooks, refused, secret};

const BODY: &str = r#"{"sid":"s1","unloq_id":"9"}"#;

/// With a configured path nothing about the request's own path matters: no proxy breaks it, and no
/// spelling moves a border.
#[test]
fn path_variants_have_no_effect() {
    let hooks = hooks();
    for target in [
        "/",
        "",
        "*",
        "/hooks/unloq/logout?x=1",
        "/hooks/unloq/logout/",
        "//hooks/unloq/logout",
        "/prefix/hooks/unloq/logout",
        "/hooks/unloq/../unloq/logout",
        "/hooks/unloq/log%6fut",
        "/HOOKS/UNLOQ/LOGOUT",
        "/hooks/unloq/activate",
        "http://evil.example/hooks/unloq/logout",
        "/hooks/unloq/logoutsids1unloq_id9",
    ] {
        let mut request = Request::signed(LOGOUT, JSON, BODY);
        request.target = target.into();
        for forwarded in [
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-Forwarded-Prefix",
            "Forwarded",
        ] {
            request = request.header(forwarded, "/hooks/unloq/activate");
        }
        assert!(request.verify::<Logout>(&hooks).is_ok(), "{target}");
        assert_eq!(
            refused(request.verify::<Activate>(&hooks)),
            Kind::Mismatch,
            "{target}"
        );
    }
    // Signed for another spelling of the path, it is another path.
    for path in [
        "/hooks/unloq/logout/",
        "/hooks/unloq/logout?",
        "/hooks/unloq/Logout",
        "/logout",
        "//hooks/unloq/logout",
        "/hooks/unloq/%6cogout",
        "/hooks/unloq/logout?x=1",
    ] {
        let request = Request::signed(path, JSON, BODY);
        assert_eq!(
            refused(request.verify::<Logout>(&hooks)),
            Kind::Mismatch,
            "{path}"
        );
    }
}

#[test]
fn prefix_paths_refuse_startup() {
    let pair = |a: &str, b: &str| {
        Hooks::builder(secret())
            .on::<Activate>(a)
            .on::<Deactivate>(b)
            .build()
            .map(|_| ())
    };
    for (a, b) in [
        ("/a", "/a"),
        ("/a", "/ab"),
        ("/a", "/a/"),
        ("/a", "/a?x"),
        ("", "/anything"),
        ("/a", "a"),
        ("/a", "https://one.example/a"),
        ("https://one.example/a", "https://two.example/a/b"),
        ("https://one.example", "/a"),
        ("/?unloq_uauth=link", "/?unloq_uauth=linkage"),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            let error = pair(a, b).unwrap_err();
            assert!(
                matches!(error, ConfigError::ClashingPaths { .. }),
                "{a} {b}: {error}"
            );
        }
    }
    for (a, b) in [
        ("/a", "/b"),
        ("/ab", "/ac"),
        ("/?unloq_uauth=activate", "/?unloq_uauth=deactivate"),
        ("/a/x", "/a/y"),
        ("/A", "/a"),
    ] {
        assert_eq!(pair(a, b), Ok(()), "{a} {b}");
    }
    // Of a hook's own paths, too, and of all hooks together.
    let moving = HookPath::configured("/new").also("/new/logout");
    let error = Hooks::builder(secret())
        .on::<Logout>(moving)
        .build()
        .unwrap_err();
    assert!(matches!(error, ConfigError::ClashingPaths { .. }));
    let moving = HookPath::configured("/one").also("/two");
    let error = Hooks::builder(secret())
        .on::<Logout>(moving)
        .on::<Activate>("/two/activate")
        .build()
        .unwrap_err();
    assert_eq!(
        error,
        ConfigError::ClashingPaths {
            shorter: Hook::Logout,
            longer: Hook::Activate
        }
    );
    // Nor can it be switched off.
    let lenient = Hooks::builder(secret())
        .insecure_lenient_schema()
        .on::<Activate>("/a")
        .on::<Deactivate>("/a/b")
        .build();
    assert!(lenient.is_err());
    let requested = Hooks::builder(secret())
        .on::<Activate>(HookPath::request_target("/a"))
        .on::<Deactivate>(HookPath::prefix_map("/x/b", "/x", "/a"))
        .build();
    assert!(matches!(
        requested.unwrap_err(),
        ConfigError::ClashingPaths { .. }
    ));
}

#[test]
fn configurations_that_cannot_be() {
    let on = |path: HookPath| {
        Hooks::builder(secret())
            .on::<Logout>(path)
            .build()
            .map(|_| ())
    };
    for path in [
        "/a b",
        "/a\"",
        "/a<",
        "/a>",
        "/a\\b",
        "/a^",
        "/a`",
        "/a{b}",
        "/a|b",
        "/ä",
        "/a\n",
        "/a\0",
        "/a#b",
        "https://x.example/a'b",
        "https://x.example/ a",
        "/a\u{7f}",
    ] {
        assert_eq!(
            on(path.into()),
            Err(ConfigError::PathCharacter(Hook::Logout)),
            "{path}"
        );
    }
    for path in [
        "/a'b",
        "/a%20b?c=d&e",
        "https://x.example/a#b",
        "/~!$&()*+,;=:@-._",
    ] {
        assert_eq!(on(path.into()), Ok(()), "{path}");
    }
    let five = HookPath::configured("/1").also("/2").also("/3").also("/4");
    assert_eq!(on(five.clone()), Ok(()));
    assert_eq!(
        on(five.also("/5")),
        Err(ConfigError::PathCount {
            hook: Hook::Logout,
            count: 5
        })
    );
    assert_eq!(
        on(HookPath::prefix_map("/a", "/b", "/c")),
        Err(ConfigError::PrefixMissing(Hook::Logout))
    );
    let build = |builder: HooksBuilder| builder.build().map(|_| ()).unwrap_err();
    let builder = || Hooks::builder(secret());
    assert_eq!(build(builder()), ConfigError::NoHooks);
    assert_eq!(
        build(builder().on::<Logout>("/a").on::<Logout>("/b")),
        ConfigError::RepeatedHook(Hook::Logout)
    );
    assert_eq!(
        build(builder().on::<Other>("/a")),
        ConfigError::LenientSchemaNeeded
    );
    for limit in [0, 1023, 1024 * 1024 + 1] {
        assert_eq!(
            build(builder().on::<Logout>("/a").body_limit(limit)),
            ConfigError::BodyLimit(limit)
        );
    }
    for (time, good) in [
        (Duration::ZERO, false),
        (Duration::from_nanos(1), true),
        (HooksBuilder::MAX_TIME, true),
        (HooksBuilder::MAX_TIME + Duration::from_nanos(1), false),
        (Duration::MAX, false),
    ] {
        let hooks = || builder().on::<Logout>("/a");
        for (hooks, name) in [
            (hooks().budget(time), "budget"),
            (hooks().read_time(time), "reading time"),
        ] {
            let error = hooks.build().err();
            assert_eq!(
                error,
                (!good).then_some(ConfigError::Time(name)),
                "{time:?}"
            );
        }
    }
    let hooks = builder().on::<Logout>("/a").build().unwrap();
    assert_eq!(
        (hooks.budget(), hooks.read_time()),
        (Duration::from_secs(2), Duration::from_secs(3))
    );
    assert_eq!(
        build(builder().on::<Link>("/a?x=%zz")),
        ConfigError::LinkQuery
    );
    for path in [
        HookPath::request_target("/a"),
        HookPath::prefix_map("/x/a", "/x", "/b"),
    ] {
        let error = build(builder().on::<Link>(path));
        assert_eq!(error, ConfigError::LinkPath);
        assert!(error.to_string().contains("HookPath::configured"));
    }
}

#[test]
fn several_configured_paths() {
    let path = HookPath::configured("/new/logout").also("https://old.example/logout");
    let hooks = Hooks::builder(secret()).on::<Logout>(path).build().unwrap();
    assert_eq!(hooks.path::<Logout>(), "/new/logout");
    for (at, path) in ["/new/logout", "/logout"].into_iter().enumerate() {
        let verified = Request::signed(path, JSON, BODY)
            .verify::<Logout>(&hooks)
            .unwrap();
        assert_eq!(verified.path_index(), at);
    }
    let other = Request::signed("/old/logout", JSON, BODY);
    assert_eq!(refused(other.verify::<Logout>(&hooks)), Kind::Mismatch);
}

#[test]
fn route_paths_have_no_query() {
    let hooks = Hooks::builder(secret())
        .on::<Link>("/?unloq_uauth=link")
        .on::<Logout>("https://app.example.com:8443/hooks/logout?tenant=7#frag")
        .on::<Unlink>("unlink")
        .build()
        .unwrap();
    assert_eq!(hooks.path::<Link>(), "/");
    assert_eq!(hooks.path::<Logout>(), "/hooks/logout");
    assert_eq!(hooks.path::<Unlink>(), "/unlink");
    assert_eq!(hooks.path::<Activate>(), "");
    assert!(hooks.has::<Unlink>() && !hooks.has::<Activate>());
    let request = Request::signed(ACTIVATE, JSON, BODY);
    let error = request.verify::<Activate>(&hooks).unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::NotConfigured, 500));
}

#[test]
fn request_target_is_signed_as_it_came() {
    let path = HookPath::request_target("/hooks/logout");
    let hooks = Hooks::builder(secret()).on::<Logout>(path).build().unwrap();
    for target in [
        "/hooks/logout",
        "/hooks/logout?b=2&a=%2f",
        "/hooks/logout?",
        "https://app.example.com/hooks/logout?x",
    ] {
        let request = Request::signed(target, JSON, BODY);
        assert!(request.verify::<Logout>(&hooks).is_ok(), "{target}");
        let mut moved = Request::signed(target, JSON, BODY);
        moved.target.push('&');
        assert!(moved.verify::<Logout>(&hooks).is_err(), "{target}");
    }
    // A route that matches more than its own path does not move the border behind it.
    let text = string_to_sign("/hooks/logout", JSON, BODY.as_bytes()).unwrap();
    let mut moved = Request::signed("/hooks/logout", JSON, BODY);
    for end in "/hooks/logout".len() + 1..=text.len() {
        moved.target = text[..end].to_owned();
        moved.body = format!("{{{}:\"\"}}", serde_json::Value::from(&text[end..])).into_bytes();
        assert_eq!(
            refused(moved.authenticate::<Logout>(&hooks)),
            Kind::Mismatch,
            "{end}"
        );
    }
}

#[test]
fn prefix_map_replaces_one_prefix() {
    let path = HookPath::prefix_map("/app/hooks/logout", "/app", "/public/v1");
    let hooks = Hooks::builder(secret()).on::<Logout>(path).build().unwrap();
    assert_eq!(hooks.path::<Logout>(), "/app/hooks/logout");
    let mut request = Request::signed("/public/v1/hooks/logout", JSON, BODY);
    request.target = "/app/hooks/logout".into();
    assert!(request.verify::<Logout>(&hooks).is_ok());
    for target in [
        "/hooks/logout",
        "/public/v1/hooks/logout",
        "/app/app/hooks/logout",
        "/app",
    ] {
        request.target = target.into();
        assert_eq!(
            refused(request.verify::<Logout>(&hooks)),
            Kind::Mismatch,
            "{target}"
        );
    }
}
