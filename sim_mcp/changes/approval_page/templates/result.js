"use strict";
(() => {
  const EVERY_MS = 1500;
  const GONE = 410;
  const SIGNED_OUT = 401;
  const result = () => document.getElementById("result");

  const say = (text) => {
    const line = document.createElement("p");
    line.textContent = text;
    result().append(line);
  };

  const look = async () => {
    try {
      const answer = await fetch(result().dataset.path, { cache: "no-store" });
      if (answer.status === SIGNED_OUT) {
        location.reload();
        return;
      }
      if (answer.status === GONE) {
        say("Nobody went on with it in time: nothing more comes of this plan.");
        return;
      }
      if (!answer.ok) throw new Error(answer.statusText);
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("result");
      // What is the same is left as it is, so that nothing is read out twice and no selection is lost.
      if (found.innerHTML !== result().innerHTML) result().replaceChildren(...found.childNodes);
      if (!("over" in found.dataset)) setTimeout(look, EVERY_MS);
    } catch {
      say("sim-mcp does not answer any more. What was done is on record: ask for list_changes.");
    }
  };

  if (!("over" in result().dataset)) setTimeout(look, EVERY_MS);
})();
