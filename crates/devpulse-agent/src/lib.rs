//! agent

pub mod credentials;
pub mod home;
pub mod instance_lock;
pub mod logging;
pub mod machine;
pub mod origin;
pub mod printable;
pub mod server_config;
pub mod settings;
