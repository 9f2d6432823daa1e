"use strict";
const $ = (id) => document.getElementById(id);
const CARRIED = JSON.parse($("carried").textContent);
const NARROW = window.matchMedia("(max-width: 800px)");
const WORST = 20;
const ANY = "-1";

async function ask(path) {
  const answer = await fetch(path);
  return answer.ok ? answer : null;
}
/** What a path has: bytes, or content of JSON; null where there is nothing. */
async function bytes(path) {
  if (!CARRIED) return new Uint8Array(await (await ask(path))?.arrayBuffer());
  return path in CARRIED ? Uint8Array.from(atob(CARRIED[path]), (letter) => letter.charCodeAt(0)) : null;
}
async function json(path) {
  if (!CARRIED) return (await ask(path))?.json();
  return path in CARRIED ? JSON.parse(CARRIED[path]) : null;
}

let info, truth; // what is known of the clips; task → columns of its labels
const runs = new Map(); // run → task → {outputs: columns, error: column}
let order = []; // rows shown, from first to last
let selected = -1; // index into order
let view = "all";
let sorting = { key: "clip", down: false };
let columns = {}; // what the list shows: key → {title, values, text}
let sound = null; // address of the selected clip's sound

const taskOf = (name) => info.tasks.find((task) => task.name === name);
const manyColumns = (task) => task.kind === "regression" && task.outputs.length > 1;
const shown = (value, places = 2) =>
  value === null || Number.isNaN(value) ? "–" : value.toFixed(places).replace(/^-(0\.0*)$/, "$1"); // no −0.00

/** Cut columns of float32, as they come, into those of each task. */
function cut(content, tasks, width) {
  const number = info.clips.length, found = {};
  let start = content.byteOffset;
  for (const task of tasks) {
    found[task.name] = Array.from({ length: width(task) }, () => {
      const column = new Float32Array(content.buffer, start, number);
      start += 4 * number;
      return column;
    });
  }
  return found;
}

async function predictionsOf(run) {
  if (!runs.has(run)) {
    const tasks = info.runs[run].map(taskOf);
    const cutUp = cut(await bytes(`run/${run}`), tasks, (task) => task.outputs.length + 1);
    const parts = tasks.map(({ name }) => [name, { outputs: cutUp[name].slice(0, -1), error: cutUp[name].at(-1) }]);
    runs.set(run, Object.fromEntries(parts));
  }
  return runs.get(run);
}

/** Which of several columns is the largest, row by row; NaN where there is none. */
function strongest(several) {
  return Float32Array.from(several[0], (first, row) => {
    let best = 0;
    for (let column = 1; column < several.length; column++)
      if (several[column][row] > several[best][row]) best = column;
    return Number.isNaN(first) ? NaN : best;
  });
}

const meanOver = (several, one) =>
  Float32Array.from(several[0], (_, row) =>
    several.reduce((sum, column, index) => sum + Math.abs(column[row] - one[index][row]), 0) / several.length);

/** A task's labels or outputs as one column, and how a value of it reads. */
function summaryOf(task, several, isTruth) {
  const column = Number($("output").value);
  if (task.kind === "regression" && (!manyColumns(task) || column >= 0)) {
    const values = several[Math.max(0, column)];
    return { values, text: (row) => shown(values[row], manyColumns(task) ? 2 : 1), number: true };
  }
  const values = isTruth && task.kind === "classification" ? several[0] : strongest(several);
  return { values, text: (row) => task.outputs[values[row]] ?? "–" };
}

