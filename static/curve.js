// Draws [data-curve] with ECharts: findings by severity from scan to scan, as steps on top of each other. The table beside
// it holds the same.
(() => {
  "use strict";
  const LEVELS = ["critical", "high", "medium", "low", "unknown"];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let loading;

  const load = (address) => {
    if (window.echarts) return Promise.resolve();
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
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  class Curve {
    constructor(box) {
      this.box = box;
      this.rows = JSON.parse(box.dataset.curve);
      this.chart = window.echarts.init(box);
      this.draw();
      new ResizeObserver(() => this.chart.isDisposed() || this.chart.resize()).observe(box);
    }

    words(points) {
      const row = this.rows[points[0].dataIndex];
      const counts = LEVELS.map((level, place) => [level, row[place + 1]]).filter(([, number]) => number);
      return [day.format(row[0]), ...counts.map(([level, number]) => `${number} ${level}`)].join("\n");
    }

    draw() {
      const muted = colour("--muted"), line = colour("--line");
      this.chart.setOption({
        animation: !still.matches,
        animationDuration: 300,
        grid: { left: 4, right: 12, top: 12, bottom: 4, containLabel: true },
        tooltip: {
          trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colour("--raised"), borderColor: line,
          textStyle: { color: colour("--ink"), fontSize: 12 }, axisPointer: { type: "line", lineStyle: { color: muted } },
          formatter: (points) => this.words(points),
        },
        xAxis: { type: "time", axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitNumber: 3, axisLabel: { color: muted, fontSize: 11, hideOverlap: true } },
        yAxis: { type: "value", minInterval: 1, splitNumber: 3, axisLabel: { color: muted, fontSize: 11 }, splitLine: { lineStyle: { color: line } } },
        series: [...LEVELS].reverse().map((level) => ({
          name: level, type: "line", stack: "all", step: "end", symbol: "none", silent: true,
          lineStyle: { width: 0 }, areaStyle: { color: colour(`--${level}-fill`), opacity: 1 },
          data: this.rows.map((row) => [row[0], row[LEVELS.indexOf(level) + 1]]),
        })),
      }, true);
    }
  }

  const curves = new Map();
  const look = async () => {
    for (const [box, curve] of curves) {
      if (!box.isConnected) { curve.chart.dispose(); curves.delete(box); }
    }
    const box = document.querySelector("[data-curve]");
    if (!box || curves.has(box)) return;
    try {
      await load(box.dataset.curveScript);
    } catch {
      box.hidden = true;
      return;
    }
    if (box.isConnected && !curves.has(box)) curves.set(box, new Curve(box));
  };
  document.addEventListener("DOMContentLoaded", look);
  document.addEventListener("htmx:after:swap", look);
  new MutationObserver(() => curves.forEach((curve) => curve.draw())).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
})();
