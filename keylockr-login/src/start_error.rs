//! Why a service cannot be built or started.

/// A setting that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The service's name is no `svc_id`, or in the appdata family no app tag.
    #[error("{0:?} is not the name of a service")]
    Service(String),
    /// The app tag is not one.
    #[error("{0:?} is not an app tag")]
    AppTag(String),
    /// The site's title is empty, or nothing of it can be shown.
    #[error("the site's title has nothing that can be shown")]
    SiteTitle,
    /// The public origin is not one.
    #[error("{0:?} is not an origin such as https://example.org")]
    PublicOrigin(String),
    /// The mount is not a plain local path.
    #[error("{0:?} is not a path to mount the login routes at")]
    Mount(String),
    /// An attempt's life is not between one second and 600.
    #[error("an attempt lives between 1 and 600 seconds")]
    AttemptLife,
    /// Fixed box keys outside revision 2 of the appdata family (K 10).
    #[error("fixed box keys need the appdata family with revision 2 as the minimum")]
    FixedKeys,
    /// A vault, and no app data asked for: there would be nothing to open.
    #[error("a vault needs app data: set an app tag, or ask for app data in the appdata family")]
    VaultWithoutAppData,
    /// A store that processes share needs a seal key that they share too.
    #[error("a shared attempt store needs a seal key")]
    SealKey,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoEntropy,
    /// The connection to KeyLockr cannot be set up.
    #[error(transparent)]
    Client(#[from] keylockr_client::ConfigError),
}

/// The service could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// KeyLockr cannot be reached, or is not who it should be.
    #[error(transparent)]
    Service(#[from] keylockr_client::Error),
}
