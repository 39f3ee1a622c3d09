// What makes the host table search, narrow, sort and turn its pages. Without it the table's first part stands there.
"use strict";

(() => {
  const PAGE = 50; // rows on the screen: ten thousand would make every keystroke slow
  const PRINTED = 2000; // rows on paper: a fleet's whole list has a page of its own
  const HASH = "#hosts?";
  const STATES = ["running", "installed", "residual", "suspected"];
  const STANDINGS = { approved: "Approved", outside: "Not as approved", unapproved: "Not approved" };

  const data = JSON.parse(document.getElementById("host-data").textContent);
  const section = document.getElementById("hosts");
  const table = document.getElementById("fleet");
  const body = table.tBodies[0];
  const find = document.getElementById("find");
  const picks = [...document.querySelectorAll('input[name="outcome"]')];
  const shown = document.getElementById("shown");
  const wanted = document.getElementById("wanted");
  const pager = document.getElementById("pages");
  const number = new Intl.NumberFormat("en");
  const compare = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;

  // ---- the hosts

  const counts = data.verdictSets.map((letters) => {
    const count = { f: 0, u: 0, e: 0 };
    for (const letter of letters) if (letter in count) count[letter] += 1;
    return count;
  });
  const groupWords = data.groupSets.map((set) => set.map((group) => data.groups[group]).join(" "));
  const useWords = data.useSets.map((set) => set.map(([product]) => data.products[product].join(" ")).join(" "));
  const alive = data.useSets.map((set) => set.filter(([, state]) => state !== "residual").length);
  const rows = data.rows.map((row, place) => {
    const [name, page, outcome, complete, system, owner, site, groups, uses, verdicts, problems] = row;
    return { place, name, page, outcome, complete, system, owner, site, groups, uses, verdicts, problems, text: "" };
  });
  // What is searched, put together once: every part of it but the name is shared by many hosts.
  for (const row of rows) {
    const parts = [row.name, data.systems[row.system], data.owners[row.owner], data.sites[row.site]];
    row.text = [...parts, groupWords[row.groups], useWords[row.uses]].join("\n").toLowerCase();
  }

  // ---- what can be wanted: each field makes of a wanted value the test that a row must pass

  const among = (list, field) => (value) => {
    const place = list.indexOf(value === "" ? null : value);
    return (row) => row[field] === place;
  };
  const inSets = (sets, field, test) => {
    const fits = sets.map(test);
    return (row) => fits[row[field]];
  };
  const id = (list, value) => list.findIndex((one) => one[0] === value);
  const seenAs = (seen) => (use) => !seen || (STATES.includes(seen) ? use[1] === seen : use[2] === seen);

  const FIELDS = {
    outcome: (value) => {
      const place = id(data.outcomes, value);
      return (row) => row.outcome === place;
    },
    owner: among(data.owners, "owner"),
    site: among(data.sites, "site"),
    group: (value) => {
      const place = data.groups.indexOf(value);
      return inSets(data.groupSets, "groups", (set) => set.includes(place));
    },
  };

  function tests(state) {
    const made = [];
    for (const [name, make] of Object.entries(FIELDS)) if (name in state) made.push(make(state[name]));
    if ("subject" in state) {
      const place = data.problems.findIndex((one) => one[0] === state.control && one[1] === state.subject);
      made.push(inSets(data.problemSets, "problems", (set) => set.includes(place)));
    } else if ("control" in state || "verdict" in state) {
      const place = id(data.controls, state.control);
      const letter = (data.verdicts.find((one) => one[1] === state.verdict) || [])[0];
      const known = !("control" in state) || place >= 0;
      made.push(
        inSets(data.verdictSets, "verdicts", (letters) => {
          if (!known || ("verdict" in state && !letter)) return false;
          if (!("control" in state)) return letters.includes(letter);
          return letter ? letters[place] === letter : letters[place] !== "n";
        }),
      );
    }
    if ("product" in state || "seen" in state || "tenant" in state) {
      const product = id(data.products, state.product);
      const tenant = data.tenants.indexOf(state.tenant === "" ? null : state.tenant);
      const as = seenAs(state.seen);
      made.push(
        inSets(data.useSets, "uses", (set) =>
          set.some(
            (use) =>
              (!("product" in state) || use[0] === product) && as(use) && (!("tenant" in state) || use[3].includes(tenant)),
          ),
        ),
      );
    }
    const words = (state.q || "").toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) made.push((row) => words.every((word) => row.text.includes(word)));
    return made;
  }

  // ---- the address holds what is wanted, so that it can be copied, kept and gone back to

  const NAMES = ["q", "outcome", "control", "verdict", "subject", "product", "seen", "tenant", "site", "group", "owner"];
  let state = {};

  function read(hash) {
    const given = new URLSearchParams(hash.slice(HASH.length));
    const found = {};
    for (const name of NAMES) if (given.has(name)) found[name] = given.get(name);
    found.sort = given.get("sort") || "host";
    found.down = given.has("down");
    found.page = Math.max(1, Number.parseInt(given.get("page"), 10) || 1);
    return found;
  }

  function written() {
    const given = new URLSearchParams();
    for (const name of NAMES) if (name in state) given.set(name, state[name]);
    if (state.sort !== "host") given.set("sort", state.sort);
    if (state.down) given.set("down", "");
    if (state.page > 1) given.set("page", state.page);
    return HASH + given;
  }

  function change(changes, { keep = false } = {}) {
    const next = { ...state, page: 1, ...changes };
    for (const name of NAMES) if (next[name] === undefined || (name === "q" && !next.q)) delete next[name];
    if (!("control" in next)) delete next.subject;
    state = next;
    history[keep ? "replaceState" : "pushState"](null, "", written());
    show();
  }

  // ---- order

  const COLUMNS = ["host", "outcome", "system", "owner", "site", "fail", "unknown", "excepted", "products"];
  const ranks = (list) => {
    // What is not known comes last.
    const order = list.map((_, place) => place).sort((a, b) => (list[a] === null) - (list[b] === null) || compare(list[a], list[b]));
    const rank = [];
    order.forEach((place, at) => (rank[place] = at));
    return rank;
  };
  const orders = new Map();
  const ranked = (name) => {
    if (!orders.has(name)) orders.set(name, ranks(data[name]));
    return orders.get(name);
  };
  // Names stand as people count: host-2 before host-10.
  rows.sort((a, b) => compare(a.name, b.name) || a.place - b.place).forEach((row, rank) => (row.rank = rank));
  const KEYS = {
    host: (row) => row.rank,
    outcome: (row) => row.outcome,
    system: (row) => ranked("systems")[row.system],
    owner: (row) => ranked("owners")[row.owner],
    site: (row) => ranked("sites")[row.site],
    fail: (row) => counts[row.verdicts].f,
    unknown: (row) => counts[row.verdicts].u,
    excepted: (row) => counts[row.verdicts].e,
    products: (row) => alive[row.uses],
  };

  function inOrder(found) {
    if (state.sort === "host" && !state.down) return found;
    const key = KEYS[state.sort] || KEYS.host;
    const way = state.down ? -1 : 1;
    return found.sort((a, b) => way * (key(a) - key(b)) || a.rank - b.rank);
  }

  // ---- what is shown: text is only ever set as text

  const element = (tag, text, ...classes) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    made.className = classes.join(" ");
    return made;
  };

  function line(row) {
    const made = document.createElement("tr");
    const [outcome, word] = data.outcomes[row.outcome] || ["", "?"];
    made.dataset.o = outcome;
    const head = element("th");
    head.scope = "row";
    const link = element("a", row.name);
    link.href = `hosts/${row.page}`;
    head.append(link);
    const said = element("td");
    said.append(element("span", word, "chip", outcome));
    if (outcome === "noncompliant" && !row.complete) said.append(" ", element("small", "incomplete"));
    made.append(head, said);
    for (const text of [data.systems[row.system], data.owners[row.owner], data.sites[row.site]]) made.append(element("td", text ?? "—"));
    const { f, u, e } = counts[row.verdicts];
    for (const count of [f, u, e, alive[row.uses]]) made.append(element("td", String(count), "n", count ? "" : "nil"));
    return made;
  }

  let matching = rows;

  function fill(from, to) {
    body.replaceChildren(...matching.slice(from, to).map(line));
  }

  function show() {
    const all = tests(state);
    matching = inOrder(rows.filter((row) => all.every((test) => test(row))));
    const last = Math.max(1, Math.ceil(matching.length / PAGE));
    state.page = Math.min(state.page, last);
    const from = (state.page - 1) * PAGE;
    fill(from, from + PAGE);
    say(from, last);
    chips();
    controls();
  }

  function say(from, last) {
    const some = matching.length === rows.length ? `${number.format(rows.length)} hosts` : `${number.format(matching.length)} of ${number.format(rows.length)} hosts`;
    const part = last > 1 ? `, ${number.format(from + 1)} to ${number.format(Math.min(from + PAGE, matching.length))} shown` : "";
    shown.textContent = some + part;
    const focused = pager.contains(document.activeElement) ? document.activeElement.dataset.way : undefined;
    pager.hidden = last === 1;
    pager.replaceChildren(
      ...[["Previous", -1], ["Next", 1]].map(([name, way]) => {
        const button = element("button", name);
        button.type = "button";
        button.dataset.way = name;
        button.disabled = state.page + way < 1 || state.page + way > last;
        button.addEventListener("click", () => change({ page: state.page + way }));
        return button;
      }),
      element("span", `Page ${number.format(state.page)} of ${number.format(last)}`),
    );
    if (focused) [...pager.querySelectorAll("button:enabled")].sort((a) => (a.dataset.way === focused ? -1 : 1))[0]?.focus();
  }

  const TITLES = {
    control: ["Control", (value) => (data.controls[id(data.controls, value)] || [0, value])[1]],
    verdict: ["Verdict", (value) => (data.verdicts.find((one) => one[1] === value) || [0, 0, value])[2]],
    subject: ["Violation", (value) => value],
    product: ["Product", (value) => (data.products[id(data.products, value)] || [0, value])[1]],
    seen: ["Seen as", (value) => STANDINGS[value] || value],
    tenant: ["Tenant", (value) => value || "not told"],
    site: ["Site", (value) => value || "none"],
    group: ["Group", (value) => value],
    owner: ["Owner", (value) => value || "nobody"],
  };

  function chips() {
    const made = [];
    for (const [name, [title, words]] of Object.entries(TITLES)) {
      if (!(name in state)) continue;
      const chip = element("button", `${title}: ${words(state[name])}`);
      chip.type = "button";
      chip.title = "Take this away";
      chip.addEventListener("click", () => drop({ [name]: undefined }));
      made.push(chip);
    }
    if (made.length || state.q || "outcome" in state) {
      const all = element("button", "Show all hosts", "all");
      all.type = "button";
      all.addEventListener("click", () => drop(Object.fromEntries(NAMES.map((name) => [name, undefined]))));
      made.push(all);
    }
    wanted.replaceChildren(...made);
  }

  function drop(names) {
    change(names);
    find.focus(); // the button that had the focus is gone
  }

  // ---- controls

  const selects = {};

  function select(name, title, options, wide) {
    const field = element("div", undefined, wide ? "wider" : "");
    const label = element("label", title);
    const made = document.createElement("select");
    made.id = label.htmlFor = `narrow-${name}`;
    field.append(label, made);
    made.append(new Option("Any", "0"));
    const values = [undefined];
    for (const [value, text, group] of options) {
      const option = new Option(text, String(values.push(value) - 1));
      if (group === undefined) made.append(option);
      else {
        let box = made.lastElementChild;
        if (box.label !== group || box.tagName !== "OPTGROUP") {
          box = document.createElement("optgroup");
          box.label = group;
          made.append(box);
        }
        box.append(option);
      }
    }
    made.addEventListener("change", () => change({ [name]: values[Number(made.value)], ...(name === "control" ? { subject: undefined } : {}) }));
    document.getElementById("narrow").append(field);
    selects[name] = { made, values };
  }

  function controls() {
    // What is being typed is not written over.
    if (document.activeElement !== find || find.value.trim() !== (state.q || "").trim()) find.value = state.q || "";
    for (const pick of picks) pick.checked = pick.value === (state.outcome || "");
    for (const [name, { made, values }] of Object.entries(selects)) {
      const place = values.indexOf(state[name], 1);
      made.value = name in state ? (place < 0 ? "" : String(place)) : "0";
    }
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const is = COLUMNS[column] === state.sort;
      header.setAttribute("aria-sort", is ? (state.down ? "descending" : "ascending") : "none");
    });
  }

  function tally(list, field) {
    const count = list.map(() => 0);
    for (const row of rows) count[row[field]] += 1;
    return list
      .map((value, place) => [value ?? "", `${value ?? "none"} (${number.format(count[place])})`])
      .sort((a, b) => (a[0] === "") - (b[0] === "") || compare(a[0], b[0]));
  }

  function tallySets(list, sets, field, places) {
    const count = list.map(() => 0);
    for (const row of rows) for (const place of new Set(places(sets[row[field]]))) count[place] += 1;
    return count;
  }

  function build() {
    const byMitigation = [...data.controls].sort((a, b) => (a[2] < b[2] ? -1 : a[2] > b[2] ? 1 : 0));
    select("control", "Control", byMitigation.map(([value, title, mitigation]) => [value, title, mitigation]), true);
    select("verdict", "Verdict", data.verdicts.map(([, value, title]) => [value, title]));
    const uses = tallySets(data.products, data.useSets, "uses", (set) => set.map((use) => use[0]));
    select("product", "Product", data.products.map(([value, title], place) => [value, `${title} (${number.format(uses[place])})`]).sort((a, b) => compare(a[1], b[1])));
    select("seen", "Product is", [...STATES.map((one) => [one, one]), ...Object.entries(STANDINGS)]);
    select("site", "Site", tally(data.sites, "site"));
    const groups = tallySets(data.groups, data.groupSets, "groups", (set) => set);
    select("group", "Group", data.groups.map((value, place) => [value, `${value} (${number.format(groups[place])})`]).sort((a, b) => compare(a[0], b[0])));
    select("owner", "Owner", tally(data.owners, "owner"));
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = element("button", header.textContent);
      button.type = "button";
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const sort = COLUMNS[column];
        change({ sort, down: sort === state.sort && !state.down });
      });
    });
    find.addEventListener("input", () => change({ q: find.value }, { keep: true }));
    for (const pick of picks) pick.addEventListener("change", () => change({ outcome: pick.value || undefined }));
    document.querySelector(".tools").hidden = false;
    const part = document.getElementById("part");
    if (part) part.firstChild.textContent = "The screen shows fifty at a time: ";
  }

  function follow(hash) {
    if (hash.startsWith(HASH)) state = read(hash);
    else if (hash === "" || !("page" in state)) state = read(HASH);
    show();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(`a[href^="${HASH}"]`);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    history.pushState(null, "", link.getAttribute("href"));
    follow(location.hash);
    reveal();
  });

  function reveal() {
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
    section.scrollIntoView();
  }

  const paper = (on) => {
    if (!on) return show();
    fill(0, PRINTED);
    if (matching.length > PRINTED) shown.textContent = `${number.format(matching.length)} hosts, the first ${number.format(PRINTED)} printed`;
    else if (matching.length > PAGE) shown.textContent = `${number.format(matching.length)} of ${number.format(rows.length)} hosts`;
  };
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  addEventListener("popstate", () => follow(location.hash));

  build();
  follow(location.hash);
  if (location.hash.startsWith(HASH)) reveal();
})();
