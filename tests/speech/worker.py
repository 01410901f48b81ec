"""`stages.speech.process` with its arguments; each file that is read is noted in the file SIDE, and takes 2 ms more."""

import os
import sys
import time

from stages.speech import corpus, process

measure = corpus.measure


def traced(path):
    with open(os.environ["SIDE"], "a") as side:
        side.write(f"{path.name}\n")
    time.sleep(0.002)
    return measure(path)


corpus.measure = traced
sys.exit(process.main())
