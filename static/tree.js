// Draws [data-tree] with ECharts; the tables beside it hold the same. Mouse and keys do alike: a click or Enter on what
// has branches folds and unfolds it, on a leaf it opens the image.
(() => {
  "use strict";
  const ROW = 22, LEVEL = 210, WIDEST = 340, LABEL = 260, LONGEST = 44;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let loading;

  const load = (address) => {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return loading;
  };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shorten = (text) => text.length > LONGEST ? `${text.slice(0, LONGEST / 2 - 1)}…${text.slice(-LONGEST / 2)}` : text;

  class Tree {
    constructor(box) {
      this.box = box;
      this.says = document.getElementById("tree-says");
      this.root = JSON.parse(box.dataset.tree);
      this.chart = window.echarts.init(box);
      // The chart copies what it is given, so it gets numbers and no nodes, which know their parents.
      this.nodes = [];
      this.walk(this.root, null, 0);
      this.at = this.here ?? this.root;
      this.draw();
      this.chart.on("click", (event) => this.pick(this.nodes[event.data.key]));
      box.addEventListener("keydown", (event) => this.key(event));
      box.addEventListener("focus", () => this.draw());
      box.addEventListener("blur", () => this.draw());
      new ResizeObserver(() => this.chart.isDisposed() || this.fit()).observe(box.parentElement);
    }

    walk(node, parent, depth) {
      Object.assign(node, { parent, depth, key: this.nodes.push(node) - 1 });
      if (node.here) this.here = node;
      node.below = 0;
      for (const child of node.children ?? []) {
        this.walk(child, node, depth + 1);
        node.below += 1 + child.below;
      }
    }

    open(node) { return node.children?.length && !node.fold; }

    seen(node = this.root, found = []) {
      found.push(node);
      if (this.open(node)) for (const child of node.children) this.seen(child, found);
      return found;
    }

    shape(node) {
      const branches = node.children?.length > 0;
      const here = node === this.at && document.activeElement === this.box;
      const ink = node.here ? colour("--link") : colour("--ink");
      return {
        key: node.key,
        name: node.name,
        symbol: branches && node.fold ? "circle" : "emptyCircle",
        symbolSize: here ? 13 : 9,
        itemStyle: { color: node.bad ? colour("--high-fill") : colour("--muted"), borderColor: here ? colour("--link") : colour("--muted") },
        label: {
          formatter: shorten(node.name) + (branches && node.fold ? `  ▸ ${node.below}` : ""),
          color: node.id || node.here ? ink : colour("--muted"),
          fontWeight: node.here || here ? 600 : 400,
          backgroundColor: colour(here ? "--hover" : "--sheet"),
        },
        children: this.open(node) ? node.children.map((child) => this.shape(child)) : [],
      };
    }

    draw() {
      this.fit();
      this.chart.setOption({
        animation: !still.matches,
        animationDurationUpdate: 200,
        tooltip: { renderMode: "richText", confine: true, formatter: (event) => this.words(this.nodes[event.data.key]) },
        series: [{
          type: "tree",
          data: [this.shape(this.root)],
          top: 8, bottom: 8, left: 12, right: this.right,
          expandAndCollapse: false,
          initialTreeDepth: -1,
          lineStyle: { color: colour("--line"), width: 1.5 },
          label: { position: "right", distance: 6, fontSize: 12, padding: [2, 4], fontFamily: colour("--mono") },
          leaves: { label: { position: "right" } },
        }],
      });
    }

    fit() {
      const nodes = this.seen();
      const rows = nodes.filter((node) => !this.open(node)).length;
      const height = Math.max(64, rows * ROW + 16);
      const depth = Math.max(...nodes.map((node) => node.depth));
      const width = Math.max(this.box.parentElement.clientWidth, depth * LEVEL + LABEL);
      this.box.style.height = `${height}px`;
      this.box.style.width = `${width}px`;
      this.right = Math.max(LABEL, width - 12 - depth * WIDEST);
      this.chart.resize({ width, height });
    }

    words(node) {
      const parts = [node.name];
      if (node.bad) parts.push(`${node.bad} critical or high`);
      if (node.children?.length) parts.push(`${node.below} below, ${node.fold ? "folded" : "unfolded"}`);
      if (node.here) parts.push("this image");
      return parts.join(" · ");
    }

    go(node) {
      this.at = node;
      this.draw();
      if (this.says) this.says.textContent = this.words(node);
    }

    visit(node) {
      if (node.id && !node.here) window.location.assign(this.box.dataset.treeImage.replace("/0/", `/${node.id}/`));
    }

    pick(node) {
      if (node.children?.length && node !== this.root) node.fold = !node.fold;
      else this.visit(node);
      this.go(node);
    }

    key(event) {
      const nodes = this.seen();
      const place = nodes.indexOf(this.at);
      const to = {
        ArrowDown: () => nodes[place + 1],
        ArrowUp: () => nodes[place - 1],
        Home: () => nodes[0],
        End: () => nodes.at(-1),
        ArrowLeft: () => {
          if (this.open(this.at) && this.at.parent) { this.at.fold = true; return this.at; }
          return this.at.parent;
        },
        ArrowRight: () => {
          if (this.at.fold) { this.at.fold = false; return this.at; }
          return this.at.children?.[0];
        },
      }[event.key];
      if (to) {
        event.preventDefault();
        const node = to();
        if (node) this.go(node);
      } else if (event.key === "Enter" && this.at.id) {
        this.visit(this.at);
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        this.pick(this.at);
      }
    }
  }

  const trees = new Map();
  const look = async () => {
    for (const [box, tree] of trees) {
      if (!box.isConnected) { tree.chart.dispose(); trees.delete(box); }
    }
    const box = document.querySelector("[data-tree]");
    if (!box || trees.has(box)) return;
    try {
      await load(box.dataset.treeScript);
    } catch {
      box.parentElement.hidden = true;
      return;
    }
    if (box.isConnected && !trees.has(box)) trees.set(box, new Tree(box));
  };
  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("htmx:after:swap", look);
  new MutationObserver(() => trees.forEach((tree) => tree.draw())).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
