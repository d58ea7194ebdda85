/* SPDX-License-Identifier: Apache-2.0 */
// The page: asks for /state, shows it, gives orders. Whatever a program, host or error is called stands on it as text (textContent), never as markup.
// It grows with what there is, not with time: rows are kept by key and taken away with what they show, and lists are cut at a maximum.
"use strict";

const PERIOD_MS = 1000, LATE_MS = 10000, ASK_MS = 8000, SAY_MS = 2500;
const PROGRAMS_MAX = 250, MOVES_MAX = 60, ENDED_MAX = 50, SAY_MAX = 3;
const SVG = "http://www.w3.org/2000/svg";
const $ = id => document.getElementById(id);

// ---- words ----------------------------------------------------------------------------------------------------------------------------------

// Of each state: its picture, its kind of colour, its word. Other hosts may say any word: these have nothing but what stands here.
const STATES = {
	__proto__: null,
	running: ["on", "good", "running"], starting: ["begins", "move", "starting"], stopped: ["off", "soft", "stopped"],
	moving: ["moves", "move", "moving"], handing: ["moves", "move", "handing over"], owing: ["moves", "move", "sending what it owes"],
	owed: ["comes", "move", "running, pages to come"], receiving: ["comes", "move", "waiting to arrive"], moved: ["done", "soft", "moved away"],
	failed: ["failed", "bad", "failed"], blocked: ["blocked", "bad", "blocked"], waiting: ["waits", "warn", "waiting for its turn"],
	unsure: ["blocked", "bad", "not sure where it is"], silent: ["blocked", "warn", "not answering"],
	online: ["on", "good", "online"], draining: ["moves", "move", "draining"], drained: ["done", "soft", "drained"], offline: ["failed", "bad", "offline"],
	maintenance: ["waits", "warn", "in maintenance"], unclean: ["blocked", "bad", "unclean"], unknown: ["blocked", "warn", "not reached"],
	completed: ["done", "good", "moved"], cancelled: ["off", "soft", "cancelled"], refused: ["blocked", "warn", "refused"],
};
const PHASES = { __proto__: null, setup: "being prepared", device: "stopped for the last round", prepared: "stopped for the last round", committed: "handing over", postcopy: "runs there, the rest follows", waiting: "waiting for the link" };

function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let u = 0;
	while (n >= 1024 && u < 4) {
		n /= 1024;
		u++;
	}
	return `${n >= 100 || u === 0 ? Math.round(n) : n.toFixed(1)} ${units[u]}`;
}

