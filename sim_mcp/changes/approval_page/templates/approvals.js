"use strict";
(() => {
  const EVERY_MS = 2000;
  const SIGNED_OUT = 401;
  const waiting = () => document.getElementById("waiting");

  const look = async () => {
    try {
      const answer = await fetch(waiting().dataset.path, { cache: "no-store" });
      if (answer.status === SIGNED_OUT) {
        location.reload();
        return;
      }
      if (answer.ok) {
        const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("waiting");
        // What is the same is left as it is, so that nothing is read out twice and no focus is lost.
        if (found.innerHTML !== waiting().innerHTML) waiting().replaceChildren(...found.childNodes);
      }
    } catch {
      // A server that restarts is back at one of the next looks.
    }
    setTimeout(look, EVERY_MS);
  };

  setTimeout(look, EVERY_MS);
})();
