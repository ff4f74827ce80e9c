"use strict";
/* The page's one script: it walks the recorded stops, both ways. All that it shows is in the
   tables, too; text of the guest's only ever becomes text (textContent). */
(() => {
  const ZOOM_MAX = 64;
  const by = (id) => document.getElementById(id);
  const { names, code, stops } = JSON.parse(by("recorded").textContent);
  const rows = [...document.querySelectorAll("#stops tr")];
  const last = stops.length - 1;
  let at = 0;
  let zoom = 1;

  function before(index) {
    const cpu = stops[index].cpu;
    for (let other = index - 1; other >= 0; other--)
      if (stops[other].cpu === cpu && stops[other].registers.length) return stops[other].registers;
    return stops[index].registers;
  }

  function registers(index) {
    const old = before(index);
    return stops[index].registers
      .map((value, n) => `${value === old[n] ? " " : "*"} ${names[n].padEnd(7)}${value}`)
      .join("\n");
  }

  function lines(index) {
    const place = stops[index].code;
    return (place < 0 ? [] : code[place].rows)
      .map(([number, text, here]) => `${here ? ">" : " "} ${String(number).padStart(6)}  ${text}`)
      .join("\n");
  }

  function show(index) {
    rows[at].removeAttribute("aria-current");
    at = Math.min(Math.max(index, 0), last);
    const stop = stops[at];
    const who = stop.cpu === null ? "the host" : `cpu ${stop.cpu}`;
    by("now").textContent =
      `Stop ${at + 1} of ${last + 1}: tick ${stop.tick}, ${stop.us} us, ${who}: ${stop.text}`;
    by("who").textContent = stop.place ? `${who}, at ${stop.place}` : who;
    by("code").textContent = lines(at) || "nothing to show";
    by("file").textContent = stop.code < 0 ? "" : code[stop.code].file;
    by("registers").textContent = registers(at) || "none yet";
    by("box").textContent = stop.mailbox;
    by("states").textContent = stop.states;
    by("place").value = at;
    by("place").setAttribute("aria-valuetext", `stop ${at + 1}: ${stop.text}`);
    by("back").disabled = by("first").disabled = at === 0;
    by("next").disabled = by("last").disabled = at === last;
    rows[at].setAttribute("aria-current", "step");
    draw();
  }

  function draw() {
    const picture = by("lanes");
    const [, , width, height] = picture.getAttribute("viewBox").split(" ").map(Number);
    by("cursor").setAttribute("d", `M${stops[at].x} 0v${height}`);
    picture.style.width = `${100 * zoom}%`;
    const scroll = by("scroll");
    scroll.scrollLeft = (stops[at].x / width) * scroll.scrollWidth - scroll.clientWidth / 2;
  }

  function larger(factor) {
    zoom = Math.min(Math.max(zoom * factor, 1), ZOOM_MAX);
    draw();
  }

  /* The stop that is nearest to a place in the lanes; of two alike, that of the lane. */
  function nearest(x, lane) {
    let found = 0;
    let least = Infinity;
    stops.forEach((stop, index) => {
      const far = Math.abs(stop.x - x) + (stop.lane === lane ? 0 : 0.5);
      if (far < least) [found, least] = [index, far];
    });
    return found;
  }

  const acts = {
    first: () => show(0), back: () => show(at - 1), next: () => show(at + 1),
    last: () => show(last), closer: () => larger(2), farther: () => larger(0.5),
  };
  const keys = {
    ArrowLeft: "back", k: "back", ArrowRight: "next", j: "next", "+": "closer", "-": "farther",
  };
  for (const name of Object.keys(acts)) by(name).addEventListener("click", acts[name]);
  by("place").addEventListener("input", () => show(Number(by("place").value)));
  document.addEventListener("keydown", (event) => {
    const own = event.target === by("place") && event.key.startsWith("Arrow");
    const typed = own || event.target === by("filter");
    if (typed || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    acts[keys[event.key]]();
  });
  const number = (text) => Number(text.replaceAll(",", ""));
  const ticks = stops.map((stop) => number(stop.tick));

  /* Where an event is: its own stop, or the last one before it. */
  function stopOf(tick, cpu) {
    const own = stops.findIndex((stop, index) => ticks[index] === tick && stop.cpu === cpu);
    return own < 0 ? Math.max(ticks.findLastIndex((other) => other <= tick), 0) : own;
  }

  function visit(index) {
    show(index);
    by("stepper").scrollIntoView({ block: "nearest" });
  }

  rows.forEach((row, index) => row.addEventListener("click", () => visit(index)));
  by("lanes").addEventListener("click", (event) => {
    const box = by("lanes").getBoundingClientRect();
    const [, , width, height] = by("lanes").getAttribute("viewBox").split(" ").map(Number);
    const lane = Math.floor(((event.clientY - box.top) / box.height) * height / 18);
    show(nearest(((event.clientX - box.left) / box.width) * width, lane));
  });
  const events = [...document.querySelectorAll("#events tr")];
  for (const row of events)
    row.addEventListener("click", () => {
      const [tick, , cpu] = [...row.cells].map((cell) => cell.textContent);
      visit(stopOf(number(tick), cpu === "host" ? null : Number(cpu)));
    });
  by("filter").addEventListener("input", () => {
    const words = by("filter").value.toLowerCase().split(/\s+/);
    for (const row of events) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  by("stepper").hidden = false;
  show(0);
})();
