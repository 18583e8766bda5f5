"""The site's own settings, with two more addresses that show what machine and framework can do."""

from alphanode.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
