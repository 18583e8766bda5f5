// Keeps what a person types into the form of a post on the server, until it is saved. The form works without it.
"use strict";

{
  const form = document.querySelector("form[data-unsaved]");
  const state = document.querySelector("[data-unsaved-state]");
  // Long enough for a few words; a failing server is asked less and less often.
  const PAUSE = 2500;
  const LONGEST_PAUSE = 60_000;
  // Browsers send no more than this when a page is left.
  const MOST_ON_LEAVING = 60_000;

  const typed = () => {
    const fields = new URLSearchParams(new FormData(form));
    for (const name of ["csrfmiddlewaretoken", "unsaved_window", "unsaved_replaces"]) fields.delete(name);
    return fields.toString();
  };
  // A form that came back with text that was never saved has no state without changes.
  const opened = form.hasAttribute("data-is-changed") ? null : typed();
  let kept = opened;
  let isWaiting = false;
  let pause = PAUSE;
  let isSending = false;
  let isOver = false;

  const tell = (text, isFailing) => {
    if (state.textContent === text) return;
    state.textContent = text;
    state.classList.toggle("is-failing", isFailing);
    // What works is said without a sound: it would interrupt the person every few seconds.
    if (isFailing) state.setAttribute("role", "alert"); else state.removeAttribute("role");
  };

  const send = (act, fields, options) => {
    const body = new URLSearchParams(fields);
    body.set("act", act);
    body.set("person", form.dataset.person);
    for (const name of ["csrfmiddlewaretoken", "unsaved_window", "unsaved_replaces"]) {
      body.set(name, form.elements[name].value);
    }
    // A redirect leads to the sign-in page.
    return fetch(form.dataset.unsaved, { method: "POST", body, redirect: "manual", ...options });
  };

  // A sign-in in another tab made the token of this form outdated.
  const renewToken = async () => {
    const answer = await fetch(form.dataset.unsaved, { redirect: "manual" });
    if (!answer.ok) return false;
    const { person, token } = await answer.json();
    if (String(person) !== form.dataset.person) return false;
    form.elements.csrfmiddlewaretoken.value = token;
    return true;
  };

  const problemOf = async (answer) => {
    if (answer.type === "opaqueredirect" || answer.status === 403) {
      return "You are signed out. Your text is not kept until you sign in in another tab.";
    }
    if (answer.status === 409) return (await answer.json()).problem;
    return "Your text is not kept: the site does not answer. It keeps trying.";
  };

  const keep = async () => {
    const now = typed();
    if (isOver || isSending || now === kept) return;
    isSending = true;
    try {
      const act = now === opened ? "forget" : "keep";
      let answer = await send(act, now);
      if (answer.status === 403 && await renewToken()) answer = await send(act, now);
      if (answer.ok) {
        const { kept_at: at } = await answer.json();
        kept = now;
        pause = PAUSE;
        tell(at ? `Unsaved text kept at ${at}.` : "", false);
      } else {
        tell(await problemOf(answer), true);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      }
    } catch {
      tell("Your text is not kept: the site does not answer. It keeps trying.", true);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
    isSending = false;
    if (typed() !== kept) later();
  };
  const later = () => {
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => { isWaiting = false; keep(); }, pause);
  };

  if (opened === null) later();
  for (const event of ["input", "change", "rows-changed"]) form.addEventListener(event, later);
  form.addEventListener("submit", () => { isOver = true; });
  // A page that comes back from the browser's history was not saved.
  addEventListener("pageshow", () => { isOver = false; });
  document.addEventListener("visibilitychange", () => {
    const now = typed();
    if (document.hidden && !isOver && now !== kept && now.length < MOST_ON_LEAVING) {
      send(now === opened ? "forget" : "keep", now, { keepalive: true }).catch(() => {});
    }
  });

  // Discarding leaves the page as it is: something may have been typed into it already.
  const offer = document.querySelector("[data-unsaved-offer]");
  if (offer && !form.hasAttribute("data-is-changed")) {
    offer.addEventListener("submit", async (event) => {
      event.preventDefault();
      const body = new URLSearchParams(new FormData(offer));
      body.set("act", "forget");
      body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
      const answer = await fetch(offer.action, { method: "POST", body, redirect: "manual" }).catch(() => null);
      if (!answer?.ok) {
        tell("The unsaved text was not discarded. Try again.", true);
        return;
      }
      offer.remove();
      tell("The unsaved text was discarded.", false);
      keep();
    });
  }
}
