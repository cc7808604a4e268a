// The scene in a browser: hosts with their marks, what moves, and the words beside it.  `stage.js` says when.
const SVG = "http://www.w3.org/2000/svg";
const ROOM = 124, WIDE = 142; // for a host's name, which stand 128 apart; for words that have nothing beside them
const WAYS = { question: "dns", answer: "dns", refusal: "failed", later: "failed" };
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Where something is on its Bézier curve; what turns comes back from its middle. */
export function at(move, t) {
  const s = move.turns ? move.turns * (t < 0.5 ? 2 * t : 2 - 2 * t) : t;
  const u = 1 - s;
  const [a, b, c, d] = move.points;
  return [0, 1].map((i) => u ** 3 * a[i] + 3 * u * u * s * b[i] + 3 * u * s * s * c[i] + s ** 3 * d[i]);
}

/** The head of an arrow on a way: a picture that stands still shows the direction too. */
function head(move) {
  const [x, y] = at({ points: move.points }, 0.72);
  const [before, behind] = [at({ points: move.points }, 0.7), at({ points: move.points }, 0.74)];
  const angle = (Math.atan2(behind[1] - before[1], behind[0] - before[0]) * 180) / Math.PI;
  const made = document.createElementNS(SVG, "path");
  made.setAttribute("class", `head ${WAYS[move.kind] || ""}`);
  made.setAttribute("d", "M-9,-9 L9,0 L-9,9");
  made.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${angle.toFixed(0)})`);
  return made;
}

/** Let the letters of a line stand closer. */
function press(text, room) {
  text.setAttribute("textLength", room);
  text.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

class Scene {
  constructor(box, model) {
    this.box = box;
    this.model = model;
    this.halt = () => {};
    box.addEventListener("click", (event) => {
      const part = event.target.closest("g.node, g.edge, g.mailbox");
      if (part) model.send({ pressed: part.id });
    });
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(box);
  }
  draw() {
    this.halt();
    this.box.innerHTML = this.model.get("picture");
    this.svg = this.box.querySelector("svg");
    this.fit();
  }
  /** Letters keep a size that can be read, however small the picture is. */
  fit() {
    const view = this.svg?.viewBox.baseVal;
    if (!view?.width || !this.box.clientWidth) return;
    const box = this.svg.getBoundingClientRect();
    const scale = Math.min(box.width / view.width, box.height / view.height) || 1;
    const size = Math.max(15, this.model.get("min_text") / scale);
    this.svg.style.setProperty("--text", `${size}px`);
    this.pitch(size);
    this.svg.querySelectorAll(".area text, .node > .name").forEach((text) => this.squeeze(text));
    this.spread();
  }
  /** Lines stand as far from each other as their letters are high: a name, the words below it, a title. */
  pitch(size) {
    const name = Math.min(48, Math.max(40, 20 + 0.85 * size));
    const words = Math.min(76, name + Math.max(21, 0.95 * size));
    this.svg.querySelectorAll(".node > .name").forEach((text) => text.setAttribute("y", name));
    this.svg.querySelectorAll(".node > .words").forEach((text) => text.setAttribute("y", words));
    this.svg.querySelectorAll(".area").forEach((area) => {
      const top = area.querySelector("rect").y.baseVal.value;
      area.querySelector("text").setAttribute("y", top + Math.min(28, Math.max(20, 0.9 * size)));
    });
  }
  /** A line keeps to its place: letters of this size stand closer where they would leave it. */
  squeeze(text) {
    const area = text.parentNode.querySelector(":scope > rect:not(.hit, .back)");
    const room = area ? area.width.baseVal.value - 24 : ROOM;
    text.removeAttribute("textLength");
    if (area) { // a title leaves out its end before it is pressed together; the whole one is its tooltip
      text.textContent = text.dataset.whole ??= text.textContent;
      if (text.getComputedTextLength() * 0.85 > room) text.textContent = text.dataset.whole.split(/ of | for |, /)[0];
    }
    if (text.getComputedTextLength() > room) press(text, room);
  }
  /** Lines below hosts may be wider where the hosts beside them have none.  All is read before anything is written. */
  spread() {
    const lines = [...this.svg.querySelectorAll(".node > .words")].filter((line) => line.textContent);
    lines.forEach((line) => line.removeAttribute("textLength"));
    const sizes = lines.map((line) => line.getComputedTextLength());
    const places = lines.map((line) => line.parentNode.getAttribute("transform").match(/-?[\d.]+/g).map(Number));
    lines.forEach((line, one) => {
      const isBeside = ([x, y], other) =>
        other !== one && Math.abs(y - places[one][1]) < 20 && Math.abs(x - places[one][0]) < WIDE;
      const room = places.some(isBeside) ? ROOM : WIDE;
      if (sizes[one] > room) press(line, room);
    });
  }
  mark(marks) {
    let isNew = false; // words below a host, which take the room of those beside them
    this.svg?.querySelectorAll("g.node, g.edge, g.mailbox").forEach((part) => {
      const [classes, words] = marks[part.id] || ["", ""];
      const own = part.dataset.own ?? (part.dataset.own = part.getAttribute("class"));
      part.setAttribute("class", `${own} ${classes}`.trim());
      const line = part.querySelector(".words");
      if (!line) return;
      line.dataset.own ??= line.textContent;
      const text = words || line.dataset.own;
      if (line.textContent === text) return;
      line.textContent = text;
      isNew = isNew || line.matches(".node > text");
    });
    if (isNew) this.spread();
  }
  /** Show what is chosen, and leave all else as it is. */
  choose(marks) {
    this.svg?.querySelectorAll("g.node, g.edge").forEach((part) => {
      part.classList.toggle("chosen", (marks[part.id]?.[0] || "").split(" ").includes("chosen"));
    });
  }
  say(words) {
    if (words) this.svg?.setAttribute("aria-label", words);
  }
  /** Play one motion; resolves with true when it has come to its end. */
  play(move, rate, lights = false) {
    const layer = this.svg?.querySelector(".moving");
    if (!layer || document.hidden) return Promise.resolve(true);
    const mover = document.createElementNS(SVG, "g");
    mover.setAttribute("class", `mover ${move.kind}`);
    mover.innerHTML = `<g>${this.model.get("sprites")[move.kind]}</g><g class="label"><rect rx="6"/><text class="carried"></text></g>`;
    const [first, last] = [move.points[0], move.points[3]];
    const stays = first[0] === last[0] && first[1] === last[1];
    if (!stays) {
      const way = document.createElementNS(SVG, "path");
      way.setAttribute("class", `way ${WAYS[move.kind] || ""}`);
      way.setAttribute("d", move.path);
      layer.append(way, head(move));
    }
    layer.append(mover);
    const [sprite, label] = mover.children;
    const [wordsX, wordsY] = this.write(label, move);
    const lit = lights ? move.hosts.map((id) => this.svg.getElementById(id)).filter(Boolean) : [];
    lit.forEach((part) => part.classList.add("now"));
    const put = (t) => {
      const [x, y] = at(move, t);
      const size = stays && !isCalm() ? 1.25 - 0.25 * Math.min(1, 3 * t) : 1;
      mover.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      sprite.setAttribute("transform", `scale(${size.toFixed(2)})`);
      label.setAttribute("transform", `translate(${(wordsX - x).toFixed(1)} ${(wordsY - y).toFixed(1)})`);
    };
    return new Promise((done) => {
      let frame = 0, timer = 0;
      const end = (whole) => {
        cancelAnimationFrame(frame);
        clearTimeout(timer);
        layer.replaceChildren();
        lit.forEach((part) => part.classList.remove("now"));
        this.halt = () => {};
        done(whole);
      };
      this.halt = () => end(false);
      const ms = move.ms / rate;
      if (isCalm()) {
        put(move.turns ? 0.5 : 1);
        timer = setTimeout(() => end(true), ms);
        return;
      }
      const began = performance.now();
      const glide = (now) => {
        const t = Math.min(1, Math.max(0, now - began) / ms);
        put(t);
        if (t >= 1 || document.hidden) end(true);
        else frame = requestAnimationFrame(glide);
      };
      put(0);
      frame = requestAnimationFrame(glide);
    });
  }
  /** Write what is said beside the way; it stands still, so that it can be read. */
  write(label, move) {
    const [box, said] = label.children;
    said.textContent = move.said;
    if (!move.said) { label.remove(); return [0, 0]; }
    const { width, height } = said.getBBox();
    const [wide, tall] = [width + 14, height + 4];
    Object.entries({ x: -wide / 2, y: -tall / 2, width: wide, height: tall }).forEach(([name, value]) => box.setAttribute(name, value));
    said.setAttribute("dy", "0.35em");
    const view = this.svg.viewBox.baseVal;
    return gap(this.taken(move), wide + 6, tall + 4, view.width, view.height, at({ points: move.points }, 0.5));
  }
  /** What no words may cover: hosts with their names, mailboxes, titles, and the way of what moves. */
  taken(move) {
    const found = [];
    const add = (part, x = 0, y = 0) => {
      if (!part.getClientRects().length) return; // a sign that is not shown
      const box = part.getBBox();
      if (box.width) found.push([box.x + x, box.y + y, box.x + x + box.width, box.y + y + box.height]);
    };
    this.svg.querySelectorAll(".area > text").forEach((text) => add(text));
    this.svg.querySelectorAll("g.node, g.mailbox").forEach((part) => {
      const { e, f } = part.transform.baseVal.consolidate().matrix;
      part.querySelectorAll(":scope > :not(title, .hit)").forEach((shape) => add(shape, e, f));
    });
    for (let t = 0; t <= 1; t += 0.05) {
      const [x, y] = at({ points: move.points }, t);
      found.push([x - 22, y - 15, x + 22, y + 15]);
    }
    return found;
  }
}

/** The middle of a free place of this size, as near to a point as there is one; else where least is covered. */
export function gap(taken, wide, tall, width, height, [nearX, nearY]) {
  let best = [width / 2, height / 2], least = Infinity;
  const over = (x, y, [left, top, right, bottom]) =>
    Math.max(0, Math.min(x + wide / 2, right) - Math.max(x - wide / 2, left)) *
    Math.max(0, Math.min(y + tall / 2, bottom) - Math.max(y - tall / 2, top));
  const columns = outwards(nearX, wide / 2 + 2, width - wide / 2 - 2, 5);
  for (const y of outwards(nearY, tall / 2 + 2, height - tall / 2 - 2, 3)) {
    if (Math.abs(y - nearY) >= least) break;
    for (const x of columns) {
      let cost = Math.hypot(x - nearX, y - nearY);
      if (cost >= least) break;
      for (const box of taken) if ((cost += 20 * over(x, y, box)) >= least) break;
      if (cost < least) [best, least] = [[x, y], cost];
    }
  }
  return best;
}

/** The places from one end to the other, those first that are nearest to a point. */
function outwards(near, first, last, step) {
  const places = Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, n) => first + n * step);
  return places.sort((one, other) => Math.abs(one - near) - Math.abs(other - near));
}
