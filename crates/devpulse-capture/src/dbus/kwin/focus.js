// Stays in KWin 5 or 6 and tells the agent which window has the focus, with its title.
(function () {
    const service = "@SERVICE@", word = "@WORD@";
    let watched = null;

    function tell(window) {
        const said = !window ? null : {
            id: String(window.internalId),
            app: String(window.resourceClass),
            title: String(window.caption),
            pid: window.pid > 0 ? window.pid : 0
        };
        callDBus(service, "/devpulse", "org.devpulse.Told", "Told", word, JSON.stringify(said));
    }

    function retitled() {
        tell(watched);
    }

    function activated(window) {
        if (watched) {
            try {
                watched.captionChanged.disconnect(retitled);
            } catch (closed) {
                // The window is gone, and its signals with it.
            }
        }
        watched = window || null;
        if (watched) {
            watched.captionChanged.connect(retitled);
        }
        tell(watched);
    }

    if (workspace.windowActivated) {
        workspace.windowActivated.connect(activated);
        activated(workspace.activeWindow);
    } else {
        workspace.clientActivated.connect(activated);
        activated(workspace.activeClient);
    }
})();
