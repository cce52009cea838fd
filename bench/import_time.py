"""CPU seconds that `import npslim` takes beyond NumPy's own import: medians of fresh processes, taken in turn.

python bench/import_time.py [rounds]
"""

import os
import statistics
import subprocess
import sys

CODE = "import time; begin = time.process_time(); import {}; print(time.process_time() - begin)"


def seconds(module):
    """CPU seconds of one import in a fresh process."""
    compiled = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", CODE.format(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=compiled)
    return float(done.stdout)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    seconds("npslim")  # compile what is not compiled yet
    pairs = [(seconds("numpy"), seconds("npslim")) for _ in range(rounds)]
    numpy, npslim = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"import numpy {numpy:.3f} s, import npslim {npslim:.3f} s: {npslim - numpy:.3f} s beyond ({rounds} rounds)")


if __name__ == "__main__":
    main()
