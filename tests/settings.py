"""Settings of the tests. Of the environment and .env, only DATABASE_URL counts."""

import os
import re
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / ".env.example"
for name in re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE):
    if name != "DATABASE_URL":
        os.environ.pop(name, None)
os.environ |= {"ENV_FILE": "", "DEBUG": "on", "SECRET_KEY": "a key for tests alone, as long as a real one must be"}

from alphanode.settings import *  # noqa: E402, F403 (the environment comes first)

# Hundreds of tests create accounts; a slow hash would protect none of them.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
