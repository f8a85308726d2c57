// For GNOME Shell 42 to 44. The other file is for later ones; they differ at both ends only.
'use strict';

const { Gio, GLib } = imports.gi;

const PATH = '/org/devpulse/Focus';
const INTERFACE = 'org.devpulse.Focus';
const DESCRIPTION = `
<node>
  <interface name="${INTERFACE}">
    <method name="Watch"><arg type="s" direction="out" name="window"/></method>
    <signal name="Changed"><arg type="s" name="window"/></signal>
    <signal name="Stopped"/>
  </interface>
</node>`;

// Tells those who asked, and nobody else, which window has the focus.
class Focus {
    constructor() {
        this._watchers = new Map();
        this._window = null;
        this._title = 0;
        this._object = Gio.DBusExportedObject.wrapJSObject(DESCRIPTION, this);
        this._object.export(Gio.DBus.session, PATH);
        this._focus = global.display.connect('notify::focus-window', () => this._moved());
        this._moved();
    }

    stop() {
        global.display.disconnect(this._focus);
        this._forgetWindow();
        this._tell('Stopped', null);
        for (const watch of this._watchers.values())
            Gio.bus_unwatch_name(watch);
        this._watchers.clear();
        this._object.unexport();
    }

    WatchAsync(parameters, invocation) {
        const name = invocation.get_sender();
        if (!this._watchers.has(name)) {
            const watch = Gio.bus_watch_name_on_connection(
                Gio.DBus.session, name, Gio.BusNameWatcherFlags.NONE, null,
                () => this._forgetWatcher(name));
            this._watchers.set(name, watch);
        }
        invocation.return_value(new GLib.Variant('(s)', [this._said()]));
    }

    _moved() {
        this._forgetWindow();
        this._window = global.display.focus_window;
        if (this._window)
            this._title = this._window.connect('notify::title', () => this._changed());
        this._changed();
    }

    _changed() {
        this._tell('Changed', new GLib.Variant('(s)', [this._said()]));
    }

    _said() {
        const window = this._window;
        if (!window)
            return 'null';
        const pid = window.get_pid();
        return JSON.stringify({
            id: window.get_id(),
            app: window.get_wm_class() ?? '',
            title: window.get_title() ?? '',
            pid: pid > 0 ? pid : 0,
        });
    }

    _tell(signal, body) {
        for (const name of this._watchers.keys())
            Gio.DBus.session.emit_signal(name, PATH, INTERFACE, signal, body);
    }

    _forgetWatcher(name) {
        const watch = this._watchers.get(name);
        if (watch === undefined)
            return;
        this._watchers.delete(name);
        Gio.bus_unwatch_name(watch);
    }

    _forgetWindow() {
        if (this._window && this._title)
            this._window.disconnect(this._title);
        this._window = null;
        this._title = 0;
    }
}

class Extension {
    enable() {
        this._told = new Focus();
    }

    disable() {
        this._told?.stop();
        this._told = null;
    }
}

function init() {
    return new Extension();
}
