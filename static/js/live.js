// Keeps an open page up to date. The server only says that there is news; they are then fetched as
// the page itself, by whoever is signed in, and put in their places: docs/live.md.
(function () {
  "use strict";

  const root = document.querySelector("[data-live]");
  if (!root || !window.EventSource) return;

  const one = (selector, within) => within.querySelector(selector);
  const all = (selector, within) => [...within.querySelectorAll(selector)];

  // After a refusal (no room, another server, an error) the page asks this often, in milliseconds.
  const COME_AGAIN = 60000;
  const COME_AGAIN_AT_LAST = 600000;
  // A page that is not looked at gives its place away after this long: browsers hold few of them.
  const HIDDEN = 5000;
  // Of more changes at once the page says no more than how many.
  const MOST_SENTENCES = 2;

  let source = null;
  let stopped = false;
  let failures = 0;
  let timer = 0;
  let due = 0;
  let hiding = 0;
  let errors = 0;
  let fetching = false;
  let again = false;
  // Whether something was left as it was because somebody was using it.
  let postponed = false;

  // ---- listening

  function listen() {
    if (source || stopped || document.hidden) return;
    source = new EventSource(`${root.dataset.live}?seen=${encodeURIComponent(root.dataset.liveStamp)}`);
    source.addEventListener("open", () => { failures = 0; });
    source.addEventListener("news", (event) => fetchWithin(JSON.parse(event.data).spread));
    source.addEventListener("error", () => {
      // The browser comes back by itself after a break, but not after a refusal.
      if (source && source.readyState === EventSource.CLOSED) comeAgain();
    });
  }

  function hangUp() {
    if (source) source.close();
    source = null;
  }

  function comeAgain() {
    hangUp();
    const wait = Math.min(COME_AGAIN * 2 ** failures, COME_AGAIN_AT_LAST);
    failures += 1;
    fetchWithin(0, wait * (0.8 + 0.4 * Math.random()));
  }

  function stop() {
    stopped = true;
    hangUp();
    clearTimeout(timer);
  }

  // ---- fetching

  function fetchWithin(spread, atLeast = 0) {
    if (fetching) {
      again = true;
      return;
    }
    const wait = atLeast + Math.random() * spread;
    // What is about to be fetched anyway brings these news too.
    if (timer && due <= Date.now() + wait) return;
    clearTimeout(timer);
    due = Date.now() + wait;
    timer = setTimeout(fetchNews, wait);
  }

  async function fetchNews() {
    timer = 0;
    if (stopped || fetching) return;
    fetching = true;
    again = postponed = false;
    const seen = encodeURIComponent(root.dataset.liveSeen);
    try {
      const answer = await fetch(`${root.dataset.liveNews}?seen=${seen}`, { redirect: "manual" });
      const isTemporary = answer.status >= 500 || answer.status === 429;
      if (isTemporary) throw new Error(answer.status);
      errors = 0;
      if (answer.ok) put(await answer.text());
      // Signed out, or no longer meant to see it: the page stays as it was.
      else stop();
    } catch (error) {
      errors += 1;
      again = true;
    }
    fetching = false;
    if (again) fetchWithin(1000, errors ? Math.min(1000 * 2 ** errors, COME_AGAIN) : 0);
    else listen();
  }

  function put(text) {
    const fresh = one("[data-live]", new DOMParser().parseFromString(text, "text/html"));
    if (!fresh) {
      stop();
      return;
    }
    root.dataset.liveSeen = fresh.dataset.liveSeen;
    root.dataset.liveStamp = fresh.dataset.liveStamp;
    keepStill(() => {
      all("[data-part]", root).forEach((part) => {
        swap(part, one(`[data-part="${part.dataset.part}"]`, fresh));
      });
      const added = append(one("[data-live-thread]", root), one("[data-live-thread]", fresh));
      const changed = sentences(fresh);
      const met = forms(root).flatMap((form) => {
        const other = forms(fresh).find((f) => f.dataset.liveForm === form.dataset.liveForm);
        return other ? reconcile(form, other, changed) : [];
      });
      // A form is told anew of all that changed since it was opened, and speaks of it once.
      const names = root.matches("[data-live-form]") ? met : Object.keys(changed);
      announce(added, names.map((name) => changed[name]).filter(Boolean));
    });
  }

  const forms = (within) =>
    within.matches("[data-live-form]") ? [within] : all("[data-live-form]", within);

  // ---- what stands on the page stays where it is

  function keepStill(update) {
    const anchor = anchorElement();
    const before = anchor && anchor.getBoundingClientRect().top;
    const page = document.documentElement;
    // The browser's own anchoring would move the page a second time.
    page.style.overflowAnchor = "none";
    update();
    if (anchor && anchor.isConnected) {
      const moved = anchor.getBoundingClientRect().top - before;
      if (moved) window.scrollBy({ top: moved, behavior: "instant" });
    }
    requestAnimationFrame(() => { page.style.overflowAnchor = ""; });
  }

  const inSight = (element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < window.innerHeight;
  };

  function anchorElement() {
    const active = document.activeElement;
    if (active && root.contains(active) && active !== root && inSight(active)) return active;
    if (window.scrollY === 0) return null;
    return all(".entry, .field, h2, .prose > *", root).find((element) => {
      const { top } = element.getBoundingClientRect();
      return top >= 0 && top < window.innerHeight && !element.closest("[data-part]");
    });
  }

  // ---- parts of the page

  const plain = (part) =>
    part.innerHTML.replace(/<input[^>]*csrfmiddlewaretoken[^>]*>|<\/?time[^>]*>| open=""/g, "");

  function isInUse(part) {
    if (part.matches(".htmx-request") || one(".htmx-request", part)) return true;
    if (one("details[open] form", part)) return true;
    const active = document.activeElement;
    if (part.contains(active) && active.matches("input, textarea, select")) return true;
    const selection = document.getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  }

  function swap(part, fresh) {
    if (!fresh || plain(part) === plain(fresh)) return;
    if (isInUse(part)) {
      postponed = true;
      return;
    }
    const active = document.activeElement;
    const id = part.contains(active) && active.id;
    const replaced = document.adoptNode(fresh);
    part.replaceWith(replaced);
    if (window.htmx) window.htmx.process(replaced);
    const focused = id && document.getElementById(id);
    if (focused) focused.focus({ preventScroll: true });
  }

  function append(thread, fresh) {
    if (!thread || !fresh) return [];
    const added = [...fresh.children].filter((entry) => !entry.id || !document.getElementById(entry.id));
    return added.map((entry) => {
      const adopted = document.adoptNode(entry);
      adopted.classList.add("is-new");
      thread.append(adopted);
      return adopted;
    });
  }

  // ---- saying so

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  // There from the beginning: screen readers speak what changes in a region that they know.
  const note = element("div", "live-note");
  note.setAttribute("role", "status");
  document.body.append(note);
  let unread = [];

  function announce(added, changes) {
    const comments = added.filter((entry) => !entry.matches(".event"));
    unread = unread.filter((entry) => !inSight(entry)).concat(comments);
    const words = changes.slice(0, MOST_SENTENCES).map((sentence) => `${sentence}.`).join(" ");
    const more = changes.length > MOST_SENTENCES ? ` And ${changes.length - MOST_SENTENCES} more.` : "";
    if (!comments.length && !words) return;
    const line = element("p");
    const text = element("span", "", `${words}${more} `);
    if (unread.length) text.append(showLink());
    line.append(text);
    const close = button("×", clearNote);
    close.setAttribute("aria-label", "Close this note");
    line.append(close);
    note.replaceChildren(line);
    // Who sees the comment needs no pointer to it; who hears the page does.
    note.classList.toggle("is-quiet", !words && unread.every(inSight));
  }

  function showLink() {
    const many = unread.length === 1 ? "1 new comment" : `${unread.length} new comments`;
    const link = element("a", "", `${many}: show`);
    link.href = `#${unread[0].id}`;
    link.addEventListener("click", clearNote);
    return link;
  }

  function clearNote() {
    unread = [];
    note.replaceChildren();
  }

  // ---- forms that are being filled in

  function sentences(fresh) {
    const found = {};
    all("[data-live-changed] [data-field]", fresh).forEach((item) => {
      found[item.dataset.field] = item.textContent.trim().replace(/\s+/g, " ");
    });
    return found;
  }

  const valueOf = (control) => (control.type === "checkbox" ? String(control.checked) : control.value);

  function setValue(control, value) {
    if (control.type === "checkbox") control.checked = value === "true";
    else control.value = value;
  }

  // What the server last showed in a field, be it typed over or not.
  function shownIn(control) {
    if (control.dataset.shown !== undefined) return control.dataset.shown;
    if (control.type === "checkbox") return String(control.defaultChecked);
    if (control.tagName !== "SELECT") return control.defaultValue;
    const chosen = [...control.options].find((option) => option.defaultSelected) || control.options[0];
    return chosen ? chosen.value : "";
  }

  const fields = (form) =>
    [...form.elements].filter((c) => c.name && /^(INPUT|SELECT|TEXTAREA)$/.test(c.tagName)
      && c.type !== "hidden" && c.type !== "file" && c.type !== "radio");

  function read(form) {
    try {
      return JSON.parse(form.elements.base.value);
    } catch (error) {
      return {};
    }
  }

  // The names of the fields that somebody else has changed since this was last asked.
  function reconcile(form, fresh, changed) {
    const outcome = form.elements.then;
    if (outcome && outcome.tagName === "SELECT" && !outcome.value) {
      form.elements.then_base.value = fresh.elements.then_base.value;
    }
    const [shown, theirs] = [read(form), read(fresh)];
    return fields(fresh).map((other) => {
      const control = form.elements[other.name];
      if (!control || !control.tagName) return "";
      const isFocused = document.activeElement === control;
      // The new answers say themselves what is chosen; what was shown must be known before.
      control.dataset.shown = shownIn(control);
      if (control.tagName === "SELECT" && !isFocused) offer(control, other);
      const base = theirs[other.name];
      if (!base || base === shown[other.name] || base === control.dataset.asked) return "";
      return meet(form, control, valueOf(other), base, changed[other.name]);
    });
  }

  // Somebody else changed the field: theirs goes into it unless this person has begun to.
  function meet(form, control, now, base, sentence) {
    const mine = valueOf(control);
    const isTouched = form.dataset.liveBound !== undefined || mine !== shownIn(control);
    const isFocused = document.activeElement === control;
    control.dataset.shown = now;
    clearFieldNews(control);
    if (mine === now || (!isTouched && !isFocused)) {
      setValue(control, now);
      settle(form, control.name, base);
      if (mine === now) return "";
      glow(control);
      return control.name;
    }
    control.dataset.asked = base;
    ask(form, control, { sentence, now, mine, base, isTouched });
    return control.name;
  }

  // The answers that are possible now, with the one that was chosen, be it possible or not.
  function offer(control, other) {
    const chosen = control.value;
    const options = [...other.options].map((option) => document.adoptNode(option.cloneNode(true)));
    if (!options.some((option) => option.value === chosen)) {
      const kept = [...control.options].find((option) => option.value === chosen);
      if (kept) options.push(kept);
    }
    control.replaceChildren(...options);
    control.value = chosen;
  }

  // From here on the form starts from what the other one made of the field.
  function settle(form, name, base) {
    form.elements.base.value = JSON.stringify({ ...read(form), [name]: base });
  }

  function glow(control) {
    const field = control.closest(".field");
    field.classList.remove("is-new");
    requestAnimationFrame(() => field.classList.add("is-new"));
  }

  function clearFieldNews(control) {
    const field = control.closest(".field");
    const old = field && one(".field-news", field);
    if (old) old.remove();
  }

  const words = (control, value) => {
    if (control.type === "checkbox") return value === "true" ? "yes" : "no";
    return value || "none";
  };

  // Two people changed one field: both values side by side, and nothing is decided before a click.
  function ask(form, control, { sentence, now, mine, base, isTouched }) {
    const box = element("div", "field-news");
    box.setAttribute("role", "status");
    control.closest(".field").append(box);
    const who = sentence || "Somebody changed this";
    const isLong = control.tagName === "TEXTAREA";
    const yours = isLong || !isTouched ? "" : ` Yours: ${words(control, mine)}.`;
    box.append(element("p", "", `${who} while you were editing.${yours}`));
    if (isLong) {
      const details = element("details");
      details.append(element("summary", "", "Their text"), element("pre", "", now));
      box.append(details);
    }
    const buttons = element("p", "buttons");
    buttons.append(
      button(isLong ? "Take theirs" : `Take ${words(control, now)}`, () => {
        const kept = valueOf(control);
        setValue(control, now);
        settle(form, control.name, base);
        box.replaceChildren(element("p", "", "Taken over."), button("Back to yours", () => {
          setValue(control, kept);
          box.remove();
        }));
      }),
      button(isLong ? "Keep yours" : `Keep ${words(control, valueOf(control))}`, () => {
        settle(form, control.name, base);
        box.remove();
        control.focus();
      }),
    );
    box.append(buttons);
  }

  function button(text, act) {
    const made = element("button", "small", text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  // ---- the life of a page

  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(hangUp, HIDDEN);
    else listen();
  });
  window.addEventListener("pagehide", hangUp);
  window.addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  const putRight = () => { if (postponed) fetchWithin(0, 300); };
  root.addEventListener("focusout", putRight);
  root.addEventListener("toggle", putRight, true);
  document.addEventListener("htmx:afterRequest", putRight);
  document.addEventListener("selectionchange", () => {
    if (document.getSelection().isCollapsed) putRight();
  });
  listen();
})();
