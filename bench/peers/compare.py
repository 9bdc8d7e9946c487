#!/usr/bin/env python3
"""Compares the speed of this engine with PyTorch, numpy's OpenBLAS, HF tokenizers and llama.cpp.

Each program is a process that does one piece of work on request. The programs take turns, and the result is the ratio
of two programs' times in the same round, as the median over all rounds. On a shared machine the clock changes within
seconds, so figures from separate runs, or from one program after another, are not comparable. The script installs
nothing.

requires: JDK 25 and bench/target/benchmarks.jar (./build -pl bench -am package -DskipTests);
          Python with torch and numpy, and tokenizers for the group encode (see --python);
          for llama.cpp a folder (see --llama) in which `npm i --ignore-scripts node-llama-cpp` was run and make_gguf.py
          wrote m-f32.gguf, m-bf16.gguf, m-q8_0.gguf and m-q4_0.gguf. Models that are missing are skipped.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
JAR = ROOT / "bench/target/benchmarks.jar"
GEMM = ((960, 1536, 768), (1024, 768, 768), (1024, 3072, 768), (2048, 384, 384), (2048, 1536, 384), (2048, 256, 256))
TRAINING = (("laptop-15M", 8, 256), ("150M", 2, 512))
TYPES = (("f32", "f32"), ("bf16", "bf16"), ("q8", "q8_0"), ("q4", "q4_0"))
WHEN = ("commit", "date", "rounds", "flags")
GROUPS = ("gemm", "encode", "train", "prefill", "decode", "batch")


class Program:
    """A peer process that works on request."""

    def __init__(self, name, command, folder=None):
        self.name, self.answers = name, {}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
        self.bytes = None

    def pin(self, processor):
        """Pins all current threads of the process to one processor."""
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            with contextlib.suppress(ProcessLookupError):  # the thread may have ended
                os.sched_setaffinity(int(thread), {processor})

    def wait(self):
        line = self.process.stdout.readline()
        while line and not line.startswith("ready"):
            line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"error: {self.name} exited before it was ready")
        self.bytes = float(line.split()[1])

    def turn(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"error: {self.name} exited while it was working")
        self.answers.setdefault(line, []).append([float(number) for number in answer.split()])

    def peak(self):
        """Returns the peak resident memory in bytes, or None if the system does not report it."""
        with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/status", encoding="utf-8") as lines:
            return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def quartiles(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 4], statistics.median(ordered), ordered[(3 * len(ordered)) // 4]


class Comparison:
    def __init__(self, options):
        self.options, self.results = options, []
        self.java = [
            str(find_java()), "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            "-XX:Tier3DelayOn=1000", "-XX:MaxDirectMemorySize=64g", "-XX:+UseSerialGC", "-Xmn16m", "-cp", str(JAR),
            "org.tokenformer.bench.peers.Turns"]
        self.python = [*shlex.split(options.python), str(HERE / "torch_peer.py")]

    def ours(self, *arguments, name="TokenFormer"):
        return Program(name, [*self.java, *map(str, arguments)])

    def torch(self, name, *arguments):
        return Program(name, [*self.python, *map(str, arguments)])

    def llama(self, kind, work, threads):
        folder = self.options.llama
        if not folder or not (folder / f"m-{kind}.gguf").exists():
            return []
        peer = folder / "llama_peer.mjs"  # node looks for packages next to the script
        peer.write_text((HERE / "llama_peer.mjs").read_text())
        command = ["node", str(peer), f"m-{kind}.gguf", work, str(threads)]
        return [Program(f"llama.cpp {kind}", command, folder)]

    def run(self, group, what, threads, programs, lines, amount, unit, ceiling=None, memory=False):
        """Lets programs take turns at each line of work. amount(program, line) is the work per run, in units. If
        ceiling is given, rates are compared with that peak of the machine: 0 for GFLOP/s, 1 for GB/s. memory
        reports the peak memory of each process."""
        ceilings = self.ours("ceilings", threads) if ceiling is not None else None
        everyone = programs + ([ceilings] if ceilings else [])
        try:
            for program in everyone:
                program.wait()
                if threads == 1 and hasattr(os, "sched_setaffinity"):
                    # All on one processor: on a shared machine another may be half as fast.
                    program.pin(max(os.sched_getaffinity(0)))
            for line in lines:
                for i in range(self.options.rounds + 1):
                    for program in everyone if i % 2 else reversed(everyone):
                        program.turn("" if program is ceilings else line)
                self.report(group, what, threads, programs, line, amount, unit, ceilings, ceiling, memory)
                if ceilings:
                    ceilings.answers.clear()
        finally:
            for program in everyone:
                program.close()

    def report(self, group, what, threads, programs, line, amount, unit, ceilings, ceiling, memory):
        seconds = [[answer[0] for answer in p.answers[line][1:]] for p in programs]  # the first turn warms up
        for p, program in enumerate(programs):
            done = amount(program, line)
            result = {
                "group": group, "what": f"{what} {line}".strip(), "threads": threads, "program": program.name,
                "unit": unit, "rate": quartiles([done / s for s in seconds[p]]),
            }
            if p:
                result["ours"] = quartiles([
                    (amount(programs[0], line) / ours) / (done / s) for ours, s in zip(seconds[0], seconds[p])])
            elif ceilings:
                limits = [answer[ceiling] / 1e9 for answer in ceilings.answers[""][1:]]
                result["share"] = quartiles([done / s / limit for s, limit in zip(seconds[p], limits)])
                result["ceiling"] = quartiles(limits)
            if memory:
                result["memory"] = program.peak()
            self.results.append(result)
            print(line_of(result), flush=True)


def line_of(r):
    text = f"{r['group']:8} {r['what']:24} {r['threads']} thread{'s' if r['threads'] > 1 else ' '} "
    text += f"{r['program']:16} {r['rate'][1]:10.2f} {r['unit']:8}"
    if "share" in r:
        text += f" {100 * r['share'][1]:5.1f} % of peak ({100 * r['share'][0]:.1f}–{100 * r['share'][2]:.1f})"
    if "ours" in r:
        text += f" speed-up: ×{r['ours'][1]:.3f} ({r['ours'][0]:.3f}–{r['ours'][2]:.3f})"
    if r.get("memory"):
        text += f" {r['memory'] / 1e6:.0f} MB"
    return text


def between(quartile, form):
    return f"{form(quartile[1])} ({form(quartile[0])}–{form(quartile[2])})"


def page(facts, results):
    """Returns the results as Markdown, with median and quartiles over the rounds."""
    lines = ["# Comparison with other programs", ""]
    lines += [
        "Written by [compare.py](peers/compare.py), which lets the programs take turns. Figures are medians over the rounds,",
        "with the quartiles in parentheses. *speed-up* says how many times as fast TokenFormer did the same work in the same",
        "round; *fraction of peak* relates the rate to the peak of the machine in the same round, for fused multiply-adds in",
        "registers or for bytes read from memory; *memory* is the peak resident memory of the process.", ""]
    lines += [f"- {key}: {value}" for key, value in facts.items() if key not in WHEN]
    for group in dict.fromkeys(r["group"] for r in results):
        runs = (r for r in results if r["group"] == group)
        when = ", ".join(dict.fromkeys(f"commit {r['commit']}, {r['date']}, {r['rounds']} rounds" for r in runs))
        flags = ", ".join(dict.fromkeys(r.get("flags", "unknown") for r in results if r["group"] == group))
        memory = any(r.get("memory") for r in results if r["group"] == group)
        lines += ["", f"## {group}", "", f"{when}; flags {flags}", ""]
        lines += ["| work | threads | program | rate | fraction of peak | speed-up |" + (" memory |" if memory else "")]
        lines += ["|---|---|---|---|---|---|" + ("---|" if memory else "")]
        for r in (r for r in results if r["group"] == group):
            fraction = between(r["share"], lambda v: f"{100 * v:.1f} %") if "share" in r else ""
            speed_up = between(r["ours"], lambda v: f"×{v:.2f}") if "ours" in r else ""
            rate = between(r["rate"], lambda v: f"{v:.4g}") + " " + r["unit"]
            line = f"| {r['what'] or group} | {r['threads']} | {r['program']} | {rate} | {fraction} | {speed_up} |"
            lines.append(line + (f" {r['memory'] / 1e6:.0f} MB |" if r.get("memory") else ""))
    return "\n".join(lines) + "\n"


def find_java():
    script = f'. "{ROOT}/find-jdk.sh"; tf_find_jdk && echo "$JAVA_HOME"'
    home = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    if not home:
        raise SystemExit("error: no JDK 25 found; set JAVA_HOME")
    return pathlib.Path(home) / "bin/java"


def gemm(c):
    def flops(_, line):
        m, n, k = map(int, line.split())
        return 2e-9 * m * n * k

    lines = [" ".join(map(str, shape)) for shape in GEMM]
    for threads in sorted({1, c.options.threads}):
        programs = [
            c.ours("gemm", threads), c.torch("PyTorch", "gemm", "torch", threads),
            c.torch("OpenBLAS", "gemm", "numpy", threads)]
        if threads > 1:  # the gain from threads is comparable only within a round
            programs.append(c.ours("gemm", 1, name="TokenFormer, 1 thread"))
        c.run("gemm", "", threads, programs, lines, flops, "GFLOP/s", 0)


def encode(c):
    if not c.options.tokenizer or not c.options.text:
        print("encode is skipped: it requires --tokenizer and --text", file=sys.stderr)
        return
    files = [str(c.options.tokenizer.resolve()), str(c.options.text.resolve())]
    programs = [c.ours("encode", *files), c.torch("HF tokenizers", "encode", *files)]
    c.run("encode", "", 1, programs, [""], lambda p, _: p.bytes / 1e6, "MB/s")


def train(c):
    for preset, batch, sequence in TRAINING:
        arguments = ["train", preset, batch, sequence, c.options.threads]
        programs = [c.ours(*arguments), c.ours(*arguments, "recompute", name="TokenFormer --recompute")] + [
            c.torch(f"PyTorch {how}", "train", preset, batch, sequence, how, c.options.threads)
            for how in ("eager", "compile")]
        what = f"{preset} {batch}x{sequence}"
        c.run("train", what, c.options.threads, programs, [""], lambda *_: batch * sequence, "tok/s", memory=True)


def prefill(c):
    threads = c.options.threads
    programs = [c.ours("prefill", "150M", "f32", threads), c.torch("PyTorch", "prefill", "150M", threads)]
    programs += c.llama("f32", "prefill", threads)
    c.run("prefill", "150M f32", threads, programs, ["128", "512"], lambda _, line: int(line), "tok/s")


def decode(c):
    threads = c.options.threads
    for ours, theirs in TYPES:
        programs = [c.ours("decode", "150M", ours, threads)]
        if ours == "f32":
            programs.append(c.torch("PyTorch", "decode", "150M", threads))
        programs += c.llama(theirs, "decode", threads)
        gguf = c.options.gguf_bytes.get(theirs)
        read = lambda p, _: (gguf if p.name.startswith("llama") else p.bytes) / 1e9
        c.run("decode", f"150M {ours}", threads, programs, ["0"], read, "GB/s", 1)


def batch(c):
    threads = c.options.threads
    for ours in ("f32", "bf16", "q8", "q4"):
        programs = [c.ours("batch", "150M", ours, threads)]
        c.run("batch", f"150M {ours}", threads, programs, ["1", "4", "16"], lambda _, line: int(line), "tok/s")


def environment(c):
    cpu = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except OSError:
        pass
    version = subprocess.run([c.java[0], "-version"], capture_output=True, text=True).stderr.splitlines()[0]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT)
    return {
        "date": datetime.date.today().isoformat(), "processor": cpu, "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}", "java": version, "commit": commit.stdout.strip(),
        "flags": " ".join(c.java[1:-3]), "rounds": c.options.rounds,
    }


def save(options, facts, results):
    """Saves the results; called after every group, since a run takes long."""
    measured = {r["group"] for r in results}
    for r in results:
        r.update({key: facts[key] for key in WHEN})
    if options.json.exists():
        before = json.loads(options.json.read_text(encoding="utf-8"))["results"]
        results = [r for r in before if r["group"] not in measured] + results
    results = sorted(results, key=lambda r: GROUPS.index(r["group"]))
    options.json.write_text(json.dumps({"environment": facts, "results": results}, indent=1) + "\n", encoding="utf-8")
    if options.markdown:
        options.markdown.write_text(page(facts, results), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups to measure; default: " + ",".join(GROUPS))
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads; default: all processors")
    parser.add_argument("--rounds", type=int, default=11, help="rounds to measure, after one warm-up; default: 11")
    parser.add_argument("--python", default=sys.executable, help="Python with torch; default: the one in use")
    parser.add_argument("--llama", type=pathlib.Path, help="folder with node-llama-cpp and the m-*.gguf models")
    parser.add_argument("--tokenizer", type=pathlib.Path, help="tokenizer.json for the group encode")
    parser.add_argument("--text", type=pathlib.Path, help="text for the group encode")
    parser.add_argument("--json", type=pathlib.Path, help="JSON file for all figures; keeps those of other groups")
    parser.add_argument("--markdown", type=pathlib.Path, help="Markdown page of all figures in the --json file")
    options = parser.parse_args()
    if not JAR.exists():
        parser.error(f"{JAR} does not exist; run ./build -pl bench -am package -DskipTests")
    unknown = set(options.only.split(",")) - set(GROUPS)
    if unknown:
        parser.error(f"--only must be groups of {', '.join(GROUPS)}, not {', '.join(sorted(unknown))}")
    # Bytes of weights that llama.cpp reads per token, as printed by make_gguf.py: all but the embedding.
    elements = 12 * (4 * 768 * 768 + 2 * 3072 * 768) + 50304 * 768
    bits = {"f32": 32, "bf16": 16, "q8_0": 8.5, "q4_0": 4.5}
    options.gguf_bytes = {kind: elements * b / 8 for kind, b in bits.items()}
    if options.markdown and not options.json:
        parser.error("--markdown requires --json")
    comparison = Comparison(options)
    facts = environment(comparison)
    print(json.dumps(facts, indent=1))
    for group in options.only.split(","):
        globals()[group](comparison)
        if options.json:
            save(options, facts, comparison.results)


if __name__ == "__main__":
    main()
