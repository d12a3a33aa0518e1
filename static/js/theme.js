// Loaded before the page is painted, so that a chosen scheme does not flash the other one first.
(function () {
  "use strict";
  try {
    var chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (error) {
    // Storage may be forbidden; the system's scheme is right then.
  }
})();
