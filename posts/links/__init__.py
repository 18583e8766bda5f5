"""The links of posts: what is wrong with an address, whether it still answers, and where it stands in a text."""
