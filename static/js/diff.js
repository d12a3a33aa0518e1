// The diff of a patch: keys, comments under the lines they are about, threads that change in place.
// All of it is on the page without this, as links and forms; docs/patches.md has the keys.
(function () {
  "use strict";

  const root = document.querySelector("[data-diff]");
  if (!root) return;

  const one = (selector, within = root) => within.querySelector(selector);
  const all = (selector, within = root) => [...within.querySelectorAll(selector)];
  const template = one("#line-form");

  // ---- what is said to eyes and ears

  const voice = document.createElement("p");
  voice.className = "diff-note";
  voice.setAttribute("role", "status");
  voice.hidden = true;
  document.body.append(voice);

  function tell(words) {
    voice.textContent = words;
    voice.hidden = false;
  }

  // ---- lines: each number's cell has an id such as "f12n34": file, side, number

  function lineOf(cell) {
    const found = cell && cell.id.match(/^(\w+?)([on])(\d+)$/);
    const table = found && cell.closest("[data-place]");
    if (!table) return null;
    return { cell, table, file: found[1], side: found[2], number: Number(found[3]), row: cell.parentElement };
  }

  // The cell whose line a row stands for: as it will be, else as it was.
  function cellOf(row) {
    const cells = all("td.n[id]", row).filter((cell) => one("a", cell));
    return cells.find((cell) => lineOf(cell).side === "n") || cells[0];
  }

  const cellAt = (line, number) => document.getElementById(`${line.file}${line.side}${number}`);

  // The lines that were chosen: where it began and where it ends, on one side of one file.
  let chosen = null;

  function range() {
    const [start, end] = [chosen.from.number, chosen.to.number].sort((a, b) => a - b);
    return { start, end };
  }

  function show() {
    all("tr.is-chosen").forEach((row) => row.classList.remove("is-chosen", "side-o", "side-n"));
    all("tr.is-line").forEach((row) => row.classList.remove("is-line"));
    if (!chosen) return;
    const { start, end } = range();
    for (let number = start; number <= end; number += 1) {
      const cell = cellAt(chosen.to, number);
      if (cell) cell.parentElement.classList.add("is-chosen", `side-${chosen.to.side}`);
    }
    chosen.to.row.classList.add("is-line");
  }

  function choose(line, extend) {
    const same = chosen && chosen.from.file === line.file && chosen.from.side === line.side;
    chosen = extend && same ? { from: chosen.from, to: line } : { from: line, to: line };
    show();
  }

  // The code beside a number.
  function codeOf(cell) {
    let code = cell.nextElementSibling;
    while (code && !code.classList.contains("c")) code = code.nextElementSibling;
    return code;
  }

  // What is heard of a line that the keyboard comes to: a number alone would say nothing.
  function nameOf(line) {
    const code = codeOf(line.cell);
    const is = (kind) => line.row.classList.contains(kind) || line.cell.classList.contains(kind);
    const state = is("a") ? ", added" : is("d") ? ", removed" : "";
    return `${line.number}${state}: ${code ? code.textContent.trim() || "blank" : ""}`;
  }

  function focusLine(line, extend) {
    choose(line, extend);
    const link = one("a", line.cell);
    if (link) {
      link.setAttribute("aria-label", nameOf(line));
      link.focus({ preventScroll: true });
    }
    line.row.scrollIntoView({ block: "nearest" });
  }

  // The row after or before one; long files are several tables.
  function besideRow(row, step) {
    const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    const part = row.closest(".diff-part");
    const other = !next && part && (step > 0 ? part.nextElementSibling : part.previousElementSibling);
    const rows = other ? all("tr", other) : [];
    return next || (step > 0 ? rows[0] : rows[rows.length - 1]);
  }

  function stepLine(step, extend) {
    const focused = lineOf(document.activeElement && document.activeElement.closest("td.n"));
    // Lines of before that did not change have no link to focus: one goes on from what is chosen.
    const goesOn = extend && chosen && (!focused || (focused.file === chosen.to.file && focused.side === chosen.to.side));
    const from = goesOn || !focused ? chosen && chosen.to : focused;
    if (!from) return false;
    let row = from.row;
    for (;;) {
      row = besideRow(row, step);
      if (!row) return true;
      const beside = all("td.n[id]", row).find((each) => lineOf(each).side === from.side);
      const cell = beside && (extend || one("a", beside)) ? beside : !extend && cellOf(row);
      if (cell) {
        focusLine(lineOf(cell), extend);
        return true;
      }
    }
  }

  // In two columns: the line as it was, or as it will be.
  function otherSide(side) {
    const focused = lineOf(document.activeElement && document.activeElement.closest("td.n"));
    const cells = focused ? all("td.n[id]", focused.row) : [];
    const cell = cells.find((each) => lineOf(each).side === side && one("a", each));
    if (cell) focusLine(lineOf(cell), false);
    return Boolean(cell);
  }

  // ---- the form under a line

  const opened = () => one("[data-line-form]");

  function closeForm() {
    const form = opened();
    if (!form) return;
    const row = form.closest("tr");
    form.remove();
    if (row && !row.querySelector("[data-talk]")) row.remove();
    chosen = null;
    show();
  }

  // The row of threads under a line; made where there is none.
  function talkRow(row) {
    const next = row.nextElementSibling;
    if (next && next.classList.contains("talk-row")) return next;
    const made = document.createElement("tr");
    made.className = "talk-row";
    const cell = document.createElement("td");
    cell.colSpan = [...row.cells].reduce((sum, each) => sum + each.colSpan, 0);
    made.append(cell);
    row.after(made);
    return made;
  }

  // The line as it is in the file: without notes, and with what is shown by its number.
  function plainText(code) {
    const copy = code.cloneNode(true);
    all(".no-end, .whole", copy).forEach((note) => note.remove());
    all(".odd", copy).forEach((odd) => {
      const number = odd.textContent.match(/^U\+([0-9A-F]+)$/);
      if (number) odd.replaceWith(String.fromCodePoint(parseInt(number[1], 16)));
      else if (odd.textContent === "CR") odd.remove();
    });
    return copy.textContent;
  }

  function textOf(form) {
    const { start, end } = form.lines;
    const lines = [];
    for (let number = start; number <= end; number += 1) {
      const cell = document.getElementById(`${form.line.file}${form.line.side}${number}`);
      if (!cell) continue;
      const code = codeOf(cell);
      lines.push(code ? plainText(code) : "");
    }
    return lines.join("\n");
  }

  function openForm() {
    if (!template || !chosen) return false;
    const written = opened() ? one("textarea", opened()).value : "";
    const wasChosen = chosen;
    closeForm();
    chosen = wasChosen;
    const { start, end } = range();
    const last = lineOf(cellAt(chosen.to, end)) || chosen.to;
    const form = template.content.firstElementChild.cloneNode(true);
    form.line = chosen.to;
    form.lines = { start, end };
    const side = chosen.to.side === "o" ? "old" : "new";
    form.elements.place.value = `${chosen.to.table.dataset.place}:${side}:${start}-${end}`;
    form.elements.start.value = start;
    form.elements.end.value = end;
    form.elements.text.value = written;
    const lines = start === end ? `line ${start}` : `lines ${start} to ${end}`;
    one("[data-lines]", form).textContent = `Comment on ${lines}${side === "old" ? " of before" : ""}`;
    if (chosen.to.side === "o" || chosen.to.table.classList.contains("commit-words")) one("[data-suggest]", form).remove();
    talkRow(last.row).firstElementChild.append(form);
    show();
    form.elements.text.focus();
    return true;
  }

  function suggest(form) {
    const box = form.elements.text;
    const lines = textOf(form);
    const mark = "`".repeat(Math.max(3, ...(lines.match(/`+/g) || []).map((run) => run.length + 1)));
    const before = box.value && !box.value.endsWith("\n") ? `${box.value}\n` : box.value;
    box.value = `${before}${mark}suggestion\n${lines}\n${mark}\n`;
    box.focus();
    const at = before.length + mark.length + "suggestion\n".length;
    box.setSelectionRange(at, at + lines.length);
  }

  // ---- forms that are sent in the background; one that cannot be is sent as the plain form it is

  function problem(form, words) {
    let place = one(".form-problem", form);
    if (!place) {
      place = document.createElement("p");
      place.className = "form-problem";
      place.setAttribute("role", "alert");
      form.append(place);
    }
    place.textContent = words;
  }

  async function send(form) {
    if (form.isSent) return;
    form.isSent = true;
    let response = null;
    try {
      response = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
    } catch (error) {
      form.submit();
      return;
    }
    form.isSent = false;
    if (response.headers.get("HX-Redirect")) {
      window.location = response.headers.get("HX-Redirect");
    } else if ((response.status === 400 || response.status === 409) && (response.headers.get("Content-Type") || "").startsWith("text/plain")) {
      problem(form, await response.text());
    } else if (response.ok) {
      put(form, await response.text());
    } else {
      form.submit();
    }
  }

  function put(form, html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const bar = made.content.querySelector("#draft-bar");
    const talk = made.content.querySelector("[id^=thread-]");
    const old = document.getElementById(talk.id);
    if (bar) document.getElementById("draft-bar").replaceWith(bar);
    if (talk.hasAttribute("data-removed")) {
      const row = old && old.closest("tr.talk-row");
      if (old) old.remove();
      if (row && !row.querySelector("[data-talk], form")) row.remove();
      return;
    }
    if (old) {
      old.replaceWith(talk);
    } else {
      form.closest("td").append(talk);
      closeForm();
    }
    talk.focus({ preventScroll: true });
  }

  // ---- where one is: files and threads

  const files = () => all("[data-file]");
  const talks = () => all("[data-talk]");
  let at = null;

  function mark(element) {
    all(".is-current").forEach((each) => each.classList.remove("is-current"));
    element.classList.add("is-current");
    at = element;
  }

  // Where reading goes on: from what was jumped to, as long as it is in sight, else from the top.
  function position(list) {
    const index = list.indexOf(at);
    if (index >= 0 && at.getBoundingClientRect().bottom > 0 && at.getBoundingClientRect().top < window.innerHeight) return index;
    const above = list.filter((each) => each.getBoundingClientRect().top < 8);
    return above.length - 1;
  }

  function fileHere() {
    const inside = (document.activeElement && document.activeElement.closest("[data-file]")) || (at && at.closest("[data-file]"));
    return inside || files()[Math.max(position(files()), 0)];
  }

  function follow(rel) {
    const link = one(`a[rel=${rel}]`);
    if (link) link.click();
    return Boolean(link);
  }

  function stepFile(step) {
    const list = files();
    const next = list[position(list) + step];
    if (next) {
      mark(next);
      next.scrollIntoView({ block: "start" });
      one("summary", next).focus({ preventScroll: true });
    } else if (!follow(step > 0 ? "next" : "prev")) tell(step > 0 ? "This is the last file." : "This is the first file.");
    return true;
  }

  function stepTalk(step) {
    const list = talks();
    if (!list.length) {
      tell("Nobody has commented on these lines.");
      return true;
    }
    const inside = document.activeElement && document.activeElement.closest("[data-talk]");
    const index = list.indexOf(inside || at);
    const above = list.filter((each) => each.getBoundingClientRect().top < 8).length;
    const from = index >= 0 ? index + step : step > 0 ? above : above - 1;
    const next = list[from];
    if (!next) {
      tell(step > 0 ? "This is the last thread." : "This is the first thread.");
      return true;
    }
    const file = next.closest("details.diff-file");
    if (file) file.open = true;
    mark(next);
    next.scrollIntoView({ block: "center" });
    next.focus({ preventScroll: true });
    return true;
  }

  function comment() {
    const talk = document.activeElement && document.activeElement.closest("[data-talk]");
    const answer = talk && one(".talk-answer", talk);
    if (answer) {
      one("details", talk).open = true;
      answer.open = true;
      one("textarea", answer).focus();
      return true;
    }
    if (!chosen) {
      // The first line of the file one is at, so that the keyboard gets to every line.
      const file = fileHere();
      const row = file && all("tr", file).find((each) => cellOf(each));
      if (row && template) {
        focusLine(lineOf(cellOf(row)), false);
        tell("Go to a line with ↑ and ↓, then press c.");
      }
      return true;
    }
    return openForm() || true;
  }

  function fold() {
    const file = fileHere();
    if (!file) return true;
    file.open = !file.open;
    // What was in focus may be out of sight now.
    one("summary", file).focus({ preventScroll: true });
    file.scrollIntoView({ block: "nearest" });
    return true;
  }

  function otherView() {
    const link = one(".diff-looks a[href*='view=']:not([aria-current])");
    if (link) link.click();
    return true;
  }

  function help() {
    const dialog = one("#diff-keys");
    if (dialog.open) dialog.close();
    else dialog.showModal();
    return true;
  }

  const keys = {
    j: () => stepFile(1),
    k: () => stepFile(-1),
    n: () => stepTalk(1),
    p: () => stepTalk(-1),
    c: comment,
    f: fold,
    u: otherView,
    "?": help,
  };

  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

  function onTyping(event) {
    const form = event.target.form;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form && root.contains(form)) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Escape" && form) {
      if (form.matches("[data-line-form]") && !form.elements.text.value) {
        const line = form.line;
        closeForm();
        focusLine(line, false);
      } else event.target.blur();
      event.preventDefault();
    }
  }

  function onKey(event) {
    if (isTyping(event.target) && event.target.type !== "checkbox") {
      onTyping(event);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const dialog = document.querySelector("dialog[open]");
    if (dialog && (event.key !== "?" || dialog.id !== "diff-keys")) return;
    voice.hidden = true;
    let action = keys[event.key];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const onLine = document.activeElement && document.activeElement.closest("td.n");
      if (onLine) action = () => stepLine(event.key === "ArrowDown" ? 1 : -1, event.shiftKey);
    }
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") action = () => otherSide(event.key === "ArrowLeft" ? "o" : "n");
    if (event.key === "Escape" && chosen) action = () => { closeForm(); chosen = null; show(); return true; };
    if (action && action()) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  // ---- pointer: a click on a number, Shift and a click for more lines, or a pull over numbers

  let pull = null;

  function numberAt(target) {
    const cell = target.closest && target.closest("td.n[id]");
    return template && cell && one("a", cell) ? lineOf(cell) : null;
  }

  root.addEventListener("mousedown", (event) => {
    const line = event.button === 0 && numberAt(event.target);
    if (!line || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    pull = { from: line, moved: false };
    if (!event.shiftKey) choose(line, false);
  });

  root.addEventListener("mouseover", (event) => {
    const cell = pull && event.target.closest && event.target.closest("td.n[id]");
    const line = lineOf(cell);
    if (!line || line.file !== pull.from.file || line.side !== pull.from.side) return;
    if (line.number !== pull.from.number) pull.moved = true;
    if (pull.moved) {
      chosen = { from: pull.from, to: line };
      show();
    }
  });

  document.addEventListener("mouseup", () => {
    const moved = pull && pull.moved;
    pull = null;
    if (moved) openForm();
  });

  root.addEventListener("click", (event) => {
    const line = numberAt(event.target);
    if (line && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      choose(line, event.shiftKey);
      openForm();
      return;
    }
    const cancel = event.target.closest("[data-cancel]");
    if (cancel) {
      const edited = cancel.closest(".talk-edit");
      if (edited) edited.hidden = true;
      else closeForm();
      return;
    }
    const edit = event.target.closest("[data-edit]");
    if (edit) {
      event.preventDefault();
      const form = one(".talk-edit", edit.parentElement);
      form.hidden = false;
      one("textarea", form).focus();
      return;
    }
    const suggested = event.target.closest("[data-suggest]");
    if (suggested) suggest(suggested.form);
  });

  root.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-line-form], [data-talk-form]")) return;
    event.preventDefault();
    send(event.target);
  });

  root.addEventListener("focusin", (event) => {
    const line = numberAt(event.target);
    if (!line || opened() || pull || (chosen && chosen.to.cell === line.cell)) return;
    if (event.target.matches(":focus-visible")) choose(line, false);
  });

  // Before the keys of all pages.
  document.addEventListener("keydown", onKey, true);

  // ---- small screens begin with the files, not with their list

  const tree = one("[data-tree]");
  if (tree && window.matchMedia("(max-width: 62rem)").matches) tree.open = false;

  // Of a diff of many pages the list begins with the files of this one.
  const here = tree && one(".is-here", tree);
  if (here) tree.parentElement.scrollTop = here.offsetTop - 2 * here.offsetHeight;
})();
