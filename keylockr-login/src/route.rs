//! The table of the login routes: paths, methods and nothing else.

/// One of the routes below the mount (`/login` by default).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// `GET M`: the sign-in page.
    Page,
    /// `POST M/start`: starts an attempt.
    Start,
    /// `GET M/qr.svg`: this browser's code.
    Qr,
    /// `GET M/events`: the status as server-sent events.
    Events,
    /// `GET M/status`: the status by polling.
    Status,
    /// `POST M/finish`: a session for a finished attempt, once.
    Finish,
    /// `POST M/cancel`: gives an attempt up.
    Cancel,
    /// `POST M/logout`: ends the session.
    Logout,
    /// `POST M/challenge`: begins an attempt for a browser that holds its own keys.
    Challenge,
    /// `POST M/verify`: a session for such a browser, for its proof.
    Verify,
    /// `GET M/page.js`: the page's script.
    Script,
    /// `GET M/page.css`: the page's style.
    Style,
}

/// What a method and a path below the mount lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This route; hand it to [`KeyLockr::answer`](crate::KeyLockr::answer).
    Route(Route),
    /// The path is ours, the method is not: 405 with these in `Allow`.
    MethodNotAllowed {
        /// The value of the `Allow` header.
        allow: &'static str,
    },
    /// Not one of ours.
    NotFound,
}

impl Route {
    /// Every route, for adapters that register them one by one.
    pub const ALL: &'static [Self] = &[
        Self::Page,
        Self::Start,
        Self::Qr,
        Self::Events,
        Self::Status,
        Self::Finish,
        Self::Cancel,
        Self::Logout,
        Self::Challenge,
        Self::Verify,
        Self::Script,
        Self::Style,
    ];

    /// The path below the mount; the page's is `/`, which stands for the mount itself too.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Start => "/start",
            Self::Qr => "/qr.svg",
            Self::Events => "/events",
            Self::Status => "/status",
            Self::Finish => "/finish",
            Self::Cancel => "/cancel",
            Self::Logout => "/logout",
            Self::Challenge => "/challenge",
            Self::Verify => "/verify",
            Self::Script => "/page.js",
            Self::Style => "/page.css",
        }
    }

    /// The methods that the route answers.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        if self.changes_something() {
            &["POST"]
        } else {
            &["GET", "HEAD"]
        }
    }

    /// The methods as the value of an `Allow` header.
    #[must_use]
    pub const fn allow(self) -> &'static str {
        if self.changes_something() {
            "POST"
        } else {
            "GET, HEAD"
        }
    }

    /// Whether the route is a POST, and so under the same-origin rule.
    pub(crate) const fn changes_something(self) -> bool {
        matches!(
            self,
            Self::Start
                | Self::Finish
                | Self::Cancel
                | Self::Logout
                | Self::Challenge
                | Self::Verify
        )
    }

    /// Finds the route of a request by its method and its path below the mount.
    #[must_use]
    pub fn find(method: &str, path: &str) -> Found {
        let path = if path.is_empty() { "/" } else { path };
        match Self::ALL.iter().find(|route| route.path() == path) {
            None => Found::NotFound,
            Some(route) if route.methods().contains(&method) => Found::Route(*route),
            Some(route) => Found::MethodNotAllowed {
                allow: route.allow(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_out_is_never_a_get() {
        assert_eq!(
            Route::find("GET", "/logout"),
            Found::MethodNotAllowed { allow: "POST" }
        );
        assert_eq!(Route::find("POST", "/logout"), Found::Route(Route::Logout));
    }

    #[test]
    fn every_route_is_found_by_its_own_path_and_methods_only() {
        for route in Route::ALL {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", ""] {
                let found = Route::find(method, route.path());
                if route.methods().contains(&method) {
                    assert_eq!(found, Found::Route(*route));
                } else {
                    assert_eq!(
                        found,
                        Found::MethodNotAllowed {
                            allow: route.allow()
                        }
                    );
                }
            }
        }
        for path in [
            "/Start",
            "/start/",
            "//start",
            "/qr",
            "/start?x",
            "start",
            "/../start",
        ] {
            assert_eq!(Route::find("POST", path), Found::NotFound, "{path}");
        }
        assert_eq!(Route::find("GET", ""), Found::Route(Route::Page));
    }
}
