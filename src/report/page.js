(function () {
  "use strict";
  function value(cell) {
    var text = cell.textContent.trim();
    if (text === "") return null;
    var number = Number(text);
    return isNaN(number) ? text : number;
  }
  function compare(a, b) {
    if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
    return typeof a === "number" ? -1 : 1;
  }
  function sort(table, column, heading) {
    var body = table.tBodies[0];
    var down = heading.getAttribute("aria-sort") === "ascending";
    var rows = Array.prototype.map.call(body.rows, function (row, i) {
      return { row: row, key: value(row.cells[column]), at: i };
    });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
      return (down ? -1 : 1) * compare(a.key, b.key) || a.at - b.at;
    });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) {
      cell.removeAttribute("aria-sort");
    });
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    var all = document.createDocumentFragment();
    rows.forEach(function (entry) { all.appendChild(entry.row); });
    body.appendChild(all);
  }
  Array.prototype.forEach.call(document.querySelectorAll("table.sortable"), function (table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, column) {
      var button = document.createElement("button");
      button.type = "button";
      while (heading.firstChild) button.appendChild(heading.firstChild);
      heading.appendChild(button);
      button.addEventListener("click", function () { sort(table, column, heading); });
    });
  });

  var form = document.getElementById("filter");
  var table = document.getElementById("fits-table");
  if (!form || !table) return;
  var columns = {};
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, column) {
    columns[heading.getAttribute("data-name")] = column;
  });
  var rows = Array.prototype.slice.call(table.tBodies[0].rows);
  var said = document.getElementById("filter-said");
  var selects = Array.prototype.slice.call(form.querySelectorAll("select"));
  selects.forEach(function (select) {
    var seen = {};
    rows.forEach(function (row) { seen[row.cells[columns[select.name]].textContent] = true; });
    Object.keys(seen).sort(function (a, b) {
      return a - b || (a < b ? -1 : a > b ? 1 : 0);
    }).forEach(function (text) {
      var option = document.createElement("option");
      option.value = text;
      option.textContent = text === "" ? "(none)" : text;
      select.appendChild(option);
    });
  });
  function filter() {
    var word = form.elements.word.value.trim().toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      var wanted = selects.every(function (select) {
        return select.selectedIndex === 0 ||
          row.cells[columns[select.name]].textContent === select.value;
      }) && (word === "" || row.textContent.toLowerCase().indexOf(word) >= 0);
      row.hidden = !wanted;
      shown += wanted;
    });
    said.textContent = shown + " of " + rows.length + " rows";
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = false;
  filter();
})();
