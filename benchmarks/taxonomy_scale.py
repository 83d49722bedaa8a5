"""Seconds and memory to import, check and compile a large generated DAG, from canonical JSON and from CSV.

usage: python benchmarks/taxonomy_scale.py [--nodes 30000] [--edges 42000] [--json]
Each format is read in a process of its own, so that peak memory is that of the import alone (libraries included).
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from taxonomy import Hierarchy, Node, Taxonomy, read_taxonomy
from taxonomy.formats.reading import write_taxonomy

FORMATS = ("canonical-json", "csv", "skos-turtle")


def generate(nodes: int, edges: int, seed: int = 0) -> Taxonomy:
    """A DAG of several roots: every node has a parent before it, some have more, until there are so many edges."""
    random = Random(seed)
    roots = 20
    parents = [{random.randrange(max(1, node // 8), node) if node > roots * 8 else random.randrange(roots)}
               if node >= roots else set() for node in range(nodes)]  # fmt: skip
    missing = edges - sum(map(len, parents))
    while missing > 0:
        node = random.randrange(roots, nodes)
        parent = random.randrange(max(1, node // 8), node)
        missing -= parent not in parents[node]
        parents[node].add(parent)
    return Taxonomy(Node(f"n{i}", f"node {i}", tuple(f"n{p}" for p in above)) for i, above in enumerate(parents))


def measure(path: Path) -> None:
    """Import, check and compile one file; print seconds and peak memory as JSON."""
    started = time.perf_counter()
    hierarchy = Hierarchy.compile(read_taxonomy(path))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"nodes": len(hierarchy), "edges": len(hierarchy.edges), "levels": hierarchy.depth,
                      "seconds": time.perf_counter() - started, "peak_mb": peak_mb}))  # fmt: skip


def main() -> None:
    """Generate, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=30_000)
    parser.add_argument("--edges", type=int, default=42_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    taxonomy = generate(options.nodes, options.edges)
    results = {}
    with TemporaryDirectory() as folder:
        for name in FORMATS:
            path = Path(folder) / name
            path.write_text(write_taxonomy(taxonomy, name), encoding="utf-8")
            done = subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True, capture_output=True)
            results[name] = json.loads(done.stdout)
    for name, result in results.items():
        if not options.json:
            print(f"{name:<16} {result['nodes']} nodes, {result['edges']} edges, {result['levels']} levels: "
                  f"{result['seconds']:.2f} s, {result['peak_mb']:.0f} MB at the peak")  # fmt: skip
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