/** The columns of the list for the chosen runs and task. */
async function prepare() {
  const task = taskOf($("task").value), other = $("other").value;
  const mine = (await predictionsOf($("run").value))[task.name];
  const theirs = other ? (await predictionsOf(other))[task.name] : null;
  const column = manyColumns(task) ? Number($("output").value) : -1;
  const pick = (several) => (column >= 0 ? [several[column]] : several);
  const coded = (title, { names, codes }) => ({ title, values: codes, text: (row) => names[codes[row]] ?? "–" });
  const error = column >= 0 ? meanOver(pick(mine.outputs), pick(truth[task.name])) : mine.error;
  columns = {
    clip: { title: "Clip", values: info.clips.map((_, row) => row), text: (row) => info.clips[row] },
    speaker: { ...coded("Speaker", info.speaker), wide: true },
    group: { ...(info.group ? coded(info.group.title, info.group) : coded("", { names: [], codes: [] })), wide: true },
    truth: { title: "Label", ...summaryOf(task, truth[task.name], true) },
    predicted: { title: $("run").value, ...summaryOf(task, mine.outputs, false) },
    error: { title: "Error", values: error, text: (row) => shown(error[row]), number: true },
    other: { title: other, ...(theirs ? summaryOf(task, theirs.outputs, false) : coded("", { names: [], codes: [] })), wide: true },
    difference: { title: "Differ", values: [], text: () => "", number: true, wide: true },
    seconds: { title: "s", values: info.seconds, text: (row) => shown(info.seconds[row]), number: true, wide: true },
  };
  if (theirs) {
    const values = meanOver(pick(mine.outputs), pick(theirs.outputs));
    const scale = task.kind === "classification" ? task.outputs.length / 2 : 1; // total variation distance
    const difference = values.map((value) => value * scale);
    Object.assign(columns.difference, { values: difference, text: (row) => shown(difference[row]) });
  }
  // What "each class" and the filters mean: classes, or the strongest of several columns; else the group.
  const classed = task.kind === "classification" || manyColumns(task);
  const codes = (several, isTruth) => isTruth && task.kind === "classification" ? several[0] : strongest(several);
  columns.truth.codes = classed ? codes(truth[task.name], true) : info.group ? info.group.codes : new Array(info.clips.length).fill(0);
  columns.predicted.codes = classed ? codes(mine.outputs, false) : null;
  $("error-means").textContent = `Error: ${task.error}${column >= 0 ? `, of ${task.outputs[column]}` : ""}. Predictions are means over the seeds.`;
}

/** Rows that pass the filters, in order. */
function list() {
  const value = (id) => Number($(id).value), text = $("text").value.trim().toLowerCase();
  const speakers = info.speaker.names.map((name) => name.toLowerCase().includes(text));
  const passes = (row) =>
    (value("split") < 0 || info.split.codes[row] === value("split")) &&
    (value("truth") < 0 || columns.truth.codes[row] === value("truth")) &&
    (value("predicted") < 0 || columns.predicted.codes[row] === value("predicted")) &&
    (!info.group || value("group") < 0 || info.group.codes[row] === value("group")) &&
    (!text || info.clips[row].toLowerCase().includes(text) || speakers[info.speaker.codes[row]]);
  order = columns.clip.values.filter(passes);
  const { values } = columns[sorting.key] ?? columns.clip, sign = sorting.down ? -1 : 1;
  const last = (x) => x === undefined || Number.isNaN(x); // what is not known stands last
  const compare = (a, b) => last(values[a]) - last(values[b]) || sign * (values[a] - values[b]) || a - b;
  if (view === "worst") {
    const { codes } = columns.truth, error = columns.error.values, taken = new Map();
    order.sort((a, b) => codes[a] - codes[b] || error[b] - error[a] || a - b);
    order = order.filter((row) => {
      if (Number.isNaN(error[row])) return false;
      taken.set(codes[row], (taken.get(codes[row]) ?? 0) + 1);
      return taken.get(codes[row]) <= WORST;
    });
    if (sorting.key !== "class") order.sort(compare);
  } else {
    order.sort(compare);
  }
  const errors = order.map((row) => columns.error.values[row]).filter((error) => !Number.isNaN(error));
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  $("count").textContent = `${order.length} of ${info.clips.length} clips, mean error ${shown(mean)}`;
}

const rowHeight = () => (NARROW.matches ? 36 : 28);

function drawHead() {
  $("head").replaceChildren(...Object.entries(columns).map(([key, column]) => {
    const button = document.createElement("button");
    const arrow = sorting.key === key ? (sorting.down ? " ↓" : " ↑") : "";
    button.textContent = column.title + arrow;
    button.title = `sort by ${column.title}`;
    button.id = `sort-${key}`;
    button.type = "button";
    button.className = [column.wide && "wide", column.number && "number"].filter(Boolean).join(" ");
    button.onclick = () => {
      sorting = { key, down: sorting.key === key ? !sorting.down : Boolean(column.number) };
      show();
    };
    return button;
  }));
}

function drawRows() {
  const height = rowHeight(), scroll = $("scroll");
  $("rows").style.height = `${order.length * height}px`;
  scroll.setAttribute("aria-rowcount", order.length);
  const first = Math.max(0, Math.floor(scroll.scrollTop / height) - 5);
  const end = Math.min(order.length, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + 5);
  const drawn = [];
  for (let index = first; index < end; index++) {
    const row = document.createElement("div");
    row.className = "row";
    row.id = `row-${index}`;
    row.setAttribute("role", "row");
    row.setAttribute("aria-rowindex", index + 1);
    row.setAttribute("aria-selected", index === selected);
    row.style.top = `${index * height}px`;
    row.onclick = () => select(index);
    for (const [key, column] of Object.entries(columns)) {
      const cell = document.createElement("span");
      cell.setAttribute("role", "gridcell");
      cell.textContent = column.text(order[index]);
      cell.title = cell.textContent;
      cell.className = [key, column.wide && "wide", column.number && "number"].filter(Boolean).join(" ");
      const { truth: label, predicted } = columns;
      if (key === "predicted" && !column.number && label.values[order[index]] !== predicted.values[order[index]])
        cell.classList.add("wrong");
      row.append(cell);
    }
    drawn.push(row);
  }
  $("rows").replaceChildren(...drawn);
  scroll.setAttribute("aria-activedescendant", selected >= 0 ? `row-${selected}` : "");
}

