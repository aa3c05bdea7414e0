"""`python measure.py REPORT COMMAND…` runs the command and writes its exit status and peak memory to REPORT.

A process of its own, because the kernel counts the memory of whoever starts a program into that program's
peak: the test process is large, this one is small.
"""

import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.run(sys.argv[2:], check=False).returncode
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    with open(sys.argv[1], "w") as report:
        print(status, peak, file=report)