function span(seconds) {
	if (seconds < 10)
		return `${Math.max(0, seconds).toFixed(1)} s`;
	if (seconds < 120)
		return `${Math.round(seconds)} s`;
	if (seconds < 7200)
		return `${Math.round(seconds / 60)} min`;
	return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

const gap = ms => ms < 10 ? `${ms.toFixed(2)} ms` : ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
const gapOf = ms => number(ms) > 0 ? gap(number(ms)) : "–";
const number = value => typeof value === "number" && Number.isFinite(value) ? value : 0;
const words = value => typeof value === "string" ? value : "";
const list = value => Array.isArray(value) ? value : [];
const plural = (n, one, more) => `${n} ${n === 1 ? one : more}`;

// ---- elements -------------------------------------------------------------------------------------------------------------------------------

function text(element, value) {
	if (element.textContent !== value)
		element.textContent = value;
}

function make(tag, kind, ...children) {
	const element = document.createElement(tag);
	if (kind)
		element.className = kind;
	element.append(...children);
	return element;
}

function icon(name) {
	const svg = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
	svg.setAttribute("class", "i");
	svg.setAttribute("aria-hidden", "true");
	use.setAttribute("href", `#i-${name}`);
	svg.append(use);
	return svg;
}

function setIcon(svg, name) {
	const use = svg.firstElementChild;
	if (use.getAttribute("href") !== `#i-${name}`)
		use.setAttribute("href", `#i-${name}`);
}

// A picture, a word, and perhaps why.
function makeState() {
	const state = make("span", "state", icon("off"), make("span")), cell = make("td", "", state, make("span", "why"));
	return { cell, set(name, why) {
		const [picture, kind, word] = STATES[name] || ["blocked", "warn", name];
		setIcon(state.firstElementChild, picture);
		text(state.lastElementChild, word);
		if (state.className !== `state k-${kind}`)
			state.className = `state k-${kind}`;
		text(cell.lastElementChild, why || "");
		cell.lastElementChild.hidden = !why;
	} };
}

// Rows by key, in that order: @make gives an element with what @fill needs, in `parts`.
function keyed(parent, makeRow, fill) {
	const rows = new Map();
	return items => {
		const there = new Set(items.map(item => item.key));
		for (const [key, row] of rows)
			if (!there.has(key)) {
				// Who stands on a row that goes is not to stand nowhere.
				if (row.element.contains(document.activeElement))
					parent.closest("[tabindex]")?.focus({ preventScroll: true });
				row.element.remove();
				rows.delete(key);
			}
		let at = parent.firstElementChild;
		for (const item of items) {
			let row = rows.get(item.key);
			if (!row) {
				row = makeRow();
				rows.set(item.key, row);
			}
			fill(row, item);
			if (row.element === at)
				at = at.nextElementSibling;
			else
				parent.insertBefore(row.element, at);
		}
	};
}

// ---- what is said, for who does not see it --------------------------------------------------------------------------------------------------

const saying = [];
let lastSaid = 0;

function say(sentence) {
	if (saying.length < 100)
		saying.push(sentence);
}

/* Before the changes of programs, of which many at once are only counted. */
function sayFirst(sentence) {
	saying.unshift(sentence);
}

function sayNow() {
	const now = performance.now();
	if (!saying.length || now - lastSaid < SAY_MS)
		return;
	const more = saying.length - SAY_MAX;
	text($("said"), saying.slice(0, SAY_MAX).join(". ") + (more > 0 ? `. And ${plural(more, "more change", "more changes")}.` : "."));
	saying.length = 0;
	lastSaid = now;
}

// ---- from what hosts say to what is shown -----------------------------------------------------------------------------------------------------

const LEAVES = new Set(["moving", "handing", "owing"]), LIVES = new Set(["running", "starting", "moving", "handing", "owing", "owed"]);

function nodesOf(state) {
	return state.cluster && state.cluster.nodes || {};
}

function hostsOf(state) {
	const nodes = nodesOf(state), seen = new Map();
	for (const host of list(state.hosts)) {
		const name = words(host.name) || "?", units = list(host.units);
		const used = number(host["memory-total"]) - number(host["memory-free"]);
		seen.set(name, { key: name, name, self: host.self === true, state: host.error ? "unknown" : "online", why: words(host.error), total: number(host["memory-total"]), used,
			programs: units.filter(u => LIVES.has(u.state)).length, moves: units.filter(u => u.move).length,
			tee: host.evidence ? `${words(host.evidence)}${list(host.tee).length ? ` (${list(host.tee).map(words).join(", ")})` : ""}` : list(host.tee).map(words).join(", ") });
	}
	for (const [name, node] of Object.entries(nodes)) {
		const host = seen.get(name) || { key: name, name, self: false, why: "", total: 0, used: 0, programs: 0, moves: 0, tee: "" };
		if (words(node.state) !== "online" || host.state !== "unknown")
			host.state = words(node.state) || "unknown";
		host.node = node;
		seen.set(name, host);
	}
	return [...seen.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

function programOf(unit, host, last, place) {
	const state = unit.unsure ? "unsure" : unit.silent ? "silent" : words(unit.state);
	return { key: `${unit.name}\n${host}`, name: words(unit.name), host: place || host, at: host, state, why: words(unit.reason), since: number(unit.since), last: last || null };
}

// What a cluster's own tools know of it: that it is blocked, or has to wait for its turn.
function byCluster(program, state) {
	const nodes = nodesOf(state), known = state.cluster && state.cluster.programs || {};
	for (const entry of Object.values(known))
		if (entry.name === program.name && list(entry.nodes).includes(program.at) && entry.blocked && !LEAVES.has(program.state)) {
			program.state = "blocked";
			program.why = words(entry.reason) || "the cluster has lost track of it, or could not move it";
		}
	if (program.state === "running" && nodes[program.at] && nodes[program.at].standby)
		program.state = "waiting";
	return program;
}

// One row for each program, wherever it is: units are defined on every host, and of one that moves both hosts speak.
function programsOf(state, ended) {
	const units = new Map(), programs = [];
	for (const host of list(state.hosts))
		for (const unit of list(host.units)) {
			if (!units.has(unit.name))
				units.set(unit.name, []);
			units.get(unit.name).push([unit, words(host.name)]);
		}
	const latestMoves = new Map(ended.map(m => [m.name, { result: m.result, "gap-ms": m.gap }]).reverse());
	for (const places of units.values()) {
		const leaving = places.filter(([u]) => LEAVES.has(u.state)), living = places.filter(([u]) => LIVES.has(u.state) && (u.state !== "owed" || !leaving.length));
		const wrong = places.filter(([u]) => u.state === "failed" || u.unsure), coming = places.filter(([u]) => u.state === "receiving");
		// A rest that failed here before is no news while it lives elsewhere.
		const shown = living.length ? living : wrong.length ? wrong : coming.length ? coming : places.slice(0, 1);
		// The gap is the source's to know, and that is another host by now.
		const last = latestMoves.get(places[0][0].name);
		for (const [unit, host] of shown) {
			const target = LEAVES.has(unit.state) && unit.move ? targetOf(unit, host, places) : "";
			programs.push(byCluster(programOf(unit, host, last || unit.last, unit.state === "moved" && unit.to ? bareHost(unit.to) : target ? `${host} → ${target}` : host), state));
		}
	}
	const urgent = p => { const kind = (STATES[p.state] || [])[1]; return kind === "bad" ? 0 : kind === "warn" ? 1 : kind === "move" ? 2 : 3; };
	return programs.sort((a, b) => urgent(a) - urgent(b) || a.name.localeCompare(b.name, undefined, { numeric: true }) || a.at.localeCompare(b.at));
}

// Of an address of a move's: the host that is asked there, if one is.
const bare = address => words(address).replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([^:]*):\d+$/, "$1");
const named = new Map();
const bareHost = address => named.get(bare(address)) || bare(address);

// By name if the other host says that it receives it.
function targetOf(unit, host, places) {
	const other = places.find(([u, h]) => h !== host && (u.state === "receiving" || u.state === "owed"));
	return other ? other[1] : bareHost(unit.move.peer) || "another host";
}

// Where it lives still, by what other hosts said last.
function sourceOf(move, host, places) {
	const other = places.find(([u, h]) => h !== host && LIVES.has(u.state) && u.state !== "owed");
	return other ? other[1] : bareHost(move.peer) || "another host";
}

function movesOf(state) {
	const moves = new Map();
	const units = new Map();
	for (const host of list(state.hosts))
		for (const unit of list(host.units)) {
			const places = units.get(unit.name) || [];
			places.push([unit, words(host.name)]);
			units.set(unit.name, places);
		}
	for (const [name, places] of units)
		for (const [unit, host] of places) {
			const m = unit.move;
			// Of two sides that speak of one move the source's word is taken.
			if (!m || (m.direction === "in" && places.some(([u]) => u.move && u.move.direction === "out")))
				continue;
			const from = m.direction === "out" ? host : sourceOf(m, host, places), to = m.direction === "out" ? targetOf(unit, host, places) : host;
			moves.set(`${name}\n${host}`, { key: `${name}\n${host}`, name: words(name), from, to, move: m, state: words(unit.state) });
		}
	return [...moves.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

function endedOf(state) {
	const ended = new Map();
	for (const host of list(state.hosts))
		for (const move of list(host.ended)) {
			const key = move.session ? `${move.unit}\n${move.session}` : `${move.unit}\n${move.at}\n${move.direction}\n${host.name}`, known = ended.get(key);
			if (known && move.direction !== "out") {
				known.to = words(host.name);
				continue;
			}
			ended.set(key, { key, name: words(move.unit), to: known ? known.to || words(host.name) : move.direction === "in" ? words(host.name) : bareHost(move.peer) || "another host",
				result: words(move.result), why: words(move.reason) || words(move.error), gap: number(move["gap-ms"]), sent: number(move.transferred), took: number(move.seconds), at: number(move.at) });
			if (known)
				ended.get(key).to = known.to;
		}
	return [...ended.values()].sort((a, b) => b.at - a.at).slice(0, ENDED_MAX);
}

// ---- rows -----------------------------------------------------------------------------------------------------------------------------------

let you = { acts: false };

const showHosts = keyed($("t-hosts"), () => {
	const state = makeState(), meter = make("meter"), amount = make("span"), name = make("span"), self = make("span", "self");
	const programs = make("td", "n"), moves = make("td", "n"), tee = make("td", "soft"), button = make("button"), orders = make("td", "orders", button);
	const head = make("th", "", name, " ", self);
	head.scope = "row";
	button.type = "button";
	meter.min = 0;
	meter.optimum = 0;
	const row = { element: make("tr", "", head, state.cell, make("td", "memory", amount, meter), programs, moves, tee, orders), state, meter, amount, name, self, programs, moves, tee, button, verb: "" };
	button.addEventListener("click", () => openOrder(row.verb, row.host));
	return row;
}, (row, host) => {
	row.host = host.name;
	text(row.name, host.name);
	text(row.self, host.self ? "this host" : "");
	row.state.set(host.state, host.why);
	const known = host.total > 0;
	row.meter.hidden = !known;
	if (known) {
		row.meter.max = host.total;
		row.meter.high = 0.9 * host.total;
		row.meter.value = host.used;
		row.meter.setAttribute("aria-label", `memory in use on ${host.name}`);
	}
	text(row.amount, known ? `${bytes(host.used)} of ${bytes(host.total)}` : "unknown");
	text(row.programs, String(host.programs));
	text(row.moves, String(host.moves));
	text(row.tee, host.tee || "–");
	row.verb = !you.acts || !host.node ? "" : host.state === "draining" ? "abort" : host.node.standby ? "undrain" : "drain";
	row.button.hidden = !row.verb;
	text(row.button, { drain: "Drain…", undrain: "Undrain…", abort: "Abort drain…", "": "" }[row.verb]);
	row.button.setAttribute("aria-label", { drain: `Drain ${host.name}`, undrain: `Let ${host.name} take programs again`, abort: `Abort the drain of ${host.name}`, "": "" }[row.verb]);
});

const showMoves = keyed($("t-moves"), () => {
	const name = make("span", "name"), way = make("span", "way"), part = make("span", "part"), bar = make("progress"), facts = make("p", "facts");
	const phase = make("b"), sent = make("span"), rate = make("span"), expected = make("span"), since = make("span");
	facts.append(phase, sent, rate, expected, since);
	return { element: make("li", "", make("p", "first", icon("moves"), name, way, part), bar, facts), name, way, part, bar, phase, sent, rate, expected, since };
}, (row, { name, from, to, move }) => {
	const total = number(move.total), left = number(move.remaining), owed = number(move["owed-pages"]), rate = number(move.rate), done = total > 0 ? Math.max(0, Math.min(1, 1 - left / total)) : 0;
	text(row.name, name);
	text(row.way, `${from} → ${to}`);
	text(row.part, total > 0 ? `${Math.floor(100 * done)} %` : "");
	if (total > 0)
		row.bar.value = Math.round(1000 * done) / 1000;
	else
		row.bar.removeAttribute("value");
	row.bar.setAttribute("aria-label", `${name} from ${from} to ${to}`);
	text(row.phase, PHASES[move.phase] || `copying, round ${Math.max(1, number(move.rounds))}`);
	text(row.sent, owed > 0 ? `${plural(owed, "page", "pages")} owed` : total > 0 ? `${bytes(left)} of ${bytes(total)} left` : "");
	text(row.rate, rate > 0 ? `${bytes(rate)}/s` : "");
	text(row.expected, move["expected-gap-ms"] > 0 ? `gap about ${gap(move["expected-gap-ms"])}` : "");
	text(row.since, `for ${span(number(move.seconds))}`);
});

const showPrograms = keyed($("t-programs"), () => {
	const head = make("th"), host = make("td"), state = makeState(), since = make("td", "n soft"), last = make("td", "n");
	head.scope = "row";
	return { element: make("tr", "", head, host, state.cell, since, last), head, host, state, since, last };
}, (row, p) => {
	text(row.head, p.name);
	text(row.host, p.host);
	row.state.set(p.state, p.why);
	const kind = (STATES[p.state] || [])[1] === "bad" ? "hot" : "";
	if (row.element.className !== kind)
		row.element.className = kind;
	text(row.since, p.since ? span(now() - p.since) : "–");
	text(row.last, p.last && p.last.result === "completed" ? gapOf(p.last["gap-ms"]) : p.last ? (STATES[p.last.result] || ["", "", words(p.last.result)])[2] : "–");
});

const showEnded = keyed($("t-ended"), () => {
	const head = make("th"), to = make("td"), state = makeState(), g = make("td", "n"), sent = make("td", "n soft"), took = make("td", "n soft"), when = make("td", "n soft");
	head.scope = "row";
	return { element: make("tr", "", head, to, state.cell, g, sent, took, when), head, to, state, g, sent, took, when };
}, (row, m) => {
	text(row.head, m.name);
	text(row.to, m.to);
	const good = m.result === "completed";
	row.state.set(m.result, good ? "" : m.why);
	// Of what has not moved there is a reason to say, and no figures.
	row.state.cell.colSpan = good ? 1 : 4;
	row.g.hidden = row.sent.hidden = row.took.hidden = !good;
	text(row.g, gapOf(m.gap));
	text(row.sent, bytes(m.sent));
	text(row.took, span(m.took));
	text(row.when, `${span(now() - m.at)} ago`);
});

// ---- the whole ------------------------------------------------------------------------------------------------------------------------------

let latest = null, skew = 0, states = null;
const now = () => Date.now() / 1000 + skew;

const showNotices = keyed($("notices"), () => {
	const line = make("span"), element = make("p", "notice", icon("info"), line);
	return { element, line };
}, (row, notice) => {
	setIcon(row.element.firstElementChild, notice.kind ? "blocked" : "info");
	row.element.className = `notice ${notice.kind}`;
	text(row.line, notice.text);
});

function notices(state) {
	const all = [];
	if (state.cluster && state.cluster.quorum === false)
		all.push({ key: "quorum", kind: "bad", text: "No quorum: the cluster starts and moves nothing." });
	if (!you.known)
		all.push({ key: "who", kind: "", text: `You see this host’s figures alone, without names of other hosts: ${words(you.why)}.` });
	const off = list(state.hosts).reduce((sum, h) => sum + number(h["left-off"]), 0);
	if (off)
		all.push({ key: "off", kind: "warn", text: `${plural(off, "program is", "programs are")} not shown: there are too many.` });
	return all;
}

function announce(programs) {
	const before = states;
	states = new Map(programs.map(p => [p.key, p]));
	if (!before)
		return;
	for (const p of programs) {
		const was = before.get(p.key);
		if (!was || was.state !== p.state)
			say(`${p.name} is ${(STATES[p.state] || [0, 0, p.state])[2]}${LEAVES.has(p.state) ? ", " : " on "}${p.host.replace("→", "to")}${p.why ? `: ${p.why}` : ""}`);
	}
}

function countsOf(programs) {
	const counts = new Map();
	for (const p of programs) {
		const word = (STATES[p.state] || [0, 0, p.state])[2];
		counts.set(word, (counts.get(word) || 0) + 1);
	}
	return [...counts].map(([word, n]) => `${n} ${word}`).join(" · ");
}

function filtered(programs) {
	const wanted = $("words").value.toLowerCase().split(/\s+/).filter(Boolean);
	return programs.filter(p => {
		const all = `${p.name} ${p.host} ${(STATES[p.state] || [0, 0, p.state])[2]} ${p.state}`.toLowerCase();
		return wanted.every(w => all.includes(w));
	});
}

function draw() {
	named.clear();
	for (const host of list(latest.hosts))
		if (host.address)
			named.set(bare(host.address), words(host.name));
	const state = latest, hosts = hostsOf(state), moves = movesOf(state), ended = endedOf(state), programs = programsOf(state, ended), shown = filtered(programs);
	text($("host"), words(state.host));
	const title = `${moves.length ? `${plural(moves.length, "move", "moves")} · ` : ""}${words(state.host)} · OptMig`;
	if (document.title !== title)
		document.title = title;
	text($("who"), you.acts ? `${you.name}, may give orders` : you.known ? `${you.name}, reads only` : "not known, reads only");
	showNotices(notices(state));
	showHosts(hosts);
	showMoves(moves.slice(0, MOVES_MAX));
	showPrograms(shown.slice(0, PROGRAMS_MAX));
	showEnded(ended);
	text($("n-hosts"), String(hosts.length));
	text($("n-moves"), moves.length > MOVES_MAX ? `${moves.length}, ${MOVES_MAX} shown` : String(moves.length));
	text($("n-programs"), shown.length === programs.length && shown.length <= PROGRAMS_MAX ? String(programs.length) : `${Math.min(shown.length, PROGRAMS_MAX)} of ${programs.length}`);
	text($("n-ended"), ended.length ? (ended.length === ENDED_MAX ? `the latest ${ENDED_MAX}` : String(ended.length)) : "");
	text($("counts"), countsOf(programs));
	$("no-moves").hidden = moves.length > 0;
	$("no-programs").hidden = shown.length > 0;
	text($("no-programs"), programs.length ? "No program matches." : "No program.");
	$("no-ended").hidden = ended.length > 0;
	$("f-ended").hidden = ended.length === 0;
	announce(programs);
	sayNow();
}

// ---- asking -----------------------------------------------------------------------------------------------------------------------------------

let timer = 0, failures = 0, goodAt = 0;

function live(kind, picture, sentence) {
	const element = $("live");
	if (element.className !== `live ${kind}`)
		element.className = `live ${kind}`;
	setIcon(element.firstElementChild, picture);
	text(element.lastElementChild, sentence);
}

async function ask() {
	const answer = await fetch("/state", { cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(ASK_MS) });
	const body = await answer.json();
	if (!answer.ok)
		throw new Error(words(body.error && body.error.reason) || `status ${answer.status}`);
	return body;
}

function lost(error) {
	failures++;
	const since = goodAt ? `no answer for ${span((performance.now() - goodAt) / 1000)}` : "no answer";
	live("bad", "failed", `${since}${failures > 1 ? ", trying again" : ""}`);
	if (failures === 1)
		sayFirst("The host does not answer");
	if (!latest)
		showNotices([{ key: "lost", kind: "warn", text: words(error.message) || "No answer." }]);
	sayNow();
}

async function tick() {
	clearTimeout(timer);
	timer = 0;
	if (document.hidden)
		return;
	try {
		latest = await ask();
		you = latest.you || { acts: false };
		skew = number(latest.now) - Date.now() / 1000;
		if (failures)
			sayFirst("The host answers again");
		failures = 0;
		goodAt = performance.now();
		draw();
		live("good", "on", "live");
	} catch (error) {
		lost(error);
	}
	clearTimeout(timer);
	timer = setTimeout(tick, Math.min(LATE_MS, PERIOD_MS * 2 ** Math.min(failures, 4)));
}

document.addEventListener("visibilitychange", () => {
	if (document.hidden)
		live("", "waits", "paused, the page is hidden");
	else if (!timer)
		tick();
});
$("words").addEventListener("input", () => latest && draw());
$("filter").addEventListener("submit", event => event.preventDefault());

// ---- colours ----------------------------------------------------------------------------------------------------------------------------------

for (const input of document.querySelectorAll("input[name=theme]")) {
	input.checked = input.value === (document.documentElement.dataset.theme || "auto");
	input.addEventListener("change", () => {
		if (input.value === "auto")
			delete document.documentElement.dataset.theme;
		else
			document.documentElement.dataset.theme = input.value;
		try {
			localStorage.setItem("theme", input.value);
		} catch {
			// It holds until the page is left.
		}
	});
}

// ---- orders -----------------------------------------------------------------------------------------------------------------------------------

const ORDERS = {
	drain: { title: host => `Drain ${host}?`, go: "Drain", text: "All its programs move to other hosts, and none comes until it is undrained. A program that cannot move stays where it is, whole." },
	undrain: { title: host => `Let ${host} take programs again?`, go: "Undrain", text: "What the drain has moved away stays where it is now." },
	abort: { title: host => `Abort the drain of ${host}?`, go: "Abort", text: "Moves that are under way end. What has moved stays where it is, and nothing else moves." },
};
const dialog = $("order");
let order = null, came = null;

async function act(verb, node, confirm) {
	const answer = await fetch("/act", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-OptMig-Token": words(you.token) },
		body: JSON.stringify(confirm === undefined ? { verb, node } : { verb, node, confirm }), signal: AbortSignal.timeout(60000) });
	const body = await answer.json();
	if (!answer.ok || body.error)
		throw new Error(words(body.error && body.error.reason) || `status ${answer.status}`);
	return body.return || {};
}

function showPlan(rows, said) {
	const table = make("table"), body = make("tbody"), stuck = rows.filter(row => !row.to);
	for (const row of rows.slice(0, PROGRAMS_MAX))
		body.append(make("tr", "", make("td", "", words(row.program)), make("td", row.to ? "soft" : "bad", row.to ? `→ ${words(row.to)}` : `has nowhere to go: ${words(row.reason)}`)));
	table.append(body);
	const summary = rows.length === 0 ? words(said) || "No program is there." : stuck.length ? `${plural(stuck.length, "program has", "programs have")} nowhere to go: the drain will be refused.` :
		`${plural(rows.length, "program moves", "programs move")}.`;
	$("o-plan").replaceChildren(make("p", stuck.length ? "bad" : "", summary), table);
}

async function askPlan(node) {
	text($("o-plan"), "");
	$("o-plan").append(make("p", "", "Asking the cluster where each program would go …"));
	const mine = order;
	try {
		const said = await act("plan", node);
		if (order === mine)
			showPlan(list(said.plan), said.words);
	} catch (error) {
		if (order === mine)
			$("o-plan").replaceChildren(make("p", "bad", words(error.message)));
	}
}

function openOrder(verb, node) {
	const what = ORDERS[verb];
	if (!what)
		return;
	order = { verb, node, busy: false };
	came = document.activeElement;
	text($("o-title"), what.title(node));
	text($("o-text"), what.text);
	text($("o-go"), what.go);
	text($("o-error"), "");
	$("o-plan").replaceChildren();
	$("o-confirm").hidden = verb !== "drain";
	text($("o-label"), `Type ${node} to confirm`);
	$("o-name").value = "";
	$("o-go").disabled = verb === "drain";
	dialog.showModal();
	$(verb === "drain" ? "o-name" : "o-cancel").focus();
	if (verb === "drain")
		askPlan(node);
}

// What the command says beside the plan, which stands above.
function said(text) {
	const lines = text.split("\n").filter(line => line.trim()), own = lines.filter(line => line.startsWith("optmig: "));
	return (own.length ? own : lines).map(line => line.replace(/^optmig: (cluster \w+: )?/, "")).join(" ");
}

async function giveOrder() {
	const mine = order;
	if (!mine || mine.busy || $("o-go").disabled)
		return;
	mine.busy = true;
	$("o-go").disabled = true;
	text($("o-error"), "");
	try {
		const done = await act(mine.verb, mine.node, mine.verb === "drain" ? $("o-name").value : undefined);
		if (!done.done && !done.begun)
			throw new Error(said(words(done.words)) || "it was refused");
		sayFirst({ drain: `${mine.node} is being drained`, undrain: `${mine.node} takes programs again`, abort: `The drain of ${mine.node} is being aborted` }[mine.verb]);
		if (order === mine)
			dialog.close();
		tick();
	} catch (error) {
		if (order === mine) {
			text($("o-error"), words(error.message));
			$("o-go").disabled = mine.verb === "drain" && $("o-name").value !== mine.node;
		}
	}
	mine.busy = false;
}

$("o-name").addEventListener("input", () => { $("o-go").disabled = order.busy || $("o-name").value !== order.node; });
$("o-cancel").addEventListener("click", () => dialog.close());
$("o-form").addEventListener("submit", event => {
	event.preventDefault();
	giveOrder();
});
dialog.addEventListener("close", () => {
	order = null;
	if (came && came.isConnected)
		came.focus();
	came = null;
});

tick();
