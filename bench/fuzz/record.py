#!/usr/bin/env python3
"""Sums up the rounds of bench/fuzz/campaign for git: testdata/fuzz/campaigns.tsv and, for each target, corpus.zip.

record.py [FUZZ_DIR]. A corpus.zip has the inputs that together cover what the whole corpus covers, the smallest first,
up to 70 kB. A line of campaigns.tsv is all that ran on a day: the commits, seeds, executions, seconds of CPU, edges and findings.
"""
import io, os, pathlib, subprocess, sys, tempfile, zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORD = ROOT / "testdata/fuzz"
MAX_BYTES = 70_000


def days(rounds):
    """One line for each target and day."""
    lines = {}
    for row in rounds:
        date, commit, target, seed, executions, cpu, edges, found = row.split("\t")
        line = lines.setdefault((target, date), [commit, commit, int(seed), int(seed), 0, 0, 0, 0])
        line[1], line[3] = commit, int(seed)
        for i, value in ((4, executions), (5, cpu), (7, found)):
            line[i] += int(value)
        line[6] = max(line[6], int(edges))
    return lines


def write_counts(folder):
    lines = days((folder / "rounds.tsv").read_text().splitlines()[1:])
    table = RECORD / "campaigns.tsv"
    kept = {}
    if table.exists():
        for row in table.read_text().splitlines()[1:]:
            kept[tuple(row.split("\t")[:2])] = row
    for (target, date), (first, last, low, high, executions, cpu, edges, found) in lines.items():
        kept[target, date] = f"{target}\t{date}\t{first}..{last}\t{low}-{high}\t{executions}\t{cpu}\t{edges}\t{found}"
    header = "target\tdate\tcommits\tseeds\texecutions\tcpu_s\tedges\tfound"
    table.write_text("\n".join([header] + [kept[key] for key in sorted(kept)]) + "\n")


def covering(target):
    """The inputs that cover all, the smallest first."""
    with tempfile.TemporaryDirectory() as merged:
        subprocess.run([ROOT / "bench/fuzz/campaign", target, "merge", merged], check=True, stdout=subprocess.DEVNULL)
        files = sorted(pathlib.Path(merged).iterdir(), key=lambda file: (file.stat().st_size, file.name))
        return [(file.name, file.read_bytes()) for file in files]


def write_corpus(target):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for count, (name, data) in enumerate(covering(target)):
            if packed.tell() + len(data) + 60 * count > MAX_BYTES:  # the directory follows
                break
            archive.writestr(zipfile.ZipInfo(name[:8]), data, zipfile.ZIP_DEFLATED)
    (RECORD / target).mkdir(exist_ok=True)
    (RECORD / target / "corpus.zip").write_bytes(packed.getvalue())


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FUZZ_DIR", ROOT / "target/fuzz"))
    os.environ["FUZZ_DIR"] = str(folder)
    write_counts(folder)
    for corpus in sorted(folder.glob("*/corpus")):
        write_corpus(corpus.parent.name)


if __name__ == "__main__":
    main()