/** Filter, sort and draw; the selected clip stays selected where it is still in the list. */
function show() {
  const row = order[selected];
  list();
  selected = order.indexOf(row);
  for (const id of ["all", "worst", "disagree"]) $(id).setAttribute("aria-pressed", view === id);
  drawHead();
  $("scroll").scrollTop = Math.max(0, selected) * rowHeight();
  drawRows();
}

async function select(index) {
  if (!order.length) return;
  selected = Math.max(0, Math.min(order.length - 1, index));
  const scroll = $("scroll"), top = selected * rowHeight();
  if (top < scroll.scrollTop) scroll.scrollTop = top;
  const below = top + rowHeight() - scroll.clientHeight;
  if (below > scroll.scrollTop) scroll.scrollTop = below;
  drawRows();
  await open(order[selected]);
}

async function open(row) {
  const audio = $("audio");
  audio.pause();
  $("clip").hidden = false;
  $("clip-title").textContent = `Clip ${info.clips[row]}`;
  const facts = [`speaker ${columns.speaker.text(row)}`, `${shown(info.seconds[row])} s`, info.split.names[info.split.codes[row]]];
  if (info.group) facts.splice(1, 0, columns.group.text(row));
  $("clip-facts").textContent = facts.join(", ");
  const [details, flac] = await Promise.all([json(`clip/${row}`), bytes(`sound/${row}`)]);
  if (order[selected] !== row) return; // another was chosen meanwhile
  $("problem").textContent = details ? "" : "The sound of this clip is not in data/audio.";
  $("picture").hidden = audio.hidden = !details;
  if (!details) return $("figures").replaceChildren();
  if (sound) URL.revokeObjectURL(sound);
  sound = URL.createObjectURL(new Blob([flac], { type: "audio/flac" }));
  audio.src = sound;
  draw(details);
  tabulate(row, details.runs);
  if ($("autoplay").checked) audio.play().catch(() => {}); // refused before the first click on the page
}

/** Waveform above, spectrogram below. */
function draw({ waveform: [low, high], spectrogram: { width, height, levels } }) {
  const canvas = $("canvas"), context = canvas.getContext("2d"), upper = 70;
  const level = atob(levels), image = new ImageData(width, height);
  const colours = [[13, 17, 23], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const place = (level.charCodeAt((height - 1 - y) * width + x) / 255) * (colours.length - 1);
      const from = Math.min(colours.length - 2, Math.floor(place)), part = place - from;
      const colour = colours[from].map((value, index) => value + part * (colours[from + 1][index] - value));
      image.data.set([...colour, 255], 4 * (y * width + x));
    }
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  small.getContext("2d").putImageData(image, 0, 0);
  context.fillStyle = "#0d1117";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(small, 0, upper, canvas.width, canvas.height - upper);
  context.fillStyle = "#7cb8f5";
  const step = canvas.width / low.length;
  low.forEach((lowest, index) => {
    const top = (1 - high[index]) * (upper / 2), bottom = (1 - lowest) * (upper / 2);
    context.fillRect(index * step, top, Math.max(1, step), Math.max(1, bottom - top));
  });
  context.fillStyle = "#ffffff";
  context.font = "11px sans-serif";
  context.fillText("8 kHz", 3, upper + 12);
  canvas.setAttribute("aria-label", `Waveform and spectrogram of clip ${info.clips[order[selected]]}`);
}

/** The labels of a clip and what each run predicts. */
function tabulate(row, predictions) {
  const task = taskOf($("task").value), places = manyColumns(task) || task.kind === "classification" ? 2 : 1;
  const table = document.createElement("table");
  const line = (kind, cells, parent) => {
    const tr = parent.appendChild(document.createElement("tr"));
    cells.forEach((text, index) => {
      const cell = tr.appendChild(document.createElement(index && kind === "td" ? "td" : "th"));
      cell.textContent = text;
    });
    return tr;
  };
  line("th", ["", ...task.outputs, "error"], table.createTHead());
  const body = table.createTBody(), labels = truth[task.name];
  const label = task.kind === "classification"
    ? task.outputs.map((_, index) => (labels[0][row] === index ? "✓" : ""))
    : labels.map((column) => shown(column[row], places));
  line("td", ["label", ...label, ""], body);
  for (const [run, tasks] of Object.entries(predictions)) {
    if (!tasks[task.name]) continue;
    const tr = line("td", [run, ...tasks[task.name].map((value) => shown(value, places))], body);
    if (run === $("run").value) tr.className = "chosen";
  }
  $("figures").replaceChildren(table);
}

