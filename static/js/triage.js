// The keys of the triage desk. Every key presses a button or follows a link that is on the page,
// so that the desk is complete without this; htmx swaps what follows in place.
(function () {
  "use strict";

  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const desk = () => one("[data-desk]");

  // What was chosen for a change of many, also on other pages of the queue.
  const chosen = new Set();
  let isBusy = false;
  let openMenu = "";
  let lastSaid = "";

  // Lives outside of what is swapped, so that screen readers hear what changes in it.
  const voice = document.createElement("div");
  voice.className = "visually-hidden";
  voice.setAttribute("role", "status");
  voice.setAttribute("aria-live", "polite");
  document.body.append(voice);

  // For eyes: why a key did nothing. It stays until the next key.
  const note = document.createElement("p");
  note.className = "desk-note";
  note.setAttribute("aria-hidden", "true");
  note.hidden = true;
  document.body.append(note);

  const say = (words) => { voice.textContent = words; };
  function tell(words) {
    say(words);
    note.textContent = words;
    note.hidden = false;
  }
  const words = (element) => (element ? element.textContent.replace(/\s+/g, " ").trim() : "");

  function press(selector) {
    const control = one(selector, desk());
    if (control) control.click();
    return Boolean(control);
  }

  // ---- where one is in the queue

  const items = () => all("[data-item]", desk());
  const linkOf = (item) => one("a[href]", item);
  const current = () => {
    const link = one("[data-queue] a[aria-current]", desk());
    return link && link.closest("[data-item]");
  };

  function step(by) {
    const list = items();
    const at = list.indexOf(current());
    const next = at < 0 ? list[0] : list[at + by];
    if (next) linkOf(next).click();
    else if (!press(by > 0 ? "a[rel=next]" : "a[rel=prev]")) tell(by > 0 ? "This is the last one." : "This is the first one.");
    return true;
  }

  // ---- choosing for a change of many

  function showChosen() {
    all("[data-item]", desk()).forEach((item) => {
      one("input[type=checkbox]", item).checked = chosen.has(item.dataset.item);
    });
    const note = one("[data-chosen]", desk());
    if (note) note.textContent = chosen.size ? `${chosen.size} chosen` : "";
  }

  function choose(item) {
    if (!item) return true;
    const number = item.dataset.item;
    if (chosen.has(number)) chosen.delete(number);
    else chosen.add(number);
    showChosen();
    say(`#${number} ${chosen.has(number) ? "chosen" : "no longer chosen"}, ${chosen.size} in all.`);
    return true;
  }

  function changeChosen() {
    const form = one("[data-bulk]", desk());
    if (!form || !chosen.size) {
      tell("Choose some first, with b.");
      return true;
    }
    form.requestSubmit();
    return true;
  }

  function addChosenElsewhere(form) {
    all("input[data-elsewhere]", form).forEach((input) => input.remove());
    const here = new Set(items().map((item) => item.dataset.item));
    chosen.forEach((number) => {
      if (here.has(number)) return;
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "numbers", value: number });
      input.dataset.elsewhere = "";
      form.append(input);
    });
  }

  // ---- menus: a key opens one, a digit picks in it

  const menu = (name) => one(`[data-menu="${name}"]`, desk());

  function close() {
    all("details[data-menu][open]", desk()).forEach((each) => { each.open = false; });
    all(".is-armed", desk()).forEach((each) => each.classList.remove("is-armed"));
    openMenu = "";
  }

  function open(name) {
    const found = menu(name);
    if (!found) return false;
    close();
    openMenu = name;
    if (found.tagName === "DETAILS") found.open = true;
    found.classList.add("is-armed");
    const first = one("[data-first]", found);
    if (first) first.focus();
    if (first && first.select && first.tagName === "INPUT") first.select();
    return true;
  }

  function pick(digit) {
    const found = openMenu && menu(openMenu);
    const control = found && one(`[data-pick="${digit}"]`, found);
    if (control) control.click();
    return Boolean(control);
  }

  function typeNumber() {
    const box = one("[data-number]", desk());
    if (!box || openMenu !== "d") return false;
    box.focus();
    return true;
  }

  function peek() {
    const links = all("[data-peek]", desk());
    const at = links.findIndex((link) => link.hasAttribute("aria-current"));
    if (links.length) links[(at + 1) % links.length].click();
    else tell("Nothing like it was found.");
    return true;
  }

  function help() {
    const dialog = one("#desk-keys");
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return true;
  }

  function escape() {
    const wasOpen = openMenu;
    close();
    if (wasOpen) focusTitle();
    else if (one("[data-unpeek]", desk())) press("[data-unpeek]");
    return true;
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    o: () => press('[data-key="o"]'),
    a: () => press('[data-key="a"]') || refuse("It is accepted already."),
    m: () => press('[data-key="m"]') || refuse("It is assigned to you already."),
    u: () => press('[data-key="u"]') || refuse("There is nothing to undo."),
    f: () => open("f") || refuse("It is closed."),
    x: () => open("x") || refuse("It is closed."),
    c: () => open("c"),
    s: () => open("s"),
    d: () => open("d") || refuse("It is closed."),
    "#": typeNumber,
    p: peek,
    b: () => choose(current()),
    B: changeChosen,
    "?": help,
    Escape: escape,
  };

  function refuse(reason) {
    tell(reason);
    return true;
  }

  const isText = (target) =>
    target.isContentEditable ||
    (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox");

  function onText(event) {
    const target = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && target.form && desk().contains(target)) {
      target.form.requestSubmit();
      event.preventDefault();
    }
    if (event.key === "Escape" && openMenu) {
      event.preventDefault();
      escape();
    }
  }

  function onKey(event) {
    if (!desk() || event.defaultPrevented) return;
    note.hidden = true;
    if (isText(event.target)) { onText(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = one("dialog[open]");
    if (dialog) {
      if (event.key === "?" && dialog.id === "desk-keys") { help(); event.preventDefault(); }
      return;
    }
    const inQueue = event.target.closest && event.target.closest("[data-item]");
    // Space is the browser's, except on a line of the queue.
    if (event.key === " " && inQueue && event.target.tagName === "A") {
      choose(inQueue);
      event.preventDefault();
      return;
    }
    if (/^[1-9]$/.test(event.key) && openMenu) {
      if (!isBusy) pick(event.key);
      event.preventDefault();
      return;
    }
    const action = Object.hasOwn(keys, event.key) && keys[event.key];
    if (!action) return;
    // A key that is held, or comes while the next problem is fetched, was meant for another one.
    const isMeant = !isBusy && (!event.repeat || /^[jk]$/.test(event.key));
    if (!isMeant || action()) event.preventDefault();
  }

  // ---- after a swap: focus, words for those who listen

  function focusTitle() {
    const title = one("#detail-title", desk()) || one("h1", desk());
    if (!title) return;
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }

  function announce() {
    const done = words(one("[data-last] [data-announce]"));
    const parts = all(".messages .notice, .detail [data-announce]").map(words);
    // What was done last stays on the page, and is said once.
    if (done !== lastSaid) parts.unshift(done);
    lastSaid = done;
    say([...parts, words(one("#detail-title", desk()))].filter(Boolean).join(" "));
  }

  function arrive() {
    note.hidden = true;
    if (!desk()) return;
    document.documentElement.classList.add("has-keys");
    all("[data-desk-help]", desk()).forEach((button) => { button.hidden = false; });
    openMenu = "";
    showChosen();
    const item = current();
    if (item) item.scrollIntoView({ block: "nearest" });
    const typed = one("details[data-menu][open]", desk());
    const peeked = one("[data-peeked]", desk());
    const number = one("[data-number]", desk());
    if (typed) open(typed.dataset.menu);
    // A number that was refused is there to be put right.
    else if (number && number.defaultValue) number.select();
    else if (peeked) peeked.focus({ preventScroll: true });
    // Arrows choose in a closed list: who walks through one is not to be taken away from it.
    else if (!one(".desk-filter :focus", desk())) focusTitle();
  }

  document.addEventListener("keydown", onKey, true);
  document.addEventListener("click", (event) => {
    if (!desk()) return;
    if (event.target.closest("[data-desk-help], [data-keys]")) {
      event.stopPropagation();
      help();
    }
  }, true);
  document.addEventListener("change", (event) => {
    const item = event.target.closest && event.target.closest("[data-item]");
    if (!item) return;
    if (event.target.checked) chosen.add(item.dataset.item);
    else chosen.delete(item.dataset.item);
    showChosen();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("[data-bulk]")) addChosenElsewhere(event.target);
  }, true);
  document.addEventListener("toggle", (event) => {
    // A menu that was opened by hand takes the digits, too.
    const found = event.target;
    if (!found.matches || !found.matches("details[data-menu]")) return;
    if (found.open) openMenu = found.dataset.menu;
    else if (openMenu === found.dataset.menu) openMenu = "";
  }, true);

  const ofDesk = (event) => desk() && event.target.closest && (event.target.closest("[data-desk]") || event.target.id === "content" || event.target === document.body);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!ofDesk(event)) return;
    isBusy = true;
    desk().setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A refusal is a page as well, with what was typed still in it.
    const status = event.detail.xhr.status;
    if (status === 409 || status === 400) event.detail.shouldSwap = true;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    isBusy = false;
    const { status } = event.detail.xhr;
    // Without an answer htmx says neither that it succeeded nor that it failed.
    const failed = status === 0 || (event.detail.failed && ![400, 409].includes(status));
    if (!failed || !desk()) return;
    desk().removeAttribute("aria-busy");
    tell("That did not work: the server could not be reached. Try again.");
    // Without htmx it leads to a page that says what happened: a session that ended, a limit.
    if (status && event.target.matches("form[action]")) event.target.submit();
    else if (status && event.target.matches("a[href]")) window.location.assign(event.target.href);
  });
  // Links and forms are htmx's from here on; it settles at once, so that no key comes before.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "content" || !desk()) return;
    isBusy = false;
    arrive();
    announce();
  });

  // Who comes back to the page finds the boxes ticked by the browser.
  window.addEventListener("pageshow", () => {
    if (!desk()) return;
    all("[data-item] input:checked", desk()).forEach((box) => chosen.add(box.value));
    showChosen();
  });

  lastSaid = words(one("[data-last] [data-announce]"));
  arrive();
})();
