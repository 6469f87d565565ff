"use strict";
(() => {
  const EVERY_MS = 2000;
  const AGAIN_MS = 30000;
  const SIGNED_OUT = 401;
  const waiting = () => document.getElementById("waiting");
  let live = false;
  let looking = false;
  let again = false;

  const look = async () => {
    again = looking;
    if (looking) return;
    looking = true;
    try {
      const answer = await fetch(waiting().dataset.path, { cache: "no-store" });
      if (answer.status === SIGNED_OUT) location.reload();
      if (answer.ok) {
        const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("waiting");
        // What is the same is left as it is, so that nothing is read out twice and no focus is lost.
        if (found.innerHTML !== waiting().innerHTML) waiting().replaceChildren(...found.childNodes);
      }
    } catch {
      // A server that restarts is back at one of the next looks.
    }
    looking = false;
    if (again) look();
  };

  const listen = () => {
    const source = new EventSource(waiting().dataset.live);
    source.onopen = () => { live = true; };
    source.onmessage = look;
    source.onerror = () => {
      live = false;
      // One that was refused does not come back by itself.
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
    };
  };

  // Where the stream fails, or a proxy holds it back.
  setInterval(() => { if (!live) look(); }, EVERY_MS);
  listen();
})();
