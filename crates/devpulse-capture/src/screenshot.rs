//! Images of the screens.
/// x
pub trait ScreenGrabber: Send + Sync {}
