// The stage: one scene, and what moves on it.  Python decides what is shown; this file plays it, with `moves.js`.
const RATES = { slow: 0.5, normal: 1, fast: 2.5 };
const REST = 700; // milliseconds between two steps while it plays
const MANY = 12, TOO_MANY = 160; // motions that wait: from here on faster, from there on left out

function make(tag, name, words = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = words;
  return made;
}

/** What happens in a lab, as it happens: one motion at a time, faster when many wait. */
function live(model, scene) {
  let queue = [], runs = false, paused = false, seen = model.get("news").number, resume = () => {};
  async function run() {
    if (runs) return;
    runs = true;
    while (queue.length) {
      if (paused) await new Promise((go) => (resume = go));
      const item = queue.shift();
      if (item.marks) { scene.mark(item.marks); scene.choose(model.get("news").marks); continue; }
      const waiting = queue.length;
      const rate = RATES[model.get("speed")] * Math.max(1, waiting / MANY);
      await scene.play(item, rate, true);
    }
    runs = false;
  }
  function hear() {
    const news = model.get("news");
    scene.say(news.words);
    if (news.number === seen) return;
    seen = news.number;
    scene.choose(news.marks); // follows the hand, whatever still moves
    queue.push(...news.moves, { marks: news.marks });
    if (queue.length > TOO_MANY) queue = queue.slice(-2 * MANY);
    if (!model.get("frames").length) run();
  }
  return {
    hear,
    show() { scene.mark(model.get("news").marks); scene.say(model.get("news").words); },
    clear() { queue = []; scene.halt(); },
    pause(value) { paused = value; if (!value) resume(); },
    step() { const was = paused; paused = false; resume(); paused = was; },
  };
}

/** The steps of a journey: scene, dialogue and letter together. */
function film(model, scene, parts, words) {
  let number = -1, turn = 0, films = 0, sent = null;
  const frames = () => model.get("frames");
  const rate = () => RATES[model.get("speed")];
  const wait = (ms) => new Promise((go) => setTimeout(go, ms));
  const report = () => { sent = { number, films }; model.set("step", number); model.save_changes(); };
  /** What is known: the question while something moves, how it ended only after that. */
  function tell(marks, title) {
    const place = `${words.step} ${number + 1} ${words.of} ${frames().length}`;
    scene.mark(marks);
    scene.say(`${place}: ${title}`);
    parts.count.textContent = place;
    parts.title.textContent = title;
    parts.slider.setAttribute("aria-valuetext", `${number + 1} / ${frames().length}: ${title}`);
  }
  function show(moves) {
    const frame = frames()[number];
    const count = frames().length;
    if (moves && frame.moves.length) tell(frame.before, frame.opening);
    else tell(frame.marks, frame.title);
    parts.said.innerHTML = frame.said;
    parts.said.style.setProperty("--beat", moves && !isCalm() ? `${110 / rate()}ms` : "0ms");
    const held = parts.letter.contains(document.activeElement) && document.activeElement.dataset.step;
    parts.letter.innerHTML = frame.letter;
    if (held !== false) (parts.letter.querySelector(`[data-step="${held}"]`) || parts.letter).focus(); // who uses keys stays
    parts.slider.max = count - 1;
    parts.slider.value = number;
    const first = parts.said.querySelector(".new");
    parts.said.scrollTop = first ? Math.max(0, first.offsetTop - parts.said.offsetTop - 40) : parts.said.scrollHeight;
  }
  async function go(wanted, moves) {
    const mine = ++turn;
    scene.halt();
    number = Math.min(Math.max(wanted, 0), frames().length - 1);
    show(moves);
    if (model.get("step") !== number) report();
    if (!moves) return true;
    const frame = frames()[number];
    // Where each line has its motion, a line is said when that motion has told it: a question as it leaves.
    const lines = [...parts.said.querySelectorAll(".mc-said.new")];
    const paced = frame.moves.length > 0 && lines.length === frame.moves.length;
    const say = (line) => {
      line.classList.remove("unsaid");
      parts.said.scrollTop = Math.max(parts.said.scrollTop, line.offsetTop + line.offsetHeight - parts.said.offsetTop - parts.said.clientHeight + 8);
    };
    if (paced) { parts.said.style.setProperty("--beat", "0ms"); lines.forEach((line) => line.classList.add("unsaid")); parts.said.scrollTop = 0; }
    else await wait(isCalm() ? 0 : frame.lead / rate());
    for (const [place, move] of frame.moves.entries()) {
      if (mine !== turn) return false;
      if (paced && move.kind === "question") say(lines[place]);
      await scene.play(move, rate());
      if (paced && mine === turn) say(lines[place]);
    }
    if (mine === turn && frame.moves.length) tell(frame.marks, frame.title);
    return mine === turn;
  }
  async function play() {
    if (number >= frames().length - 1) number = -1;
    let next = number < 0 ? 0 : number;
    while (model.get("playing") && frames().length) {
      if (!(await go(next, true))) return;
      const mine = turn;
      await wait(REST / rate());
      if (mine !== turn) return;
      if (number >= frames().length - 1) break;
      next = number + 1;
    }
    if (model.get("playing")) { model.set("playing", false); model.save_changes(); }
  }
  function stop() {
    if (model.get("playing")) { model.set("playing", false); model.save_changes(); }
  }
  return {
    move(by) { stop(); go(number + by, by > 0); },
    jump(to) { stop(); go(to, false); },
    end() { stop(); go(frames().length - 1, false); },
    play,
    shown: () => number,
    /** The kernel names a step.  Where that is what we told it of the film before, it has not heard yet of this one. */
    follow(wanted) {
      if (wanted === number || !frames().length) return;
      if (sent?.number === wanted && sent.films !== films) report();
      else this.jump(wanted);
    },
    /** Other frames: the step stays where it is. */
    load() { if (frames().length) { turn++; films++; go(Math.min(model.get("step"), frames().length - 1), false); } },
    leave() {
      turn++;
      scene.halt();
      number = -1;
      [parts.title, parts.count].forEach((part) => part.replaceChildren());
      parts.said.replaceChildren(make("div", "mc-hint", words["no dialogue"]));
      parts.letter.replaceChildren(make("div", "mc-hint", words["no letter"]));
    },
  };
}

