import uPlot from 'uplot';
import type { ChartQuery, ChartView, DashboardTexts } from './dashboard-messages.ts';
import { element } from './element.ts';

/** Theme colours of the series, in order, and what stands in where a theme leaves one out, as high contrast does. */
const colors = [
  ['blue', '#3794ff'],
  ['orange', '#d18616'],
  ['green', '#388a34'],
  ['purple', '#b180d7'],
  ['red', '#f14c4c'],
  ['yellow', '#cca700'],
] as const;
const heightPx = 220;

/** Of what is counted there are no halves. */
const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Stacked bars over time, with the same numbers as a table. */
export interface Chart {
  render(chart: ChartView, locale: string): void;
}

/** @param onQuery What the user wants to see. */
export function createChart(root: HTMLElement, texts: DashboardTexts, onQuery: (query: ChartQuery) => void): Chart {
  let query: ChartQuery = { range: 'day', measure: 'requests', by: 'account' };
  let shown: { readonly chart: ChartView; readonly locale: string } | undefined;
  let plot: uPlot | undefined;
  const picture = element('div', { class: 'chart', role: 'img' });
  const legend = element('ul', { class: 'legend' });
  const table = element('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': texts.asTable });
  const details = element('details', {}, [element('summary', {}, [texts.asTable]), table]);
  const empty = element('p', { class: 'note' }, [texts.noUsage]);
  const choose = (change: Partial<ChartQuery>) => {
    query = { ...query, ...change };
    onQuery(query);
  };
  root.replaceChildren(
    element('div', { class: 'controls' }, [
      select(texts.range, { day: texts.lastDay, month: texts.lastMonth }, (range) => choose({ range })),
      select(texts.measure, { requests: texts.requests, tokens: texts.tokens }, (measure) => choose({ measure })),
      select(texts.grouping, { account: texts.byAccount, model: texts.byModel }, (by) => choose({ by })),
    ]),
    empty,
    picture,
    legend,
    details,
  );

  function render(): void {
    plot?.destroy();
    plot = undefined;
    if (shown === undefined) return;
    const { chart, locale } = shown;
    const isEmpty = chart.series.length === 0;
    empty.hidden = !isEmpty;
    picture.hidden = isEmpty;
    details.hidden = isEmpty;
    legend.replaceChildren(...chart.series.map(({ label }, index) => legendEntry(label, index)));
    if (isEmpty) return;
    picture.setAttribute('aria-label', chart.summary);
    table.replaceChildren(tableOf(chart, texts, locale));
    plot = draw(picture, chart, locale);
  }

  // The width is the window's to change, the colours are the theme's.
  new ResizeObserver(() => plot?.setSize({ width: picture.clientWidth, height: heightPx })).observe(root);
  new MutationObserver(render).observe(document.body, { attributes: true, attributeFilter: ['class'] });
  return {
    render(chart, locale) {
      shown = { chart, locale };
      render();
    },
  };
}

function draw(root: HTMLElement, { startsMs, times, series }: ChartView, locale: string): uPlot {
  const style = getComputedStyle(document.body);
  const text = style.getPropertyValue('--vscode-foreground');
  const grid =
    style.getPropertyValue('--vscode-editorWidget-border') || style.getPropertyValue('--vscode-contrastBorder');
  const background = style.getPropertyValue('--vscode-editor-background');
  const compact = new Intl.NumberFormat(locale, { notation: 'compact' });
  // Each series is drawn from zero, the tallest first, so that the lower ones stand before it; nothing is no bar.
  const sums = startsMs.map(() => 0);
  const stacked = series.map(({ values }) =>
    values.map((value, at) => {
      const sum = (sums[at] ?? 0) + value;
      sums[at] = sum;
      return value === 0 ? null : sum;
    }),
  );
  const axis = {
    stroke: text,
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid },
    font: `12px ${style.fontFamily}`,
  };
  const bars = uPlot.paths.bars?.({ size: [0.8, 48], gap: 1 });
  return new uPlot(
    {
      width: root.clientWidth,
      height: heightPx,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: (_plot, least, most) => [least - 0.6, most + 0.6] },
        y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] },
      },
      axes: [
        { ...axis, grid: { show: false }, values: (_plot, splits) => splits.map((at) => times[at] ?? ''), space: 90 },
        {
          ...axis,
          values: (_plot, splits) => splits.map((value) => compact.format(value)),
          incrs: wholeSteps,
          size: 56,
        },
      ],
      series: [
        {},
        ...series
          .map((_, index) => ({
            fill: colorOf(index),
            // A line in the background's colour keeps neighbours apart where two colours look alike.
            stroke: background,
            width: 1,
            points: { show: false },
            ...(bars && { paths: bars }),
          }))
          .toReversed(),
      ],
    },
    [startsMs.map((_, at) => at), ...stacked.toReversed()],
    root,
  );
}

function colorOf(index: number): string {
  const [name, standIn] = colors[index % colors.length] ?? colors[0];
  return getComputedStyle(document.body).getPropertyValue(`--vscode-charts-${name}`).trim() || standIn;
}

function legendEntry(label: string, index: number): HTMLElement {
  const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  swatch.style.background = colorOf(index);
  return element('li', {}, [swatch, label]);
}

/** Only the times in which something happened: a screen reader would have to read every zero. */
function tableOf({ series, times, summary }: ChartView, texts: DashboardTexts, locale: string): HTMLElement {
  const number = new Intl.NumberFormat(locale);
  const rows = times.flatMap((time, at) =>
    series.every(({ values }) => (values[at] ?? 0) === 0)
      ? []
      : [
          element('tr', {}, [
            element('th', { scope: 'row' }, [time]),
            ...series.map(({ values }) => element('td', { class: 'number' }, [number.format(values[at] ?? 0)])),
          ]),
        ],
  );
  const head = [texts.time, ...series.map(({ label }) => label)].map((label) =>
    element('th', { scope: 'col' }, [label]),
  );
  return element('table', {}, [
    element('caption', {}, [summary]),
    element('thead', {}, [element('tr', {}, head)]),
    element('tbody', {}, rows),
  ]);
}

function select<Value extends string>(
  label: string,
  options: Readonly<Record<Value, string>>,
  onChange: (value: Value) => void,
): HTMLElement {
  const values = Object.keys(options).filter((value): value is Value => value in options);
  const made = document.createElement('select');
  made.append(...values.map((value) => element('option', { value }, [options[value]])));
  made.addEventListener('change', () => {
    const chosen = values.find((value) => value === made.value);
    if (chosen !== undefined) onChange(chosen);
  });
  return element('label', {}, [`${label} `, made]);
}
