// Tells the agent once which windows KWin 5 or 6 shows, and where.
(function () {
    const service = "@SERVICE@", word = "@WORD@";
    const six = !!workspace.windowList;
    const active = six ? workspace.activeWindow : workspace.activeClient;

    function isHere(window) {
        if (window.onAllDesktops) {
            return true;
        }
        if (six) {
            const here = workspace.currentDesktop.id;
            return window.desktops.some(function (desktop) { return desktop.id === here; });
        }
        return window.desktop === workspace.currentDesktop;
    }

    const windows = six ? workspace.windowList() : workspace.clientList();
    const said = windows.filter(function (window) { return window.managed !== false; })
        .map(function (window) {
            const place = window.frameGeometry;
            return {
                id: String(window.internalId),
                app: String(window.resourceClass),
                title: String(window.caption),
                pid: window.pid > 0 ? window.pid : 0,
                shown: !window.minimized && isHere(window),
                active: window === active,
                place: [place.x, place.y, place.width, place.height]
            };
        });
    callDBus(service, "/devpulse", "org.devpulse.Told", "Told", word, JSON.stringify(said));
})();
