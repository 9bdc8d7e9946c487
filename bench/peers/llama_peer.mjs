// Runs llama.cpp through node-llama-cpp as a peer of compare.py.
// usage: node llama_peer.mjs MODEL.gguf prefill|decode THREADS
// Each line on standard input requests work; for prefill it is the number of tokens.
// The answer is the median time in seconds.
import {createInterface} from "node:readline";
import {getLlama} from "node-llama-cpp";

const TURN = 300;
const [path, kind, threads] = process.argv.slice(2);
const llama = await getLlama({build: "never", gpu: false, logLevel: "error"});
const model = await llama.loadModel({modelPath: path});
const context = await model.createContext({contextSize: 1024, threads: Number(threads), batchSize: 512});
const sequence = context.getSequence();
const ids = (count) => Array.from({length: count}, (_, i) => 100 + ((i * 7919) % 40000));

const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

async function prefill(count) {
  const times = [];
  const start = performance.now();
  do {
    await sequence.clearHistory();
    const before = performance.now();
    await sequence.evaluate(ids(count), {temperature: 0}).next();
    times.push(performance.now() - before);
  } while (performance.now() - start < TURN);
  return median(times) / 1000;
}

async function decode() {
  await sequence.clearHistory();
  const tokens = sequence.evaluate(ids(1), {temperature: 0});
  await tokens.next();
  const times = [];
  const start = performance.now();
  do {
    const before = performance.now();
    const next = await tokens.next();
    if (next.done) break;
    times.push(performance.now() - before);
  } while (performance.now() - start < TURN && times.length < 256);
  return median(times) / 1000;
}

console.log("ready 0");
for await (const line of createInterface({input: process.stdin})) {
  console.log(kind === "prefill" ? await prefill(Number(line)) : await decode());
}
process.exit(0);
