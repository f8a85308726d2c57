//! On Linux: a file that only root may write.

use super::{Managed, policy_file};
use crate::administrator;

pub(super) fn read() -> Managed {
    Managed::of_file(&policy_file(), administrator::ROOT)
}