function fill(id, names, first, chosen) {
  const before = chosen ?? $(id).value;
  const options = names.map(([value, text]) => new Option(text, value));
  if (first) options.unshift(new Option(first, ANY));
  $(id).replaceChildren(...options);
  if (options.some((option) => option.value === before)) $(id).value = before;
}
const numbered = (names) => names.map((name, index) => [String(index), name]);

/** Fill what depends on the run and the task, then the list. */
async function refresh(changed) {
  fill("task", info.runs[$("run").value].map((name) => [name, name]));
  const task = taskOf($("task").value), classed = task.kind === "classification" || manyColumns(task);
  const others = Object.keys(info.runs).filter((run) => run !== $("run").value && info.runs[run].includes(task.name));
  fill("other", others.map((run) => [run, run]));
  if (!others.length) $("other").replaceChildren(new Option("none", ""));
  const other = changed === "task";
  fill("output", manyColumns(task) ? numbered(task.outputs) : [], "all", other ? ANY : undefined);
  fill("truth", classed ? numbered(task.outputs) : [], "any", other ? ANY : undefined);
  fill("predicted", classed ? numbered(task.outputs) : [], "any", other ? ANY : undefined);
  $("output-label").hidden = !manyColumns(task);
  $("truth-label").hidden = $("predicted-label").hidden = !classed;
  $("truth-label").firstElementChild.textContent = manyColumns(task) ? "Strongest label" : "Label";
  await prepare();
  show();
  if (selected >= 0) await open(order[selected]);
}

function look(name) {
  view = name;
  if (name === "all") {
    for (const id of ["truth", "predicted", "group"]) $(id).value = ANY;
    $("text").value = "";
  }
  sorting = { all: { key: "clip", down: false }, worst: { key: "class", down: false }, disagree: { key: "difference", down: true } }[name];
  show();
  return select(0);
}

async function begin() {
  info = await json("clips");
  document.title = $("title").textContent = `Listen: ${info.corpus}`;
  $("notice").textContent = info.notice;
  truth = cut(await bytes("truth"), info.tasks, (task) => (task.kind === "classification" ? 1 : task.outputs.length));
  const test = info.split.names.indexOf("test");
  fill("split", numbered(info.split.names), "all", String(test));
  fill("run", Object.keys(info.runs).map((run) => [run, run]));
  $("group-label").hidden = !info.group;
  if (info.group) {
    $("group-label").firstElementChild.textContent = info.group.title;
    fill("group", numbered(info.group.names), "any");
  }
  sorting = { key: "error", down: true };
  $("choices").open = !NARROW.matches;
  await refresh("task");
  document.body.dataset.ready = String(Math.round(performance.now()));
  if (order.length) await select(0);
}

for (const id of ["run", "other", "task", "output"]) $(id).onchange = () => refresh(id);
for (const id of ["split", "truth", "predicted", "group", "text"]) $(id).oninput = () => show();
for (const id of ["all", "worst", "disagree"]) $(id).onclick = () => look(id);
$("controls").onsubmit = (event) => event.preventDefault();
$("scroll").onscroll = drawRows;
window.onresize = drawRows;
NARROW.onchange = drawRows;
$("picture").onclick = (event) => {
  const audio = $("audio");
  if (audio.duration) audio.currentTime = (event.offsetX / $("picture").clientWidth) * audio.duration;
};
(function follow() {
  const { currentTime, duration } = $("audio");
  $("playhead").style.left = `${duration ? (100 * currentTime) / duration : 0}%`;
  requestAnimationFrame(follow);
})();
document.onkeydown = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("select, input[type=search]")) {
    if (event.key === "Escape" || event.key === "Enter") $("scroll").focus();
    return;
  }
  if (event.key === " " && event.target.matches("button, input, summary, audio")) return;
  const page = Math.max(1, Math.floor($("scroll").clientHeight / rowHeight()) - 1), audio = $("audio");
  const action = {
    ArrowDown: () => select(selected + 1), j: () => select(selected + 1),
    ArrowUp: () => select(selected - 1), k: () => select(selected - 1),
    PageDown: () => select(selected + page), PageUp: () => select(selected - page),
    Home: () => select(0), End: () => select(order.length - 1),
    " ": () => (audio.paused ? audio.play() : audio.pause()),
    w: () => look("worst"), d: () => look("disagree"), a: () => look("all"),
    "/": () => $("text").focus(),
  }[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
};
begin();
