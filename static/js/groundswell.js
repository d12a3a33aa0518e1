// What makes the pages quicker to use. Each page is complete without it.
(function () {
  "use strict";

  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // ---- colour scheme: the system's, light, dark

  const schemes = ["system", "light", "dark"];

  function showScheme(button) {
    const current = root.dataset.theme || "system";
    button.textContent = `Colours: ${current}`;
    button.hidden = false;
  }

  function nextScheme(button) {
    const current = root.dataset.theme || "system";
    const next = schemes[(schemes.indexOf(current) + 1) % schemes.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", next);
    } catch (error) {
      // Without storage the choice lasts for this page.
    }
    showScheme(button);
  }

  // ---- the current row of a list

  const rows = () => all("[data-row]");
  const currentRow = () => one("[data-row].is-current");

  function mark(row) {
    all("[data-row].is-current").forEach((other) => other.classList.remove("is-current"));
    row.classList.add("is-current");
  }

  function select(row) {
    mark(row);
    const link = one("[data-open]", row);
    if (link) link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function move(step) {
    const list = rows();
    if (!list.length) return false;
    const focused = document.activeElement && document.activeElement.closest("[data-row]");
    const at = list.indexOf(currentRow() || focused);
    const next = at < 0 ? (step > 0 ? 0 : list.length - 1) : at + step;
    if (list[next]) select(list[next]);
    return true;
  }

  function open() {
    const row = currentRow();
    const link = row && one("[data-open]", row);
    if (link) link.click();
    return Boolean(link);
  }

  function vote() {
    const place = currentRow() || one("[data-problem]");
    const button = place && one("[data-vote]", place);
    if (button) button.click();
    return Boolean(button);
  }

  function write() {
    const comment = one("[data-comment]");
    if (comment) {
      comment.scrollIntoView({ block: "center" });
      comment.focus();
      return true;
    }
    const report = one("[data-report]");
    if (report) report.click();
    return Boolean(report);
  }

  function search() {
    const box = one("#search");
    if (!box) return false;
    box.focus();
    box.select();
    return true;
  }

  function help() {
    const dialog = one("#keys");
    if (!dialog || !dialog.showModal) return false;
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return true;
  }

  const keys = {
    "?": help,
    "/": search,
    j: () => move(1),
    k: () => move(-1),
    o: open,
    c: write,
    v: vote,
  };

  const isTyping = (target) =>
    target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  function closeMenus(except) {
    all("details.menu[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }

  function onKey(event) {
    if (event.key === "Escape") closeMenus(null);
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const dialogOpen = one("dialog[open]");
    if (dialogOpen && event.key !== "?") return;
    // Enter on a focused control is the browser's; elsewhere it opens the current row.
    const onControl = event.target.closest("a, button, summary");
    const action = event.key === "Enter" ? !onControl && open : keys[event.key];
    if (action && action()) event.preventDefault();
  }

  // ---- a suggested answer is chosen at once; without scripts the server does it

  function take(button) {
    const field = one(button.dataset.take);
    const offered = field && [...field.options].some((option) => option.value === button.value);
    if (!offered) return false;
    field.value = button.value;
    field.focus();
    button.parentElement.remove();
    return true;
  }

  // ---- votes that htmx swaps in place

  function onSwapped(event) {
    const tally = event.target;
    if (tally && tally.matches && tally.matches(".tally")) tally.classList.add("just-voted");
  }

  function onFailed(event) {
    // A session that ended, a throttle, no network: the plain form knows what to say.
    const form = event.target.closest && event.target.closest("form.tally");
    if (!form) return;
    form.submit();
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const menu = event.target.closest("details.menu");
    closeMenus(menu);
    if (event.target.closest("[data-scheme]")) nextScheme(event.target.closest("[data-scheme]"));
    if (event.target.closest("[data-keys]")) help();
    const suggested = event.target.closest("[data-take]");
    if (suggested && take(suggested)) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    // Whoever walks by Tab takes the keys along.
    const row = event.target.closest("[data-row]");
    if (row && event.target.matches(":focus-visible")) mark(row);
  });
  document.addEventListener("change", (event) => {
    // Lists answer a changed filter at once; without scripts there is the button.
    if (event.target.closest("form[data-instant]")) event.target.form.requestSubmit();
  });
  document.addEventListener("htmx:afterSwap", onSwapped);
  document.addEventListener("htmx:responseError", onFailed);
  document.addEventListener("htmx:sendError", onFailed);

  all("[data-scheme]").forEach(showScheme);
  all("[data-keys]").forEach((button) => { button.hidden = false; });
})();
