"""Measure the synthesizer: articles a second of processor time, and how often their sentences repeat.

Usage: python bench/synthesis.py [--count N] [--seed S]
"""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The share of sentences is told of so many articles.
TOGETHER = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from posts.synthesis import synthesize_record
    from tests.test_synthesis import sentences_of

    synthesize_record(arguments.seed)
    seconds, highest = 0.0, 0.0
    # An import keeps no article either: thousands of them would make work for the collector of garbage alone.
    for first in range(0, arguments.count, TOGETHER):
        began = time.process_time()
        articles = [synthesize_record(arguments.seed + first + number) for number in range(TOGETHER)]
        seconds += time.process_time() - began
        told = Counter(sentence for record in articles for sentence in sentences_of(record))
        highest = max(highest, 100 * told.most_common(1)[0][1] / TOGETHER)
    made = TOGETHER * -(-arguments.count // TOGETHER)
    print(f"{'articles a second and core':<48}{made / seconds:>9,.0f}")
    print(f"{f'most common sentence of {TOGETHER} articles, percent':<48}{highest:>9.1f}")


if __name__ == "__main__":
    main()
