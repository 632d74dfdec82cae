//! The calls of U 4.2, each with its request and its result.

mod approval;
mod authenticate;
mod authorize;
mod enrolment;
mod personal_key;
mod token;
mod token_result;
mod variables;

pub use approval::{ApprovalEvent, Authenticated};
pub use authenticate::Authenticate;
pub use authorize::{ActionCode, Authorize, Authorized, Reference};
pub use enrolment::Enrolment;
pub use personal_key::KeyRequest;
pub use token::{AttachSession, Exchange};
pub use token_result::{DeviceUser, SignedIn, SourceClient};
