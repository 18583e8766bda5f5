"""What is derived from live posts: terms, summaries, stored articles, search, counts."""
