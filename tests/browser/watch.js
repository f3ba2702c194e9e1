// Follows, at the socket, what a page asks the app to run and what the app says of it. The page's own word that nothing
// is running is not enough: it stands there for a moment after a click as well, before the app has heard of the click.
// What a person does is noted too, because widgets wait a little for more of it before they tell the app.
// `messages` has the field numbers of Streamlit's BackMsg and ForwardMsg.
(messages) => {
    const calm = (window.__calm = { asked: true, running: false, frames: 0, touched: 0 });
    if (location.protocol.startsWith("http") && !sessionStorage.begun) {
        localStorage.clear(); // a new page knows nothing of those before it
        sessionStorage.begun = 1;
    }

    for (const deed of ["pointerdown", "pointerup", "click", "keydown", "input", "change", "paste", "drop"]) {
        const note = () => {
            calm.touched = performance.now();
        };
        addEventListener(deed, note, { capture: true });
    }

    // Field number -> value (true, where it is no number) of a protocol buffer's outermost fields.
    const fields = (data) => {
        const bytes = new Uint8Array(data);
        const found = new Map();
        let at = 0;
        const number = () => {
            let value = 0;
            for (let factor = 1; ; factor *= 128) {
                const byte = bytes[at++];
                value += (byte & 127) * factor;
                if (byte < 128) return value;
            }
        };
        while (at < bytes.length) {
            const tag = number();
            const kind = tag & 7;
            found.set(tag >>> 3, kind === 0 ? number() : true);
            if (kind === 2) {
                const length = number();
                at += length;
            } else if (kind !== 0) {
                at += kind === 5 ? 4 : 8;
            }
        }
        return found;
    };

    window.WebSocket = class extends window.WebSocket {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", (event) => {
                const found = fields(event.data);
                if (found.has(messages.began)) {
                    calm.running = true;
                    calm.asked = false;
                }
                if (found.has(messages.ended)) {
                    calm.running = false;
                    // A run that ended early makes way for another one.
                    calm.asked ||= found.get(messages.ended) === messages.early;
                }
                calm.frames = 0;
            });
        }

        send(data) {
            if (fields(data).has(messages.rerun)) {
                calm.asked = true;
                calm.frames = 0;
            }
            super.send(data);
        }
    };
}