function render({ model, el }) {
  const words = model.get("strings");
  el.style.containerType = "inline-size"; // the panes stand as the place allows, not as the window
  const root = make("div", `mc-stage ${model.get("layout_name")}`);
  const box = make("div", "mc-picture");
  const bar = make("div", "mc-bar");
  const parts = {
    count: make("b", "mc-count"), title: make("span", "mc-title"),
    said: make("div", "mc-talk"), letter: make("div", "mc-papers"), slider: make("input", ""),
  };
  const button = (text, act, name = "") => {
    const made = make("button", `mc-button ${name}`, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };
  const scene = new Scene(box, model);
  scene.draw();
  const now = live(model, scene);
  const story = film(model, scene, parts, words);
  const toggle = () => {
    model.set("playing", !model.get("playing"));
    model.save_changes();
    if (!model.get("playing")) story.jump(story.shown());
  };
  let held = false;
  const play = button(words.play, toggle, "mc-play");
  const hold = button(words.pause, () => {
    held = !held;
    hold.textContent = held ? words.play : words.pause;
    now.pause(held);
  }, "mc-live");
  parts.slider.type = "range";
  parts.slider.min = 0;
  parts.slider.setAttribute("aria-label", words.step);
  parts.slider.addEventListener("input", () => story.jump(Number(parts.slider.value)));
  const speed = make("select", "mc-speed");
  speed.setAttribute("aria-label", words.speed);
  Object.keys(RATES).forEach((name) => speed.append(new Option(words[name], name)));
  speed.value = model.get("speed");
  speed.addEventListener("change", () => { model.set("speed", speed.value); model.save_changes(); });
  bar.append(hold, play, button(words.back, () => story.move(-1), "mc-film"), button(words.forth, () => story.move(1), "mc-film"),
    parts.slider, speed, parts.count);
  parts.slider.className = "mc-film";
  const status = make("div", "mc-status");
  status.setAttribute("role", "status");
  status.append(parts.title);
  parts.said.setAttribute("role", "region");
  parts.said.setAttribute("aria-label", words.dialogue);
  parts.said.tabIndex = 0;
  parts.letter.setAttribute("role", "region");
  parts.letter.setAttribute("aria-label", words.letter);
  parts.letter.tabIndex = 0;
  parts.letter.addEventListener("click", (event) => {
    const line = event.target.closest("[data-step]");
    if (line) story.jump(Number(line.dataset.step));
  });
  root.append(bar, status, box, parts.said, parts.letter);
  root.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!model.get("frames").length || event.target === speed || event.ctrlKey || event.metaKey || event.altKey) return;
    if (steps) story.move(steps);
    else if (event.key === "Home") story.jump(0);
    else if (event.key === "End") story.end();
    else return;
    event.preventDefault(); // JupyterLab and the slider have their own ideas
    event.stopPropagation();
  });
  el.append(root);
  root.dataset.lmSuppressShortcuts = "true"; // the keys of JupyterLab's cells are not meant here
  const room = () => el.closest(".mailcourse-room");
  const key = (event) => { // a presenter's remote sends page keys; a button that rests gives the focus to the page
    if (event.target !== document.body && !room()?.contains(event.target)) return;
    const typing = event.target.closest("input:not([type=range]), textarea, select, [contenteditable]");
    const wanted = { n: "next", N: "next", PageDown: "next", a: "ask", A: "ask", PageUp: "ask" }[event.key];
    if (typing || !wanted || event.ctrlKey || event.metaKey || event.altKey) return;
    model.send({ pressed: `key ${wanted}` });
    room()?.scrollIntoView({ block: "nearest" });
    event.preventDefault();
    event.stopPropagation();
  };
  if (model.get("layout_name").startsWith("room")) setTimeout(() => {
    // In a notebook the room is a cell: who presses something in it sees all of it.
    room()?.addEventListener("click", () => room().scrollIntoView({ block: "nearest" }));
    room()?.setAttribute("data-lm-suppress-shortcuts", "true");
    document.addEventListener("keydown", key, true);
  });
  const arrange = () => {
    const has = model.get("frames").length > 0;
    root.classList.toggle("has-film", has);
    now.clear();
    if (has) { story.load(); if (model.get("playing")) story.play(); } else { story.leave(); now.show(); }
  };
  const tell = () => { play.textContent = model.get("playing") ? words.pause : words.play; };
  model.on("change:picture", () => { scene.draw(); arrange(); });
  model.on("change:news", now.hear);
  model.on("change:frames", arrange);
  model.on("change:layout_name", () => {
    root.className = `mc-stage ${model.get("layout_name")}${model.get("frames").length ? " has-film" : ""}`;
  });
  model.on("change:min_text", () => scene.fit());
  model.on("change:step", () => story.follow(model.get("step")));
  model.on("change:playing", () => { tell(); if (model.get("playing")) story.play(); });
  arrange();
  tell();
  return () => {
    document.removeEventListener("keydown", key, true);
    scene.halt(); scene.watch.disconnect(); story.leave();
  };
}
export default { render };
