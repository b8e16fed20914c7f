/**
 * Somebody else's extension in the same extension host: tells how late its event loop is and how large its heap, and
 * blocks it when asked to. Answers on BENCH_PROBE_PORT of loopback.
 */
const { createServer } = require('node:http');
const { monitorEventLoopDelay } = require('node:perf_hooks');
const v8 = require('node:v8');
const vm = require('node:vm');

exports.activate = () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const answers = {
    '/reset': () => {
      delay.reset();
      return {};
    },
    '/delay': () => ({ p50Ms: delay.percentile(50) / 1e6, p99Ms: delay.percentile(99) / 1e6 }),
    '/heap': () => {
      collect();
      collect();
      return { usedMb: process.memoryUsage().heapUsed / 1_048_576 };
    },
    '/block': () => {
      const until = performance.now() + 2_000;
      while (performance.now() < until);
      return {};
    },
  };
  createServer((request, response) => {
    response.end(JSON.stringify(answers[request.url]?.() ?? {}));
  }).listen(Number(process.env.BENCH_PROBE_PORT), '127.0.0.1');
};
