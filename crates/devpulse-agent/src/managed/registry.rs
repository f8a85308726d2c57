//! On Windows: the values of a key below `Policies`, which only administrators and group
//! policies write. Each value bears the dotted name of a setting.

use windows_registry::{LOCAL_MACHINE, Type};

use super::{Given, Managed, ManagedFault, ManagedValue};

const KEY: &str = r"SOFTWARE\Policies\DevPulse";

pub(super) fn read() -> Managed {
    // Without the key there is no policy; nobody but an administrator can hide it.
    let Ok(key) = LOCAL_MACHINE.open(KEY) else { return Managed::default() };
    let values = match key.values() {
        Ok(values) => values,
        Err(error) => {
            return Managed::of_fault(ManagedFault::Broken {
                place: format!(r"HKLM\{KEY}"),
                message: error.message(),
            });
        }
    };
    let values = values.filter_map(|(name, value)| {
        let given = match value.ty() {
            Type::U32 => Given::Text(u32::try_from(value).ok()?.to_string()),
            Type::U64 => Given::Text(u64::try_from(value).ok()?.to_string()),
            Type::String | Type::ExpandString => Given::Text(String::try_from(value).ok()?),
            Type::MultiString => Given::Typed(Vec::<String>::try_from(value).ok()?.into()),
            Type::Bytes | Type::Other(_) => return None,
        };
        Some(ManagedValue { name, given, line: None })
    });
    Managed { values: values.collect(), fault: None }
}
