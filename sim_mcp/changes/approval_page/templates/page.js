"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const buttons = document.querySelectorAll("button");
  const grouped = new Intl.NumberFormat("en");
  let over = false;
  let before = Infinity;

  const disable = () => buttons.forEach((button) => { button.disabled = true; });

  // The browser reads the form after this event: a button disabled at once could not send it.
  document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", () => setTimeout(disable)));
  addEventListener("pageshow", () => { if (!over) buttons.forEach((button) => { button.disabled = false; }); });

  const local = byId("local");
  const ends = new Date(byId("expires").dateTime);
  if (ends.getTimezoneOffset()) {
    local.textContent = ` (${ends.toLocaleTimeString([], { timeStyle: "short" })} your time)`;
    local.hidden = false;
  }

  const countdown = byId("countdown");
  const end = Date.now() + Number(countdown.dataset.seconds) * 1000;
  const milestones = [300, 60, 30, 10];
  const inWords = (left) => (left >= 60 ? `${Math.round(left / 60)} min` : `${left} seconds`);

  const tick = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    countdown.textContent = left ? `, in ${clock}` : ", expired";
    // Background tabs tick rarely: a milestone may be passed rather than met.
    if (milestones.some((milestone) => left <= milestone && milestone < before)) {
      byId("spoken").textContent = `${inWords(left)} left to decide`;
    }
    before = left;
    if (left) return;
    over = true;
    clearInterval(timer);
    disable();
    byId("spoken").textContent = "The time to decide is over. Nothing was decided.";
    byId("advice").textContent = "The time to decide is over. Nothing was decided.";
  };
  countdown.hidden = false;
  const timer = setInterval(tick, 1000);
  tick();

  const rows = Array.from(document.querySelectorAll("tbody tr"));
  const cards = Array.from(document.querySelectorAll(".sims"));
  const query = byId("query");
  let texts = null;

  const matches = (text, wanted) => {
    const digits = wanted.replace(/[\s-]/g, "");
    if (/^\d{5,}$/.test(digits) && text.includes(digits)) return true;
    return wanted.split(/\s+/).every((word) => text.includes(word));
  };

  query.addEventListener("input", () => {
    texts ??= rows.map((row) => {
      const said = [...row.cells, ...row.closest(".sims").querySelectorAll("h2, p")];
      return said.map((part) => part.textContent).join(" ").toLowerCase();
    });
    const wanted = query.value.trim().toLowerCase();
    let found = 0;
    rows.forEach((row, index) => {
      row.hidden = wanted !== "" && !matches(texts[index], wanted);
      if (!row.hidden) found += 1;
    });
    cards.forEach((card) => { card.hidden = !card.querySelector("tbody tr:not([hidden])"); });
    byId("found").textContent = wanted
      ? `${grouped.format(found)} of ${grouped.format(rows.length)} shown. A decision is about all of them.` : "";
  });
  byId("search").hidden = rows.length < 2;
})();
