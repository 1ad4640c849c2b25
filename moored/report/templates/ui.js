(function () {
  "use strict";
  // A page of a study follows its run.
  var running = document.getElementById("running");
  function follow() {
    fetch(running.dataset.progress, { credentials: "omit" }).then(function (answer) {
      return answer.json();
    }).then(function (now) {
      if (now.error) { return; }
      if (running.dataset.was && !now.running) { window.location.reload(); return; }
      running.dataset.was = now.running;
      running.textContent = now.running || "No run is under way.";
      (now.sources || []).forEach(function (source) {
        document.querySelectorAll("#sources tr[data-source]").forEach(function (row) {
          if (row.dataset.source !== source.source) { return; }
          row.querySelectorAll("[data-count]").forEach(function (cell) {
            cell.textContent = source[cell.dataset.count];
          });
        });
      });
    }).catch(function () {
      running.textContent = "The server does not answer: start moored ui again.";
    });
  }
  if (running) { follow(); window.setInterval(follow, 2000); }
})();
