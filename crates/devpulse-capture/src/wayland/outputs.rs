//! The monitors that the compositor shows: where they lie on the desktop, and how they are turned.

use wayland_client::protocol::wl_output::{self, Transform, WlOutput};
use wayland_client::protocol::wl_registry::WlRegistry;
use wayland_client::{Connection, Dispatch, Proxy, QueueHandle, WEnum};
use wayland_protocols::xdg::xdg_output::zv1::client::zxdg_output_manager_v1::ZxdgOutputManagerV1;
use wayland_protocols::xdg::xdg_output::zv1::client::zxdg_output_v1::{self, ZxdgOutputV1};

use super::wire::Global;
use crate::screenshot::Area;

/// From this version on, an output says its name.
const NAMED: u32 = 4;

/// The monitors, in the order in which they came.
#[derive(Default)]
pub(super) struct Outputs(Vec<Output>);

/// One monitor.
pub(super) struct Output {
    global: u32,
    pub(super) output: WlOutput,
    logical: Option<ZxdgOutputV1>,
    position: [i32; 2],
    logical_size: Option<[i32; 2]>,
    mode: [i32; 2],
    scale: i32,
    pub(super) transform: Transform,
    /// What the compositor calls it, such as `DP-1`.
    pub(super) name: Option<String>,
}

/// The user data of an output's objects: the number of its global.
#[derive(Clone, Copy)]
pub(super) struct OutputOf(u32);

/// A listener that keeps the monitors.
pub(super) trait KeepsOutputs: 'static {
    fn outputs(&mut self) -> &mut Outputs;
}

impl Outputs {
    /// Takes hold of an output where it is one.
    pub(super) fn offered<S>(
        &mut self,
        global: &Global,
        registry: &WlRegistry,
        queue: &QueueHandle<S>,
    ) where
        S: Dispatch<WlOutput, OutputOf> + 'static,
    {
        if global.interface != WlOutput::interface().name {
            return;
        }
        let version = global.version.min(NAMED);
        let output = registry.bind(global.name, version, queue, OutputOf(global.name));
        self.0.push(Output {
            global: global.name,
            output,
            logical: None,
            position: [0, 0],
            logical_size: None,
            mode: [0, 0],
            scale: 1,
            transform: Transform::Normal,
            name: None,
        });
    }

    pub(super) fn withdrawn(&mut self, global: u32) {
        self.0.retain(|output| output.global != global);
    }

    /// Asks for the place of those monitors whose place was not asked for; whether there are any.
    pub(super) fn ask_places<S>(
        &mut self,
        manager: &ZxdgOutputManagerV1,
        queue: &QueueHandle<S>,
    ) -> bool
    where
        S: Dispatch<ZxdgOutputV1, OutputOf> + 'static,
    {
        let mut asked = false;
        for output in self.0.iter_mut().filter(|output| output.logical.is_none()) {
            let of = OutputOf(output.global);
            output.logical = Some(manager.get_xdg_output(&output.output, queue, of));
            asked = true;
        }
        asked
    }

    /// The monitors that show something.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Output, Area)> {
        self.0.iter().filter_map(|output| Some((output, output.area()?)))
    }

    fn find(&mut self, of: OutputOf) -> Option<&mut Output> {
        self.0.iter_mut().find(|output| output.global == of.0)
    }
}

impl Output {
    /// Where it lies on the desktop; `None` where it shows nothing.
    fn area(&self) -> Option<Area> {
        let [width, height] = self.logical_size.unwrap_or_else(|| {
            let [width, height] = self.mode.map(|length| length / self.scale.max(1));
            if is_sideways(self.transform) { [height, width] } else { [width, height] }
        });
        let [x, y] = self.position;
        let [width, height] = [width, height].map(|length| u32::try_from(length).unwrap_or(0));
        (width > 0 && height > 0).then_some(Area { x, y, width, height })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(logical) = &self.logical {
            logical.destroy();
        }
        if self.output.version() >= 3 {
            self.output.release();
        }
    }
}

/// Whether width and height change places.
pub(super) const fn is_sideways(transform: Transform) -> bool {
    matches!(
        transform,
        Transform::_90 | Transform::_270 | Transform::Flipped90 | Transform::Flipped270
    )
}

impl<S> Dispatch<WlOutput, OutputOf, S> for Outputs
where
    S: KeepsOutputs + Dispatch<WlOutput, OutputOf>,
{
    fn event(
        state: &mut S,
        _: &WlOutput,
        event: wl_output::Event,
        of: &OutputOf,
        _: &Connection,
        _: &QueueHandle<S>,
    ) {
        let Some(output) = state.outputs().find(*of) else { return };
        match event {
            wl_output::Event::Geometry { x, y, transform: WEnum::Value(transform), .. } => {
                output.transform = transform;
                if output.logical_size.is_none() {
                    output.position = [x, y];
                }
            }
            wl_output::Event::Mode { flags: WEnum::Value(flags), width, height, .. }
                if flags.contains(wl_output::Mode::Current) =>
            {
                output.mode = [width, height];
            }
            wl_output::Event::Scale { factor } => output.scale = factor,
            wl_output::Event::Name { name } => output.name = Some(name),
            _ => {}
        }
    }
}

impl<S> Dispatch<ZxdgOutputV1, OutputOf, S> for Outputs
where
    S: KeepsOutputs + Dispatch<ZxdgOutputV1, OutputOf>,
{
    fn event(
        state: &mut S,
        _: &ZxdgOutputV1,
        event: zxdg_output_v1::Event,
        of: &OutputOf,
        _: &Connection,
        _: &QueueHandle<S>,
    ) {
        let Some(output) = state.outputs().find(*of) else { return };
        match event {
            zxdg_output_v1::Event::LogicalPosition { x, y } => output.position = [x, y],
            zxdg_output_v1::Event::LogicalSize { width, height } => {
                output.logical_size = Some([width, height]);
            }
            zxdg_output_v1::Event::Name { name } => output.name = Some(name),
            _ => {}
        }
    }
}
